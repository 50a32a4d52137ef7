package integration_test

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// counts is how often a proof tries: full under PROVE=long, else a share of it.
func counts(share, full int) int {
	if os.Getenv("PROVE") == "long" {
		return full
	}
	return share
}

// TestBrokenRequestsAreNotCarriedOut: a part that breaks anywhere behind its envelope, by an end, a reset or a
// changed byte, never arrives whole.
func TestBrokenRequestsAreNotCarriedOut(t *testing.T) {
	a := arrange(t, listed)
	const content = 3000
	id := a.made(t, 1)
	whole := part(id, "a.zip00", content).streamed(t, content, nil)
	random := rand.New(rand.NewPCG(4, 7))
	before, tried := len(a.sink.Whole()), counts(300, 10_000)
	for i := range tried {
		at := 400 + random.IntN(len(whole.body)-400)
		l := dial(t, a.Gateway)
		body := append([]byte{}, whole.body...)
		switch i % 3 {
		case 0:
			if _, err := l.Write(append([]byte(whole.head(l.addr)), body[:at]...)); err != nil {
				t.Fatal(err)
			}
			l.finish(t)
			_, _ = io.Copy(io.Discard, l.r) // the answer, if there is one
		case 1:
			if _, err := l.Write(append([]byte(whole.head(l.addr)), body[:at]...)); err != nil {
				t.Fatal(err)
			}
			l.reset(t)
		default: // a byte behind the content: the gateway sees it before the end leaves
			tail := len(body) - 170 + random.IntN(170)
			body[tail] ^= 0x80
			if _, err := l.Write(append([]byte(whole.head(l.addr)), body...)); err != nil {
				t.Fatal(err)
			}
			l.receive(t)
		}
		l.Close()
	}
	executed := len(a.sink.Whole()) - before
	prove(t, "%d parts broken behind the envelope, %d carried out", tried, executed)
	if executed > 0 {
		t.Errorf("%d carried out", executed)
	}
	allowed(t, a.Gateway, once(t, a.Gateway, partAs(id, "a.zip00", nil)(t, a)))
}

// liar is an engine that answers early, twice, late, in pieces, with too much, or before it was asked. What it says
// names the call that it is an answer to.
type liar struct {
	t     testing.TB
	late  bool // it answers twice, and the second time comes later
	asked atomic.Int64
	done  sync.WaitGroup
}

func (e *liar) answer(ref string) []byte {
	body, err := liferay.AppendValue(nil, build74, "https://live.example.com/"+ref)
	if err != nil {
		e.t.Error(err)
	}
	return append([]byte("HTTP/1.1 200 \r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
}

func (e *liar) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		e.done.Go(func() {
			defer c.Close()
			e.connection(c)
		})
	}
}

func (e *liar) connection(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		ref := req.Header.Get("X-Stagelock-Reference")
		n := e.asked.Add(1)
		own := e.answer(ref)
		if n%7 == 1 { // before the call is there
			_, _ = c.Write(own)
			_, _ = io.Copy(io.Discard, req.Body)
			continue
		}
		_, _ = io.Copy(io.Discard, req.Body)
		switch n % 7 {
		case 2: // twice, at once
			own = append(own, own...)
		case 3: // twice, the second late
			if e.late {
				_, _ = c.Write(own)
			}
		case 4: // in pieces
			for _, b := range own {
				_, _ = c.Write([]byte{b})
			}
			continue
		case 5: // longer than it says
			own = append(own, strings.Repeat("x", 3000)...)
		case 6: // with the next answer begun
			own = append(own, own[:len(own)/2]...)
		}
		if _, err := c.Write(own); err != nil {
			return
		}
	}
}

// TestAnswersBelongToTheirCalls: whatever the engine does with its answers, no call gets that of another. What comes late over a
// connection that carries the next call is told from that one's answer by nobody, so there each call has its own.
func TestAnswersBelongToTheirCalls(t *testing.T) {
	t.Run("connections that carry many calls", func(t *testing.T) { answersBelong(t, &liar{t: t}, nil) })
	t.Run("that carry one", func(t *testing.T) {
		answersBelong(t, &liar{t: t, late: true}, []string{"reuse: false"})
	})
}

func answersBelong(t *testing.T, e *liar, settings []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.done.Go(func() { e.serve(l) })
	t.Cleanup(func() { l.Close(); e.done.Wait() })
	o := listed
	o.Upstream = "http://" + l.Addr().String()
	o.Inner = settings
	o.Extra = []string{"quota: { failure_cost: 1, per_address_burst: 1000000 }"}
	g := harness.Start(t, o)
	s := spec{service: group7, name: "getGroupDisplayURL", params: []string{"long", "boolean", "boolean"}, args: []any{int64(site), false, true}}
	m := s.message(t)
	var own, refused, foreign atomic.Int64
	var clients sync.WaitGroup
	tried := counts(100, 2500)
	for range 4 {
		clients.Go(func() {
			for range tried {
				got := once(t, g, m)
				r, err := readReply(got.body, text)
				if err != nil || r.Thrown != nil {
					refused.Add(1)
					continue
				}
				if r.Value == "https://live.example.com/"+got.ref {
					own.Add(1)
				} else {
					foreign.Add(1)
				}
			}
		})
	}
	clients.Wait()
	t.Logf("%d answered, %d told of a failure", own.Load(), refused.Load())
	prove(t, "%d calls to an engine that answers early, twice, late, in pieces and too much, %d got another's answer", 4*tried, foreign.Load())
	if foreign.Load() > 0 || own.Load() == 0 {
		t.Errorf("%d foreign, %d own", foreign.Load(), own.Load())
	}
}
