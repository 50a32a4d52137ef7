package remote_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/remote"
)

// The staging engine is gone at each call of a publish, before live carried it out and after: live has the old content
// or the new one, the history says what to do, the lock is counted once and ends with staging, and what was staged can
// be published again.
func TestPublishWhoseEngineIsGoneAtEachCall(t *testing.T) {
	p := newPair(t)
	p.enable()
	ctx := t.Context()
	a, err := p.staging.AddArticle(ctx, here, "Sale", strings.Repeat("old ", 700))
	p.must(err)
	p.faults.set(0, false)
	p.publish(remote.Succeeded)
	calls := p.faults.count()
	if calls < 8 {
		t.Fatalf("only %d calls", calls)
	}
	for at := 1; at <= calls; at++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, carried out %t", at, after), func(t *testing.T) {
				a, err = p.staging.Update(ctx, here, content.Article, a.UUID, strings.NewReader(strings.Repeat(fmt.Sprint(at, after), 500)))
				p.must(err)
				before, new := p.names(), fmt.Sprintf("Sale %s", a.SHA256[:8])
				lost := p.open(p.dir, nil)
				held, let := p.faults.hold(at, after)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_, _ = lost.Staging.Publish(ctx, login, here, remote.Options{}, nil) // nobody waits for it
				}()
				<-held
				p.must(lost.Close())
				defer func() { p.faults.set(0, false); close(let); <-ended }()
				p.clock.add(time.Minute)
				if now := p.names(); now != before && !slices.Contains(strings.Split(now, ","), new) {
					t.Errorf("live has %s, had %s, should get %s", now, before, new)
				}
				told(t, p)
				_, err := p.staging.Staging.Disable(ctx, login, here, false)
				p.must(err)
				if n := p.attached(); n != 0 {
					t.Errorf("live counts %d without staging", n)
				}
				tag, err := p.live.Add(ctx, there, author.Draft{Kind: content.Tag, Name: "free"}, nil)
				p.must(err)
				p.must(p.live.Delete(ctx, there, content.Tag, false, tag.UUID))
				p.enable()
				p.publish(remote.Succeeded)
				if !slices.Contains(strings.Split(p.names(), ","), new) {
					t.Errorf("after the next publish live has %s, not %s", p.names(), new)
				}
			})
		}
	}
}

// told fails unless the newest publish of the history, if it was begun, is over and says what to do.
func told(t *testing.T, p *pair) {
	t.Helper()
	all, err := p.staging.Staging.History(t.Context(), here)
	p.must(err)
	switch last := all[0]; last.State {
	case remote.Interrupted:
		if !strings.Contains(last.Outcome.Cure, "stagelock staging relaunch") {
			t.Errorf("it does not say what to do: %+v", last)
		}
	case remote.Succeeded: // of the round before: the engine was gone before it wrote this one down
	default:
		t.Errorf("the newest is %+v", last)
	}
}
