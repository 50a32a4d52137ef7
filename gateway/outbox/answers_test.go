package outbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/outbox"
	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// voice is another server that says what it is told to, signed by the key of that number; 0 signs not.
type voice struct {
	status int
	body   string
	key    byte
	asked  []string
}

func (v *voice) RoundTrip(r *http.Request) (*http.Response, error) {
	v.asked = append(v.asked, r.Method+" "+r.URL.Path)
	resp := &http.Response{StatusCode: v.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(v.body)), Request: r}
	if v.key != 0 {
		signed.Answer(resp.Header, r, v.status, []byte(v.body), keyOf(v.key))
	}
	return resp, nil
}

func client(rt http.RoundTripper, url string) *outbox.Client {
	return &outbox.Client{URL: url, Peer: serverOf(2), Key: keyOf(1), HTTP: &http.Client{Transport: rt}, Now: time.Now}
}

// TestAnswersAreJudged: what class a refusal has says whether it is tried again by itself.
func TestAnswersAreJudged(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		key    byte
		body   string
		class  sync.Class
		text   string
	}{
		{"a balancer's page", 200, 0, "<html>", sync.ClassOperator, "https://live answers 200: the answer is not signed by a gateway: "},
		{"another gateway", 200, 3, "{}", sync.ClassOperator, "https://live answers with the key " + string(serverOf(3)) + ", not " +
			string(serverOf(2)) + ": correct sync.peers"},
		{"another gateway's refusal", 503, 3, "x", sync.ClassOperator, "https://live answers with the key " + string(serverOf(3))},
		{"400", 400, 2, "bad", sync.ClassOperator, "https://live answers 400: bad"},
		{"401", 401, 0, "who", sync.ClassOperator, "https://live answers 401: who"},
		{"403", 403, 2, "no", sync.ClassOperator, "https://live answers 403: no"},
		{"404", 404, 0, "where", sync.ClassOperator, "https://live answers 404: where"},
		{"409", 409, 2, "x", sync.ClassOperator, "https://live answers 409: x"},
		{"421", 421, 0, "x", sync.ClassOperator, "https://live answers 421: x"},
		{"426", 426, 2, "x", sync.ClassOperator, "https://live answers 426: x"},
		{"507", 507, 2, "x", sync.ClassOperator, "https://live answers 507: x"},
		{"429", 429, 2, "slow", sync.ClassLater, "https://live answers 429: slow"},
		{"500", 500, 2, "x", sync.ClassLater, "https://live answers 500: x"},
		{"502 of a balancer", 502, 0, " <html>\n", sync.ClassLater, "https://live answers 502: <html>"},
		{"503", 503, 2, "", sync.ClassLater, "https://live answers 503: "},
		{"504 of a balancer", 504, 0, "x", sync.ClassLater, "https://live answers 504: x"},
		{"204", 204, 2, "", sync.ClassLater, "https://live answers 204: "},
		{"a long page", 500, 0, strings.Repeat("x", 1<<20), sync.ClassLater, "https://live answers 500: " + strings.Repeat("x", 400)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &voice{status: tt.status, body: tt.body, key: tt.key}
			h, err := client(v, "https://live").Hello(t.Context(), sync.Hello{})
			var r *outbox.Refusal
			if !errors.As(err, &r) {
				t.Fatalf("%+v, error %v", h, err)
			}
			if r.Class != tt.class || r.Status != tt.status || !strings.HasPrefix(r.Error(), tt.text) || len(r.Text) > 500 {
				t.Errorf("class %s, status %d, %s; want %s, %s", r.Class, r.Status, r.Text, tt.class, tt.text)
			}
			if h.Name != "" || len(v.asked) != 1 {
				t.Errorf("hello %+v after %q", h, v.asked)
			}
		})
	}
}

// TestAnAnswerOfAnotherRequestCounts for nothing: it was signed for what was asked then.
func TestAnAnswerOfAnotherRequestCounts(t *testing.T) {
	var old http.Header
	replay := roundTrip(func(r *http.Request) (*http.Response, error) {
		resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"name":"live"}`)), Request: r}
		if old == nil {
			old = http.Header{}
			signed.Answer(old, r, 200, []byte(`{"name":"live"}`), keyOf(2))
		}
		resp.Header = old
		return resp, nil
	})
	c := client(replay, "https://live")
	if _, err := c.Hello(t.Context(), sync.Hello{}); err != nil {
		t.Fatal(err)
	}
	var r *outbox.Refusal
	if _, err := c.Hello(t.Context(), sync.Hello{}); !errors.As(err, &r) || r.Class != sync.ClassOperator ||
		!strings.Contains(r.Text, "the answer is not signed by a gateway") {
		t.Errorf("an old answer was taken: %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestSignedAnswersThatSayNothing: a peer that is who it should be may still say what is no answer.
func TestSignedAnswersThatSayNothing(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "unexpected end of JSON input"},
		{"cut", `{"answers":[`, "unexpected end of JSON input"},
		{"a list", `[]`, "cannot unmarshal array"},
		{"two answers", `{} {}`, "invalid character '{' after top-level value"},
		{"a page", `<html>`, "invalid character '<'"},
		{"more than a message may have", `{"x":"` + strings.Repeat("x", sync.MaxMessage) + `"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &voice{status: 200, body: tt.body, key: 2}
			if a, err := client(v, "https://live").Offer(t.Context(), sync.Offer{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v, error %v, want %s", a, err, tt.want)
			}
		})
	}
}

// TestAnswersAreHeldAgainstTheOffer: too few, too many, and about another change.
func TestAnswersAreHeldAgainstTheOffer(t *testing.T) {
	id := func(k uint64) sync.ID { return sync.ID{Origin: serverOf(1), Counter: k} }
	offer := func(all ...uint64) (o sync.Offer) {
		for _, k := range all {
			c := &sync.Change{ID: id(k), Object: "s/article/a", Op: sync.Delete, Stamp: sync.Stamp{Milli: 1}}
			c.Sign(keyOf(1))
			o.Changes = append(o.Changes, sync.Offered{Change: c})
		}
		return o
	}
	answers := func(all ...uint64) string {
		var a sync.Answers
		for _, k := range all {
			a.Answers = append(a.Answers, sync.Answer{ID: id(k)})
		}
		b, err := json.Marshal(a)
		must(t, err)
		return string(b)
	}
	for _, tt := range []struct {
		name  string
		offer sync.Offer
		body  string
		want  string // the error; empty: none
	}{
		{"one", offer(1), answers(1), ""},
		{"two", offer(1, 2), answers(1, 2), ""},
		{"none of none", offer(), `{}`, ""},
		{"none of one", offer(1), `{}`, "0 answers to 1 changes"},
		{"one of two", offer(1, 2), answers(1), "1 answers to 2 changes"},
		{"two of one", offer(1), answers(1, 2), "2 answers to 1 changes"},
		{"in another order", offer(1, 2), answers(2, 1), "the answer to " + id(1).String() + " is about " + id(2).String()},
		{"one twice", offer(1, 2), answers(1, 1), "the answer to " + id(2).String() + " is about " + id(1).String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := client(&voice{status: 200, body: tt.body, key: 2}, "https://live")
			for name, call := range map[string]func(context.Context, sync.Offer) (sync.Answers, error){"offer": c.Offer, "deliver": c.Deliver} {
				_, err := call(t.Context(), tt.offer)
				if got := text(err); got != tt.want {
					t.Errorf("%s: error %q, want %q", name, got, tt.want)
				}
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestPathsOfCalls: a slash behind the URL makes no second one.
func TestPathsOfCalls(t *testing.T) {
	for url, want := range map[string]string{"https://live": sync.Path, "https://live/": sync.Path, "https://live/in": "/in" + sync.Path} {
		v := &voice{status: 200, body: `{}`, key: 2}
		c := client(v, url)
		_, err := c.Hello(t.Context(), sync.Hello{})
		must(t, err)
		_, err = c.Compare(t.Context(), sync.Compare{})
		must(t, err)
		if got := strings.Join(v.asked, ", "); got != "POST "+want+"hello, POST "+want+"compare" {
			t.Errorf("%s: asked %s", url, got)
		}
	}
}

// TestContentsThatCannotBeSent: an error of either end ends it, and says how much went.
func TestContentsThatCannotBeSent(t *testing.T) {
	content := []byte("0123456789")
	d := sync.DigestOf(content)
	for _, tt := range []struct {
		name    string
		body    string
		content io.Reader
		size    int64
		asked   int
		want    string
	}{
		{"all is there", `{"have":10}`, bytes.NewReader(content), 10, 1, ""},
		{"the other has more than there is", `{"have":11}`, bytes.NewReader(content), 10, 1, "EOF"},
		{"it says nothing", `x`, bytes.NewReader(content), 10, 1, "invalid character 'x' looking for beginning of value"},
		{"it does not grow", `{"have":0}`, bytes.NewReader(content), 10, 2, "0 bytes of a content are at the other end, not 10"},
		{"the content is shorter than it is said to be", `{"have":0}`, bytes.NewReader(content[:4]), 10, 1, "unexpected EOF"},
		{"there is no content", `{"have":0}`, bytes.NewReader(nil), 10, 1, "EOF"},
		{"nothing is to be sent", `{"have":0}`, bytes.NewReader(nil), 0, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &voice{status: 200, body: tt.body, key: 2}
			_, err := client(v, "https://live").Blob(t.Context(), d, tt.size, tt.content)
			if text(err) != tt.want || len(v.asked) != tt.asked {
				t.Errorf("error %v after %q, want %q", err, v.asked, tt.want)
			}
			if v.asked[0] != "GET "+sync.Path+"blobs/"+d.String() {
				t.Errorf("asked %q", v.asked)
			}
		})
	}
}
