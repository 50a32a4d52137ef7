package outbox

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/stagelock/stagelock/tunnel/signed"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Client speaks to one other server. It is safe for concurrent use.
type Client struct {
	URL    string        // of the other gateway, such as https://test.example.com:8443
	Peer   sync.ServerID // whose answers count
	Rights func() Rights // what is sent to it
	Sole   bool          // no other server gets anything from here
	Key    ed25519.PrivateKey
	HTTP   *http.Client
	Now    func() time.Time
}

// Rights are what may be sent to a server. The zero Rights are nothing.
type Rights struct {
	Open   bool // it is a peer
	Kinds  []string
	Covers func(o sync.Object) bool    // of these kinds
	Where  func(setting string) string // says where a setting is written, for people; nil: nobody knows
}

// Refusal is an answer that says that nothing of what was sent is taken.
type Refusal struct {
	Status int
	Class  sync.Class
	Text   string
}

func (e *Refusal) Error() string { return e.Text }

// classes are those of a status, as far as it says one.
var classes = map[int]sync.Class{
	http.StatusBadRequest: sync.ClassOperator, http.StatusUnauthorized: sync.ClassOperator, http.StatusForbidden: sync.ClassOperator,
	http.StatusNotFound: sync.ClassOperator, http.StatusConflict: sync.ClassOperator, http.StatusUpgradeRequired: sync.ClassOperator,
	http.StatusInsufficientStorage: sync.ClassOperator, http.StatusMisdirectedRequest: sync.ClassOperator,
}

// Hello tells the other what this server is, and returns what it says of itself.
func (c *Client) Hello(ctx context.Context, h sync.Hello) (other sync.Hello, err error) {
	return other, c.call(ctx, "hello", h, &other)
}

// Offer asks which changes are wanted.
func (c *Client) Offer(ctx context.Context, o sync.Offer) (a sync.Answers, err error) {
	return a, c.answers(ctx, "offer", o, &a)
}

// Deliver sends changes that were wanted.
func (c *Client) Deliver(ctx context.Context, o sync.Offer) (a sync.Answers, err error) {
	return a, c.answers(ctx, "deliver", o, &a)
}

// Compare asks what the other shows, for those who look for differences.
func (c *Client) Compare(ctx context.Context, q sync.Compare) (p sync.Page, err error) {
	return p, c.call(ctx, "compare", q, &p)
}

// answers wants one for each change, in order.
func (c *Client) answers(ctx context.Context, name string, o sync.Offer, a *sync.Answers) error {
	if err := c.call(ctx, name, o, a); err != nil {
		return err
	}
	if len(a.Answers) != len(o.Changes) {
		return fmt.Errorf("%d answers to %d changes", len(a.Answers), len(o.Changes))
	}
	for i := range a.Answers {
		if a.Answers[i].ID != o.Changes[i].Change.ID {
			return fmt.Errorf("the answer to %s is about %s", o.Changes[i].Change.ID, a.Answers[i].ID)
		}
	}
	return nil
}

// Part says how much of a content the other has.
type Part struct {
	Have int64 `json:"have"`
}

// chunk is how much of a large content travels in one request.
const chunk = 4 << 20

// Blob sends a content of that size, from where it broke off the last time.
func (c *Client) Blob(ctx context.Context, d sync.Digest, size int64, content io.Reader) (sent int64, err error) {
	var at Part
	if err := c.send(ctx, http.MethodGet, "blobs/"+d.String(), nil, &at); err != nil {
		return 0, err
	}
	if _, err := io.CopyN(io.Discard, content, at.Have); err != nil {
		return 0, err
	}
	buf := make([]byte, min(chunk, size))
	for at.Have < size {
		n, err := io.ReadFull(content, buf[:min(int64(len(buf)), size-at.Have)])
		if err != nil {
			return sent, err
		}
		from := at.Have
		if err := c.send(ctx, http.MethodPut, fmt.Sprintf("blobs/%s/%d/%d", d, at.Have, size), buf[:n], &at); err != nil {
			return sent, err
		}
		sent += int64(n)
		if want := from + int64(n); at.Have != want && at.Have != size {
			return sent, fmt.Errorf("%d bytes of a content are at the other end, not %d", at.Have, want)
		}
	}
	return sent, nil
}

func (c *Client) call(ctx context.Context, name string, in, out any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a change keeps its bytes
	if err := e.Encode(in); err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, name, b.Bytes(), out)
}

func (c *Client) send(ctx context.Context, method, name string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+sync.Path+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	signed.Sign(r, body, c.Key, c.Now(), nonce)
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, sync.MaxMessage+1))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if err := c.judge(resp, r, answer); err != nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// judge wants a good answer that the peer signed. One that is not signed is a balancer's, or that of a
// gateway that does not know this one.
func (c *Client) judge(resp *http.Response, r *http.Request, body []byte) error {
	key, err := signed.VerifyAnswer(resp, r, body)
	if err == nil && sync.IDOf(key) != c.Peer {
		return &Refusal{Status: resp.StatusCode, Class: sync.ClassOperator,
			Text: fmt.Sprintf("%s answers with the key %s, not %s: correct sync.peers", c.URL, sync.IDOf(key), c.Peer)}
	}
	if resp.StatusCode == http.StatusOK && err == nil {
		return nil
	}
	class := classes[resp.StatusCode]
	if class == "" {
		class = sync.ClassLater
	}
	text := strings.TrimSpace(string(body[:min(len(body), 400)]))
	if resp.StatusCode == http.StatusOK {
		class, text = sync.ClassOperator, "the answer is not signed by a gateway: "+err.Error()
	}
	return &Refusal{Status: resp.StatusCode, Class: class, Text: fmt.Sprintf("%s answers %d: %s", c.URL, resp.StatusCode, text)}
}
