package alike_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	words "github.com/stagelock/stagelock/tunnel/sync"
)

// wire stands before every gateway, counts the contents that travel, and loses messages.
type wire struct {
	mu       sync.Mutex // guards what follows
	lossy    bool       // each tenth message is lost: in turn before it arrives, and its answer
	seen     map[string]int
	contents int
	lost     int
}

// fate says what becomes of one message of that name.
func (w *wire) fate(name string) (before, after bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name]++
	before, after = w.lossy && w.seen[name]%20 == 5, w.lossy && w.seen[name]%20 == 15
	if before || after {
		w.lost++
	}
	return before, after
}

// count reads which contents a message has.
func (w *wire) count(name string, body []byte) {
	var o words.Offer
	if name != "deliver" || json.Unmarshal(body, &o) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range o.Changes {
		if c.Content != nil {
			w.contents++
		}
	}
}

// calm ends the losses.
func (w *wire) calm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lossy = false
}

func (w *wire) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.contents
}

// before puts the wire before a gateway and returns where it is.
func (w *wire) before(n *network, s *server) string {
	n.t.Helper()
	cert, err := tls.LoadX509KeyPair(filepath.Join(n.ca, "c.pem"), filepath.Join(n.ca, "k.pem"))
	check(n.t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: s.addr})
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: n.client().Transport, ErrorLog: nil,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		name := strings.TrimPrefix(r.URL.Path, words.Path)
		w.count(name, body)
		before, after := w.fate(name)
		if before {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if after {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(rw, r)
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	srv.EnableHTTP2 = true
	srv.StartTLS()
	n.t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "https://")
}

// full has links from everybody to everybody.
func full(n int) [][]int {
	links := make([][]int, n)
	for i := range links {
		for j := range n {
			if i != j {
				links[i] = append(links[i], j)
			}
		}
	}
	return links
}

func star(leaves int) [][]int {
	links := make([][]int, leaves+1)
	for i := 1; i <= leaves; i++ {
		links[0], links[i] = append(links[0], i), []int{0}
	}
	return links
}

// TestPayloads: of each change every server gets its content once, whatever the links are, and little more
// where a tenth of all messages is lost.
func TestPayloads(t *testing.T) {
	const each = 4
	for _, tt := range []struct {
		name  string
		links [][]int
		lossy bool
		most  float64
	}{
		{"star of 10 calm", star(9), false, 1.01}, {"ring of 4 calm", ringLinks, false, 1.01}, {"mesh of 6 calm", full(6), false, 1.01},
		{"star of 10 a tenth lost", star(9), true, 1.2}, {"ring of 4 a tenth lost", ringLinks, true, 1.2},
		{"mesh of 6 a tenth lost", full(6), true, 1.2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.lossy {
				t.Parallel() // what was lost is sent again after a while
			}
			w := newNetwork(t, tt.links)
			between := &wire{lossy: tt.lossy, seen: map[string]int{}}
			w.wires = map[int]string{}
			for _, s := range w.servers {
				w.wires[s.n] = between.before(w, s)
			}
			w.start()
			for i := range each {
				for _, s := range w.servers {
					s.write(fmt.Sprintf("x%d-%d", s.n, i), "a text that is not short")
				}
				for _, s := range w.servers {
					until(t, fmt.Sprintf("server %d has round %d", s.n, i), func() bool { return s.rows() == (i+1)*len(w.servers) })
				}
			}
			edits := each * len(w.servers)
			between.calm()
			w.revive()
			w.quiet()
			needed := edits * (len(w.servers) - 1)
			ratio := float64(between.sent()) / float64(needed)
			t.Logf("%d contents travelled, %d were needed: %.3f; %d messages lost", between.sent(), needed, ratio, between.lost)
			if ratio > tt.most || ratio < 1 || tt.lossy && between.lost == 0 {
				t.Errorf("%.3f of the optimum, want at most %v; %d messages lost", ratio, tt.most, between.lost)
			}
			for _, s := range w.servers {
				if got := s.rows(); got != edits {
					t.Errorf("server %d wrote %d rows for %d edits", s.n, got, edits)
				}
			}
		})
	}
}

// TestAPairDoesNotAsk: what is made on one of two goes to the other in one message, each content once; in a star
// only the hub, whose targets may have it from elsewhere, asks first.
func TestAPairDoesNotAsk(t *testing.T) {
	for name, tt := range map[string]struct {
		links [][]int
		asks  bool
	}{"pair": {pairLinks, false}, "star": {starLinks, true}} {
		t.Run(name, func(t *testing.T) {
			w := newNetwork(t, tt.links)
			between := &wire{seen: map[string]int{}}
			w.wires = map[int]string{}
			for _, s := range w.servers {
				w.wires[s.n] = between.before(w, s)
			}
			w.start()
			for i := range 6 {
				w.servers[1].write(fmt.Sprint("x", i), "a text")
				w.everywhere(fmt.Sprint("x", i), "a text")
			}
			w.quiet()
			if got, want := between.sent(), 6*(len(w.servers)-1); got != want {
				t.Errorf("%d contents travelled, %d were needed", got, want)
			}
			if asked := between.times("offer"); asked > 0 != tt.asks || between.times("deliver") == 0 {
				t.Errorf("%d times it was asked what is wanted", asked)
			}
		})
	}
}

// times is how often a message of that name came.
func (w *wire) times(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[name]
}

// TestSimpleMode: two servers, each a source and a target, and an engine that logs what it applies: 1,000
// changes from both sides are 1,000 rows on each, and nothing comes back.
func TestSimpleMode(t *testing.T) {
	const made, edited, deleted = 500, 400, 100
	w := newNetwork(t, pairLinks).start()
	all := func(rows int) {
		t.Helper()
		for _, s := range w.servers {
			until(t, fmt.Sprintf("server %d has %d rows", s.n, rows), func() bool { return s.rows() >= rows })
		}
		w.quiet()
	}
	for i := range made {
		w.servers[i%2].write(fmt.Sprint("x", i), "first")
	}
	all(made)
	for i := range edited {
		w.servers[(i+1)%2].write(fmt.Sprint("x", i), "second")
	}
	all(made + edited)
	for i := range deleted {
		s := w.servers[i%2]
		check(t, s.engine.Delete(t.Context(), s.site, "article", false, fmt.Sprint("x", made-1-i)))
	}
	all(made + edited + deleted)
	w.servers[0].write("last", "behind all of them") // had anything run on, it would be there before
	w.everywhere("last", "behind all of them")
	w.quiet()
	const changes = made + edited + deleted + 1
	for _, s := range w.servers {
		n := 0
		for _, h := range s.status().Have {
			n += int(h.Counter)
		}
		if rows, twice := s.rows(), s.count(`SELECT count(*) FROM (SELECT tag FROM journal WHERE tag <> '' GROUP BY tag HAVING count(*) > 1)`); rows != changes || n != changes || twice != 0 {
			t.Errorf("server %d: %d rows, %d changes, %d twice; want %d of each and 0", s.n, rows, n, twice, changes)
		}
		if got, want := s.text("x0"), "second"; got != want {
			t.Errorf("server %d has %q, want %q", s.n, got, want)
		}
		if got := s.count(`SELECT count(*) FROM items`); got != made-deleted+1 {
			t.Errorf("server %d has %d items, want %d", s.n, got, made-deleted+1)
		}
	}
}
