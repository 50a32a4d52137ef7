package cleanup_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/relay/cleanup"
	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const line = "7.4.3.112"

// record is an audit log that a test reads, or that is full.
type record struct {
	mu   sync.Mutex
	all  []audit.Event
	full bool
}

func (r *record) Append(_ context.Context, ev audit.Event) (store.Seq, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return 0, store.ErrFull
	}
	r.all = append(r.all, ev)
	return store.Seq(len(r.all)), nil
}

func (r *record) AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return r.Append(ctx, ev)
}

func (r *record) Write(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return r.Append(ctx, ev)
}

func quiet() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}

// run makes the clean-up of request 40307 at an engine that answers so, and returns what the log says.
func run(t *testing.T, log *record, answer http.HandlerFunc) (events []audit.Event, body string, err error) {
	t.Helper()
	got := make(chan string, 1)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
		answer(w, r)
	}))
	defer node.Close()
	u, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := upstream.New(upstream.Config{Nodes: []*url.URL{u}, Failures: 2, ReplyMax: 1 << 20, Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	key, _ := secret.NewKey(secret.KeyConfig{ID: "k", Secret: []byte("0k3uX9wq7pLsT2vb"), Algorithm: "AES"})
	visits, err := visit.New(visit.Config{Audit: log, Log: quiet(), Now: time.Now, Strangers: func() int { return 1 }})
	if err != nil {
		t.Fatal(err)
	}
	c := cleanup.Call{
		Service: "com.liferay.exportimport.kernel.service.StagingServiceUtil", Build: line,
		Found:  store.Request{ID: 40307, Site: 20121, Checksum: "c"},
		From:   engine.Caller{Login: "a", Addr: netip.MustParseAddr("192.0.2.1")},
		Engine: &engine.Config{Pool: pool, Key: key}, Because: "before call x",
		Expected:  engine.Expected{Returns: "void", Line: line, Limits: javaser.DefaultLimits()},
		Heartbeat: time.Hour, Live: func() {}, Begun: func() bool { return false },
	}
	v := visits.Open(netip.MustParseAddrPort("192.0.2.1:1"), &visit.Rules{})
	err = c.Run(t.Context(), v.Own())
	visits.Wait()
	select {
	case body = <-got:
	default:
	}
	return log.all, body, err
}

func says(status int, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func TestACleanUpIsRecordedBeforeAndAfter(t *testing.T) {
	events, body, err := run(t, &record{}, says(200, nil))
	if err != nil || !strings.Contains(body, "cleanUpStagingRequest") {
		t.Fatalf("%v, the engine got %q", err, body)
	}
	if len(events) != 2 || events[0].Kind != audit.KindVerdict || events[1].Kind != audit.KindOutcome || events[0].Ref != events[1].Ref {
		t.Fatalf("recorded %+v", events)
	}
	ev := events[0]
	if ev.Verdict != audit.Allow || ev.Reason != cleanup.ReasonAbandoned || ev.Request != 40307 || ev.Site != 20121 ||
		ev.Checksum != "c" || !strings.Contains(ev.Detail, "the gateway's own call, before call x") {
		t.Errorf("verdict %+v", ev)
	}
	if events[1].End != "answered" || events[1].Upstream == "" {
		t.Errorf("outcome %+v", events[1])
	}
}

// An exception of the engine was taken for done: the create that followed met the parts that were left.
func TestAnExceptionIsNoCleanUp(t *testing.T) {
	for _, tt := range []struct {
		class string
		done  bool
	}{
		{"com.liferay.portlet.documentlibrary.NoSuchFolderException", true},
		{"com.liferay.document.library.kernel.exception.NoSuchFolderException", true},
		{"com.liferay.portal.security.auth.PrincipalException", false},
		{"com.liferay.portal.kernel.exception.PortalException", false},
		{"com.liferay.portal.kernel.exception.SystemException", false},
	} {
		t.Run(tt.class, func(t *testing.T) {
			body, err := liferay.AppendThrown(nil, line, liferay.Thrown{Class: liferay.ClassPortalException, Message: "no"})
			if err != nil {
				t.Fatal(err)
			}
			body = bytes.Replace(body, utf("com.liferay.portal.kernel.exception.PortalException"), utf(tt.class), 1)
			events, _, err := run(t, &record{}, says(200, body))
			var p *tunnel.Problem
			if (err == nil) != tt.done || errors.As(err, &p) && (p.Code != tunnel.Refused || !strings.Contains(p.Msg, tt.class)) {
				t.Errorf("got %v", err)
			}
			if len(events) != 2 || events[1].End != "exception "+tt.class {
				t.Errorf("recorded %+v", events)
			}
		})
	}
}

// utf is a text as a stream of Java objects has it.
func utf(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }

// What keeps a clean-up from being made keeps the publish of the other from being carried out, and says
// so.
func TestACleanUpThatFails(t *testing.T) {
	wrong, err := liferay.AppendRemoteAuth(nil, line, liferay.TypeWrongSecret, "no")
	if err != nil {
		t.Fatal(err)
	}
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			c.Close()
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		reason tunnel.Reason
	}{
		{"the engine goes away", hangUp, engine.ReasonDown},
		{"the engine fails", says(500, nil), engine.ReasonLost},
		{"no answer of a call", says(200, []byte("<html>")), engine.ReasonPage},
		{"the gateway's own secret refused", says(200, wrong), engine.ReasonRefusing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events, _, err := run(t, &record{}, tt.answer)
			var p *tunnel.Problem
			if !errors.As(err, &p) || p.Code != tunnel.Unavailable || p.Reason != tt.reason {
				t.Errorf("got %v", err)
			}
			if len(events) != 2 || events[1].End != string(tt.reason) {
				t.Errorf("recorded %+v", events)
			}
		})
	}
}

func TestACleanUpThatCannotBeRecordedIsNotMade(t *testing.T) {
	_, body, err := run(t, &record{full: true}, says(200, nil))
	if err == nil || body != "" {
		t.Errorf("%v, the engine got %q", err, body)
	}
}
