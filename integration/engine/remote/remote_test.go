package remote_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/remote"
)

func TestIPv6WithBracketsAndWithout(t *testing.T) {
	p := newPair(t)
	s := httptest.NewUnstartedServer(p.live.Handler())
	s.Listener.Close()
	s.Listener = listenIPv6(t)
	s.Start()
	t.Cleanup(s.Close)
	c := connection(t, s.URL)
	for _, address := range []string{"::1", "[::1]", "http://[::1]", "[0:0:0:0:0:0:0:1]"} {
		c.Address = address
		st, err := p.staging.Staging.Enable(t.Context(), login, here, c)
		if err != nil || st.Connection.Address != "::1" && address != "::1" {
			t.Errorf("%s: %+v, %v", address, st, err)
		}
	}
	if n := p.attached(); n != 1 {
		t.Errorf("live counts %d environments", n)
	}
}

// A line that breaks anywhere in the sequence leaves live unlocked, or the error says that it may be
// locked, and the lock can be ended.
func TestEnableThatBreaksAtEachCall(t *testing.T) {
	p := newPair(t)
	p.enable()
	calls := p.faults.count()
	_, err := p.staging.Staging.Disable(t.Context(), login, here, false)
	p.must(err)
	if calls < 5 {
		t.Fatalf("only %d calls", calls)
	}
	for at := 1; at <= calls; at++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, carried out %t", at, after), func(t *testing.T) {
				p.faults.set(at, after)
				_, err := p.staging.Staging.Enable(t.Context(), login, here, p.remote)
				p.faults.set(0, false)
				if err == nil { // a call that only reads was made again
					if p.attached() != 1 {
						t.Errorf("enabled, live counts %d", p.attached())
					}
					_, err := p.staging.Staging.Disable(t.Context(), login, here, false)
					p.must(err)
					return
				}
				if p.attached() != 0 && !errors.Is(err, remote.HalfEnabled) {
					t.Errorf("error %v, live counts %d", err, p.attached())
				}
				if _, err := p.staging.Staging.State(t.Context(), here); !errors.Is(err, remote.NotStaged) {
					t.Errorf("staging is on: %v", err)
				}
				_, err = p.live.Unlock(t.Context(), "operator", there)
				p.must(err)
			})
		}
	}
	p.enable()
	if p.attached() != 1 {
		t.Errorf("live counts %d", p.attached())
	}
}

// A publish that breaks anywhere leaves live with the old content or the new, and the next one
// succeeds.
func TestPublishThatBreaksAtEachCall(t *testing.T) {
	p := newPair(t)
	p.enable()
	a, err := p.staging.AddArticle(t.Context(), here, "Sale", "old")
	p.must(err)
	_, err = p.staging.AddPage(t.Context(), here, "Home", "Welcome", engine.PageOptions{})
	p.must(err)
	p.faults.set(0, false)
	p.publish(remote.Succeeded)
	calls := p.faults.count()
	if calls < 8 {
		t.Fatalf("only %d calls", calls)
	}
	for at := 1; at <= calls; at++ {
		t.Run(fmt.Sprint("call ", at), func(t *testing.T) {
			before := p.names()
			a, err = p.staging.Update(t.Context(), here, content.Article, a.UUID, strings.NewReader(fmt.Sprint("new ", at)))
			p.must(err)
			p.faults.set(at, at%2 == 0)
			out, err := p.staging.Staging.Publish(t.Context(), login, here, remote.Options{}, nil)
			if err == nil && out.State == remote.Failed && out.Outcome.Message == "" {
				t.Errorf("a failure without a word: %+v", out)
			}
			new := fmt.Sprintf("Sale %s", a.SHA256[:8])
			if now := p.names(); now != before && !slices.Contains(strings.Split(now, ","), new) {
				t.Errorf("live has %s, had %s, should get %s", now, before, new)
			}
			p.faults.set(0, false)
			p.publish(remote.Succeeded)
			if !slices.Contains(strings.Split(p.names(), ","), new) {
				t.Errorf("after the next publish live has %s, not %s", p.names(), new)
			}
		})
	}
}

func (p *pair) publish(state string) remote.Publication {
	p.Helper()
	out, err := p.staging.Staging.Publish(p.Context(), login, here, remote.Options{}, nil)
	if err != nil || out.State != state {
		p.Fatalf("publish %+v, error %v", out, err)
	}
	return out
}

// Whoever looks, and however often engines are started anew, a run that is due happens once; runs
// that were missed happen once together.
func TestSchedulesRunOnce(t *testing.T) {
	p := newPair(t)
	p.enable()
	_, err := p.staging.AddArticle(t.Context(), here, "Sale", "x")
	p.must(err)
	sc, err := p.staging.Staging.Schedule(t.Context(), remote.Schedule{Site: here, Login: login, Cron: "0 * * * *",
		Until: p.clock.Now().Add(7 * time.Hour), Options: remote.Options{Name: "hourly"}})
	p.must(err)
	if want := p.clock.Now().Add(time.Hour); !sc.Next.Equal(want) {
		t.Errorf("next run %v, want %v", sc.Next, want)
	}
	second := p.open(p.dir, nil)
	runs := 0
	for _, step := range []struct {
		name string
		wait time.Duration
		want int
	}{
		{"before it is due", 59 * time.Minute, 0}, {"due", time.Minute, 1}, {"not again", 10 * time.Second, 0},
		{"three missed runs", 3 * time.Hour, 1}, {"due again", time.Hour, 1}, {"the end", 24 * time.Hour, 1},
		{"never after it", 24 * time.Hour, 0},
	} {
		p.clock.add(step.wait)
		if got := p.runBoth(second); got != step.want {
			t.Errorf("%s: %d runs, want %d", step.name, got, step.want)
		}
		runs += step.want
		p.must(second.Close())
		second = p.open(p.dir, nil)
	}
	all, err := p.staging.Staging.History(t.Context(), here)
	p.must(err)
	for _, h := range all {
		if h.State != remote.Succeeded || h.Schedule != sc.ID || h.Options.Name != "hourly" {
			t.Errorf("history %+v", h)
		}
	}
	if len(all) != runs {
		t.Errorf("%d publishes in the history, want %d", len(all), runs)
	}
}

// runBoth lets both engines look for what is due at once, and returns how many runs there were.
func (p *pair) runBoth(second *engine.Engine) int {
	var wg sync.WaitGroup
	var counts [2]int
	for i, e := range []*engine.Engine{p.staging, second} {
		wg.Go(func() {
			n, err := e.Staging.RunDue(p.Context())
			if err != nil {
				p.Error(err)
			}
			counts[i] = n
		})
	}
	wg.Wait()
	return counts[0] + counts[1]
}

// A publish whose engine is gone is told from one that runs, and does not stand in the way.
func TestInterruptedPublish(t *testing.T) {
	p := newPair(t)
	p.enable()
	held, let := make(chan struct{}), make(chan struct{})
	var once sync.Once
	lost := p.open(p.dir, func(c *engine.Config) {
		c.Authorize = func(login string) string { once.Do(func() { close(held); <-let }); return "Basic eDp4" }
	})
	_, err := p.staging.Staging.Schedule(t.Context(), remote.Schedule{Site: here, Login: login, Cron: "0 13 * * *"})
	p.must(err)
	p.clock.add(time.Hour)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = lost.Staging.RunDue(t.Context()) // nobody counts on it any more
	}()
	<-held
	_, err = p.staging.Staging.Publish(t.Context(), login, here, remote.Options{}, nil)
	if !errors.Is(err, remote.Busy) {
		t.Errorf("a second publish: %v", err)
	}
	p.clock.add(time.Minute)
	all, err := p.staging.Staging.History(t.Context(), here)
	p.must(err)
	if len(all) != 1 || all[0].State != remote.Interrupted || all[0].Outcome.Cure == "" {
		t.Errorf("history %+v", all)
	}
	p.publish(remote.Succeeded)
	close(let)
	<-ended
}

func TestPermissionsOfTheStagingSide(t *testing.T) {
	p := newPair(t)
	p.must(p.staging.AddUser(t.Context(), content.User{ID: 5, Email: "reader@example.com", ScreenName: "reader"}))
	_, err := p.staging.Staging.Enable(t.Context(), "reader", here, p.remote)
	if !errors.Is(err, content.NoPermission) {
		t.Errorf("enable: %v", err)
	}
	p.enable()
	_, err = p.staging.Staging.Publish(t.Context(), "reader", here, remote.Options{}, nil)
	if !errors.Is(err, content.NoPermission) {
		t.Errorf("publish: %v", err)
	}
	_, err = p.staging.Staging.Disable(t.Context(), "reader", here, true)
	if !errors.Is(err, content.NoPermission) {
		t.Errorf("disable: %v", err)
	}
	_, err = p.staging.Staging.Schedule(t.Context(), remote.Schedule{Site: here, Login: "reader", Cron: "0 3 * * *"})
	if !errors.Is(err, content.NoPermission) {
		t.Errorf("schedule: %v", err)
	}
	if p.attached() != 1 {
		t.Errorf("live counts %d", p.attached())
	}
}

// Connecting to another live site frees the old one, and the new one has got nothing yet.
func TestAnotherLiveSite(t *testing.T) {
	p := newPair(t)
	p.enable()
	_, err := p.staging.AddArticle(t.Context(), here, "Sale", "x")
	p.must(err)
	p.publish(remote.Succeeded)
	_, err = p.live.CreateSite(t.Context(), content.Site{ID: 30002, Name: "Second"})
	p.must(errors.Join(err, p.live.Grant(t.Context(), 20199, 30002, content.ExportImportLayouts, content.Update)))
	c := p.remote
	c.Site = 30002
	_, err = p.staging.Staging.Enable(t.Context(), login, here, c)
	p.must(err)
	second, err := p.live.Site(t.Context(), 30002)
	p.must(err)
	if p.attached() != 0 || second.StagingCount != 1 {
		t.Errorf("the first counts %d, the second %d", p.attached(), second.StagingCount)
	}
	for _, want := range []int{1, 0} {
		out, err := p.staging.Staging.Publish(t.Context(), login, here, remote.Options{Since: true}, nil)
		if err != nil || out.State != remote.Succeeded || out.Outcome.Items[content.Article] != want {
			t.Errorf("published %+v, error %v, want %d articles", out.Outcome, err, want)
		}
	}
}

// What an engine that is gone was exporting does not stay for ever.
func TestExportsLeftBehindAreSweptAway(t *testing.T) {
	p := newPair(t)
	left := filepath.Join(p.dir, "exports", "20121-1-left.lar")
	p.must(os.WriteFile(left, []byte("x"), 0o600))
	second := p.open(p.dir, nil)
	if _, err := os.Stat(left); err != nil {
		t.Errorf("swept under a running engine: %v", err)
	}
	p.must(errors.Join(p.staging.Close(), second.Close()))
	p.open(p.dir, nil)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}
