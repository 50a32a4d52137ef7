package syncserver_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

func emptyDigest(key string) string {
	sum := sha1.Sum([]byte(string(nonce[:]) + "2026-01-02T03:04:05Z" + key))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func codeOf(t *testing.T, err error) refusal.Code {
	t.Helper()
	if err == nil {
		return ""
	}
	var r *refusal.Error
	if !errors.As(err, &r) {
		t.Fatalf("an error that is no refusal: %v", err)
	}
	return r.Code
}

func TestFixtures(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			got, err := peer(t).Admit(strings.NewReader(f.m.String()), created, book())
			if code := codeOf(t, err); code != f.code {
				t.Fatalf("code %q, want %q: %v", code, f.code, err)
			}
			if err != nil {
				if !reflect.DeepEqual(got, syncserver.Admitted{}) {
					t.Error("a refused call came back")
				}
				return
			}
			again(t, peer(t), got)
		})
	}
}

// again holds that what was accepted is written to a form that is read to the same, and written to
// the same bytes.
func again(t *testing.T, p syncserver.Peer, got syncserver.Admitted) {
	t.Helper()
	wrote := syncserver.Request(got.Envelope, got.Task, assembly)
	twice, err := p.Admit(bytes.NewReader(wrote), got.Envelope.Token.Created, book())
	if err != nil {
		t.Fatalf("what we wrote is refused: %v\n%s", err, wrote)
	}
	if !reflect.DeepEqual(got, twice) {
		t.Fatalf("read %+v\nthen %+v", got, twice)
	}
	if more := syncserver.Request(twice.Envelope, twice.Task, assembly); !bytes.Equal(wrote, more) {
		t.Fatalf("wrote %s\nthen %s", wrote, more)
	}
}

func TestNothingOfTheSendersMarkupIsWritten(t *testing.T) {
	m := with(update(), func(m *message) { m.cdata = true })
	got, err := peer(t).Admit(strings.NewReader(m.String()), created, book())
	if err != nil {
		t.Fatal(err)
	}
	wrote := string(syncserver.Request(got.Envelope, got.Task, assembly))
	for _, mark := range []string{"CDATA", "x:Envelope", "E:Envelope", "k:Staging", `u:Id`, `"r1"`} {
		if strings.Contains(wrote, mark) {
			t.Errorf("%s went on", mark)
		}
	}
	if name := got.Task.Data.Rows[0].Columns[0].Value; name != "Home & garden" {
		t.Errorf("the name of the page is %q", name)
	}
	plainly, err := peer(t).Admit(strings.NewReader(update().String()), created, book())
	if err != nil || !bytes.Equal(syncserver.Request(plainly.Envelope, plainly.Task, assembly), []byte(wrote)) {
		t.Errorf("escaped text and CDATA are two calls: %v", err)
	}
}

func TestTokenInTimeAndOnce(t *testing.T) {
	first := book()
	other := with(update(), func(m *message) { m.data = strings.Replace(page, "Home", "Away", 1) })
	stamped := with(update(), func(m *message) {
		m.beside = "<u:Timestamp><u:Created>2026-01-02T03:04:05Z</u:Created><u:Expires>2026-01-02T03:05:05Z</u:Expires></u:Timestamp>"
	})
	forged := with(update(), func(m *message) { m.token = wsToken("AAAAAAAAAAAAAAAAAAAAAAAAAAA=") })
	for _, step := range []struct {
		name  string
		m     message
		now   time.Time
		first token.First
		code  refusal.Code
	}{
		{"a forged token", forged, created, first, refusal.Credentials},
		{"20 minutes old", update(), created.Add(20 * time.Minute), first, refusal.Stale},
		{"from the future", update(), created.Add(-301 * time.Second), first, refusal.Stale},
		{"the first time, at the last moment", update(), created.Add(300 * time.Second), first, ""},
		{"sent twice", update(), created, first, refusal.Replay},
		{"the same token, another body", other, created, first, refusal.Replay},
		{"a timestamp that holds", stamped, created, book(), ""},
		{"a timestamp that ended", stamped, created.Add(time.Minute), book(), refusal.Stale},
	} {
		_, err := peer(t).Admit(strings.NewReader(step.m.String()), step.now, step.first)
		if code := codeOf(t, err); code != step.code {
			t.Errorf("%s: code %q, want %q", step.name, code, step.code)
		}
	}
}

func TestStoreThatFailsRefusesNobodyAndAdmitsNobody(t *testing.T) {
	down := errors.New("the store is down")
	_, err := peer(t).Admit(strings.NewReader(update().String()), created,
		func([16]byte) (bool, error) { return true, down })
	if !errors.Is(err, down) {
		t.Fatalf("got %v", err)
	}
}

// counting says how much of the body was read.
type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestBodyOfAStrangerIsNotRead(t *testing.T) {
	m := with(update(), func(m *message) {
		m.token = wsToken("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
		m.data = "<N><CMS_Document><A>" + strings.Repeat("a", 1<<20) + "</A></CMS_Document></N>"
	})
	in := &counting{r: strings.NewReader(m.String())}
	_, err := peer(t).Admit(in, created, book())
	if codeOf(t, err) != refusal.Credentials || in.n > 64<<10 {
		t.Errorf("%d bytes were read: %v", in.n, err)
	}
}

func TestRequestOfMoreBytes(t *testing.T) {
	p := peer(t)
	p.Limits = syncserver.DefaultLimits()
	p.Limits.Bytes = int64(len(update().String()))
	for _, c := range []struct {
		more int64
		code refusal.Code
	}{{0, ""}, {-1, refusal.TooLarge}} {
		q := p
		q.Limits.Bytes += c.more
		_, err := q.Admit(strings.NewReader(update().String()), created, book())
		if code := codeOf(t, err); code != c.code {
			t.Errorf("%+d bytes: code %q", c.more, code)
		}
	}
}

func TestZeroPeerAdmitsNothing(t *testing.T) {
	for _, f := range fixtures {
		if _, err := (syncserver.Peer{}).Admit(strings.NewReader(f.m.String()), created, book()); err == nil {
			t.Errorf("%s was admitted", f.name)
		}
	}
}

func TestHead(t *testing.T) {
	good := syncserver.Head{
		Method: "POST", Target: "/site" + syncserver.Path, ContentType: "text/xml; charset=utf-8",
		SOAPAction: `"` + syncserver.Action + `"`, Length: 10,
	}
	for _, c := range []struct {
		name   string
		edit   func(*syncserver.Head)
		status int
	}{
		{"a call", func(*syncserver.Head) {}, 0},
		{"a bare action", func(h *syncserver.Head) { h.SOAPAction = syncserver.Action }, 0},
		{"no charset", func(h *syncserver.Head) { h.ContentType = "text/xml" }, 0},
		{"12 form post", func(h *syncserver.Head) { h.Target += "/ProcessSynchronizationTaskData" }, 404},
		{"12 SOAP 1.2", func(h *syncserver.Head) { h.ContentType = "application/soap+xml" }, 415},
		{"wsdl", func(h *syncserver.Head) { h.Target += "?wsdl" }, 404},
		{"the old path", func(h *syncserver.Head) { h.Target = "/site/CMSPages/SyncServer.asmx" }, 404},
		{"another case", func(h *syncserver.Head) { h.Target = strings.ToLower(h.Target) }, 404},
		{"encoded", func(h *syncserver.Head) { h.Target = strings.Replace(h.Target, "S", "%53", 1) }, 404},
		{"GET", func(h *syncserver.Head) { h.Method = "GET" }, 405},
		{"UTF-16", func(h *syncserver.Head) { h.ContentType = "text/xml; charset=utf-16" }, 415},
		{"gzip", func(h *syncserver.Head) { h.Encoding = "gzip" }, 415},
		{"chunked", func(h *syncserver.Head) { h.Length = -1 }, 411},
		{"too long", func(h *syncserver.Head) { h.Length = 40_000_001 }, 413},
		{"another action", func(h *syncserver.Head) { h.SOAPAction = `""` }, 400},
	} {
		h := good
		c.edit(&h)
		err := h.Check("/site", syncserver.DefaultLimits())
		var r *refusal.Error
		if got := errors.As(err, &r); got != (c.status != 0) || got && r.Status != c.status {
			t.Errorf("%s: %v, want status %d", c.name, err, c.status)
		}
	}
}
