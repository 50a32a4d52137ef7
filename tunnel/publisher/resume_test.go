package publisher_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// notebook is a journal in memory, whose owner can die.
type notebook struct {
	mu    sync.Mutex
	notes map[publisher.Key]publisher.Checkpoint
	taken map[publisher.Key]bool
	full  bool
}

func newNotebook() *notebook {
	return &notebook{notes: map[publisher.Key]publisher.Checkpoint{}, taken: map[publisher.Key]bool{}}
}

func (n *notebook) Open(k publisher.Key) (publisher.Entry, publisher.Checkpoint, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.taken[k] {
		return nil, publisher.Checkpoint{}, &publisher.BusyError{PID: 42, Since: time.Now()}
	}
	n.taken[k] = true
	return &page{n, k}, n.notes[k], nil
}

type page struct {
	n *notebook
	k publisher.Key
}

func (p *page) Save(c publisher.Checkpoint) error {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	if p.n.full {
		return errors.New("no space left")
	}
	p.n.notes[p.k] = c
	return nil
}

func (p *page) Close(forget bool) error {
	p.n.mu.Lock()
	defer p.n.mu.Unlock()
	delete(p.n.taken, p.k)
	if forget {
		delete(p.n.notes, p.k)
	}
	return nil
}

// siteLAR is a real archive of pages; its parts are of 1,000 bytes in these tests.
func siteLAR(t *testing.T) []byte {
	t.Helper()
	for _, file := range larFiles(t) {
		if strings.Contains(file, "community") {
			return readFile(t, file)
		}
	}
	t.Fatal("no archive of pages")
	return nil
}

// cutting returns a Config to an engine over a line, with a journal.
func cutting(t *testing.T, address string) (publisher.Config, *notebook) {
	t.Helper()
	cfg, n := config(t, address), newNotebook()
	cfg.Buffer, cfg.AnyBuild, cfg.Journal, cfg.CleanUpTimeout = 1000, true, n, time.Second
	return cfg, n
}

// A line that breaks in the middle and stays down ends the publish; the next one sends only what
// live does not have.
func TestGoesOnBehindThePartsThatArrived(t *testing.T) {
	e, engine := startEngine(t, "7.4")
	l, address := newLine(t, engine)
	cfg, n := cutting(t, address)
	content := siteLAR(t)
	l.breakAfter(12_500, true)
	res, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
	f := failureOf(t, err)
	if res.Arrived == 0 || res.Arrived == res.Parts || len(n.notes) != 1 {
		t.Fatalf("%d of %d parts arrived, %d notes: %v", res.Arrived, res.Parts, len(n.notes), err)
	}
	if !strings.Contains(f.Known, "nothing was imported; the parts are still there") || !strings.Contains(f.Cure, "goes on behind") {
		t.Errorf("known %q, cure %q", f.Known, f.Cure)
	}
	l.mend()
	again, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
	if err != nil || again.CleanUp != nil {
		t.Fatalf("%v, clean-up %v", err, again.CleanUp)
	}
	if again.Resumed != res.Arrived || again.Request != res.Request || again.Arrived != again.Parts {
		t.Errorf("went on with %d parts of request %d, want %d of %d", again.Resumed, again.Request, res.Arrived, res.Request)
	}
	if done, err := e.Publishes(t.Context(), site); err != nil || len(done) != 1 {
		t.Errorf("%d publishes arrived, %v", len(done), err)
	}
	if len(n.notes) != 0 {
		t.Errorf("%d notes left", len(n.notes))
	}
}

// A line that breaks once is nothing that a publish fails of: the part is sent again, to a portal
// too, as it cannot have been taken.
func TestPartThatWasCutIsSentAgain(t *testing.T) {
	s := &script{answers: []string{fine, long(t, 7), fine, missing(t, nil, nil), fine}}
	l, address := newLine(t, s.serve(t))
	cfg := config(t, address)
	cfg.Buffer = 64 << 20
	content := lar(32 << 20) // more than the kernels keep
	l.breakAfter(1<<20, false)
	res, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
	if err != nil || res.Arrived != 1 {
		t.Fatalf("%d of %d parts: %v", res.Arrived, res.Parts, err)
	}
	if got, want := s.methods(), []string{check, create, update, pub, cleanUp}; !slices.Equal(got, want) {
		t.Errorf("calls %v, want %v", got, want)
	}
	if !bytes.Equal(s.requests[2].content, content) {
		t.Error("another part arrived")
	}
}

// A publisher that was killed has noted less than live has: the part that it did not hear of is
// known again by its name.
func TestPartWhoseAnswerWasNotHeardIsKnownAgain(t *testing.T) {
	e, engine := startEngine(t, "7.4")
	l, address := newLine(t, engine)
	cfg, n := cutting(t, address)
	content := siteLAR(t)
	killed, kill := context.WithCancel(t.Context())
	cfg.Progress = func(p publisher.Progress) {
		if p.Stage == publisher.StageUpload && p.Part == 4 {
			kill()
			l.breakAfter(2, true) // it cleans nothing up
		}
	}
	_, err := client(t, cfg).Publish(killed, bytes.NewReader(content), int64(len(content)))
	if failureOf(t, err).Kind != failure.Stopped || len(n.notes) != 1 {
		t.Fatalf("%v, %d notes", err, len(n.notes))
	}
	for k, c := range n.notes {
		c.Parts -= 2
		n.notes[k] = c
	}
	l.mend()
	cfg.Progress, cfg.CleanUpTimeout = func(p publisher.Progress) {
		if p.Note != "" {
			t.Log(p.Note)
		}
	}, time.Minute
	res, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
	if err != nil || res.Resumed != 1 {
		t.Fatalf("resumed %d: %v", res.Resumed, err)
	}
	if done, err := e.Publishes(t.Context(), site); err != nil || len(done) != 1 {
		t.Errorf("%d publishes arrived, %v", len(done), err)
	}
}

// What an earlier publish has left may be gone, or of another length of parts: then all is sent anew.
func TestBeginsAnewWhereNothingIsLeft(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*testing.T, *publisher.Config, *publisher.Client, int64)
	}{
		{"cleaned up", func(t *testing.T, _ *publisher.Config, c *publisher.Client, id int64) {
			if err := c.CleanUpStagingRequest(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}},
		{"another buffer", func(_ *testing.T, cfg *publisher.Config, _ *publisher.Client, _ int64) { cfg.Buffer = 1500 }},
		{"asked to", func(_ *testing.T, cfg *publisher.Config, _ *publisher.Client, _ int64) { cfg.Restart = true }},
		{"without a journal, asked to", func(_ *testing.T, cfg *publisher.Config, _ *publisher.Client, _ int64) {
			cfg.Restart, cfg.Journal = true, nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, engine := startEngine(t, "7.4")
			l, address := newLine(t, engine)
			cfg, _ := cutting(t, address)
			content := siteLAR(t)
			l.breakAfter(12_500, true)
			c := client(t, cfg)
			res, err := c.Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
			if failureOf(t, err); res.Arrived == 0 {
				t.Fatal("nothing arrived")
			}
			l.mend()
			tt.change(t, &cfg, c, res.Request)
			again, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
			if err != nil || again.Resumed != 0 || again.Arrived != again.Parts {
				t.Fatalf("resumed %d: %v", again.Resumed, err)
			}
			if done, err := e.Publishes(t.Context(), site); err != nil || len(done) != 1 {
				t.Errorf("%d publishes arrived, %v", len(done), err)
			}
		})
	}
}

// Two publishes of one archive do not kill each other, with a portal on the other side either: the
// second says what it found and leaves everything as it is.
func TestTwoPublishesOfOneArchive(t *testing.T) {
	e, engine := startEngine(t, "7.4")
	content := siteLAR(t)
	for _, journal := range []bool{true, false} {
		cfg, _ := cutting(t, engine)
		other := cfg
		if other.Progress = nil; !journal {
			other.Journal = newNotebook() // of another machine
		}
		var second error
		cfg.Progress = func(p publisher.Progress) {
			if p.Stage == publisher.StageUpload && p.Part == 3 && second == nil {
				_, second = client(t, other).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
			}
		}
		if _, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content))); err != nil {
			t.Errorf("journal %t: the first: %v", journal, err)
		}
		if f := failureOf(t, second); f.Kind != failure.Busy || f.Cure == "" {
			t.Errorf("journal %t: the second: %s: %v", journal, f.Kind, f)
		}
	}
	if done, err := e.Publishes(t.Context(), site); err != nil || len(done) != 2 {
		t.Errorf("%d publishes arrived, %v", len(done), err)
	}
	if left, err := e.StagingRequests(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%d requests left, %v", len(left), err)
	}
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	_, engine := startEngine(t, "7.4")
	cfg, n := cutting(t, engine)
	n.full = true
	var notes []string
	cfg.Progress = func(p publisher.Progress) {
		if p.Note != "" {
			notes = append(notes, p.Note)
		}
	}
	content := siteLAR(t)
	if _, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content))); err != nil {
		t.Error(err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "no space left") {
		t.Errorf("notes %q", notes)
	}
}

const fromGateway = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Stagelock-Reference: r\r\n\r\n"

// A call whose answer was lost is sent again to a gateway, which carries it out once, and never to a
// portal.
func TestLostAnswers(t *testing.T) {
	none := missing(t, nil, nil)
	busy := ok(thrown(t, "com.liferay.document.library.kernel.exception.DuplicateFileEntryException", "title"))
	for _, tt := range []struct {
		name    string
		answers []string
		kind    failure.Kind // of the failure; empty: none
		want    []string
	}{
		{"part, gateway", []string{fromGateway, long(t, 7), "", fromGateway, none, fine}, "", []string{check, create, update, update, pub, cleanUp}},
		{"part that had arrived, gateway", []string{fromGateway, long(t, 7), "", busy, none, fine}, "", []string{check, create, update, update, pub, cleanUp}},
		{"part, portal", []string{fine, long(t, 7), "", fine}, failure.Interrupted, []string{check, create, update, cleanUp}},
		{"publish, gateway", []string{fromGateway, long(t, 7), fine, "", none, fine}, "", []string{check, create, update, pub, pub, cleanUp}},
		{"publish, portal", []string{fine, long(t, 7), fine, "", fine}, failure.Uncertain, []string{check, create, update, pub, cleanUp}},
		{"check and create, portal", []string{fine, "", long(t, 7), fine, none, fine}, "", []string{check, create, create, update, pub, cleanUp}},
		{"part of somebody else", []string{fine, long(t, 7), busy}, failure.Busy, []string{check, create, update}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{answers: tt.answers}
			_, err := publish(t, s, nil, lar(500))
			if tt.kind == "" && err != nil || tt.kind != "" && failureOf(t, err).Kind != tt.kind {
				t.Errorf("%v, want %q", err, tt.kind)
			}
			if got := s.methods(); !slices.Equal(got, tt.want) {
				t.Errorf("calls %v, want %v", got, tt.want)
			}
		})
	}
}

// A gateway that never answers is not asked for longer than it remembers: after that a repeat would
// be carried out.
func TestPublishIsNotSentAgainOnceItMayBeForgotten(t *testing.T) {
	s := &script{answers: []string{fromGateway, long(t, 7), fine, ""}}
	waited := time.Duration(0)
	_, err := publish(t, s, func(c *publisher.Config) {
		c.Patience = time.Hour
		c.Wait = func(_ context.Context, d time.Duration) error {
			waited += d
			return nil
		}
		c.CleanUpTimeout = 1
	}, lar(500))
	if f := failureOf(t, err); f.Kind != failure.Uncertain || !strings.Contains(f.Known, "whether it did is not known") {
		t.Errorf("%s: %v; %s", f.Kind, f, f.Known)
	}
	if waited < time.Minute || waited > 2*time.Minute {
		t.Errorf("sent again for %s", waited)
	}
}

// An environment that answered before and is away now is waited for; one that never answered is told
// at once.
func TestRestartOfTheOtherSideIsWaitedFor(t *testing.T) {
	s := &script{answers: []string{fromGateway, long(t, 7), fine, missing(t, nil, nil), fine}}
	l, address := newLine(t, s.serve(t))
	cfg := config(t, address)
	cfg.Buffer = 64 << 20
	waits := 0
	cfg.Wait = func(context.Context, time.Duration) error {
		if waits++; waits == 3 {
			l.mend()
		}
		return nil
	}
	l.breakAfter(1<<20, true)
	big := lar(32 << 20)
	if _, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(big), int64(len(big))); err != nil || waits != 3 {
		t.Fatalf("after %d waits: %v", waits, err)
	}
	content := siteLAR(t)
	waits = 0
	cfg = config(t, "http://127.0.0.1:1")
	cfg.Wait = func(context.Context, time.Duration) error { waits++; return nil }
	cfg.AnyBuild = true
	_, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
	if f := failureOf(t, err); f.Kind != failure.Unreachable || waits != 0 || f.Known != "nothing was sent" {
		t.Errorf("%s after %d waits; %s", f.Kind, waits, f.Known)
	}
}

// Heartbeats that stay away end a call, so that it can be asked for again.
func TestSilenceAfterHeartbeats(t *testing.T) {
	empty := missing(t, nil, nil)
	_, object, _ := strings.Cut(empty, "\r\n\r\n")
	beating := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Stagelock-Reference: r\r\n\r\n5\r\n" + object[:4] + "y\r\n"
	s := &script{answers: []string{fromGateway, long(t, 7), fine, beating, empty, fine}}
	_, err := publish(t, s, func(c *publisher.Config) { c.Silence = 30 * time.Millisecond }, lar(500))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.methods(), []string{check, create, update, pub, pub, cleanUp}; !slices.Equal(got, want) {
		t.Errorf("calls %v, want %v", got, want)
	}
}

// A stopped publish says what is known.
func TestStoppedSaysWhatIsKnown(t *testing.T) {
	none := missing(t, nil, nil)
	for _, tt := range []struct {
		name  string
		stage publisher.Stage
		known string
	}{
		{"before", publisher.StageCheck, "nothing was sent"},
		{"upload", publisher.StageUpload, "1 of 3 parts had arrived; nothing was imported; what had arrived was removed from live"},
		{"import", publisher.StagePublish, "all 3 parts had arrived and live was asked to import; whether it did is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := &script{answers: []string{fine, long(t, 7), fine, fine, fine, none, fine}}
			if tt.stage != publisher.StagePublish {
				s.answers = []string{fine, long(t, 7), fine, fine}
			}
			cfg := config(t, "http://"+s.serve(t))
			cfg.Buffer = 1000
			cfg.Progress = func(p publisher.Progress) {
				if p.Stage == tt.stage && (p.Stage != publisher.StageUpload || p.Part == 2) {
					cancel()
				}
			}
			_, err := client(t, cfg).Publish(ctx, bytes.NewReader(lar(2500)), 2500)
			f := failureOf(t, err)
			if f.Kind != failure.Stopped || f.Known != tt.known {
				t.Errorf("%s: %q, want %q", f.Kind, f.Known, tt.known)
			}
		})
	}
}

func TestRehearsalChangesNothing(t *testing.T) {
	s := &script{answers: []string{fine}}
	cfg := config(t, "http://"+s.serve(t))
	cfg.Buffer = 1000
	res, err := client(t, cfg).Rehearse(t.Context(), bytes.NewReader(lar(2500)), 2500)
	if err != nil || res.Parts != 3 || res.Arrived != 0 || len(res.MD5) != 32 {
		t.Errorf("%+v, %v", res, err)
	}
	if got := s.methods(); !slices.Equal(got, []string{check}) {
		t.Errorf("calls %v", got)
	}
}

// What cannot go well is known before anything is sent.
func TestMismatchIsToldBeforeTheUpload(t *testing.T) {
	content := siteLAR(t) // of build 6011
	for _, tt := range []struct {
		line string
		any  bool
		says string
	}{
		{"7.4", false, "the archive is of 6.0 (build 6011), live is 7.4"},
		{"6.2", false, "the archive is of 6.0 (build 6011), live is 6.2"},
		{"7.4", true, ""},
	} {
		s := &script{answers: []string{fine, long(t, 7), fine, missing(t, nil, nil), fine}}
		cfg := config(t, "http://"+s.serve(t))
		cfg.Build, cfg.AnyBuild = tt.line, tt.any
		_, err := client(t, cfg).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
		if tt.says == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.line, err)
			}
			continue
		}
		if f := failureOf(t, err); f.Kind != failure.Mismatch || f.Msg != tt.says || !strings.Contains(f.Cure, "--any-build") ||
			strings.Contains(f.Cure, "--line 6.0") { // which is none that can be named
			t.Errorf("%s: %s: %q; %s", tt.line, f.Kind, f.Msg, f.Cure)
		}
		if got := s.methods(); len(got) != 0 {
			t.Errorf("%s: calls %v", tt.line, got)
		}
	}
	cfg := config(t, "http://live")
	cfg.Build, cfg.Map = "7.3", true
	if _, err := publisher.New(cfg); err == nil || !strings.Contains(err.Error(), "7.2 is the last") {
		t.Errorf("the older form in 7.3: %v", err)
	}
}
