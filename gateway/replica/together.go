package replica

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// task is one change of several that are taken together.
type task struct {
	at      int // in what was offered
	intent  sync.Intent
	before  sync.State
	out     sync.Outcome
	content []byte // of what is to be shown
}

// together takes changes of different objects with one write for each step: their intents, what the engine
// writes, and what is known then. It returns those that must be taken one by one, because somebody was faster,
// they are large, or something failed; nothing has become of these, or an intent of them is open.
func (r *Replica) together(
	ctx context.Context, via sync.ServerID, offered []sync.Offered, which []int, all []sync.Answer,
) (left []int) {
	engine, able := r.cfg.Source.(source.Batch)
	if !able || r.single.Load() || len(which) < 2 {
		return which
	}
	if r.unsettled.Load() {
		if _, err := r.Pull(ctx); err != nil {
			return which
		}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	which, left = distinct(offered, which)
	objects := make([]sync.Object, len(which))
	for i, at := range which {
		objects[i] = offered[at].Change.Object
	}
	defer r.lockAll(objects)()
	tasks, rest, err := r.judge(ctx, via, offered, which, objects, all)
	left = append(left, rest...)
	if err == nil && len(tasks) > 0 {
		tasks, rest, err = r.show(ctx, engine, tasks)
		left = append(left, rest...)
	}
	if err == nil && len(tasks) > 0 {
		err = r.acceptAll(ctx, tasks)
	}
	for _, t := range tasks {
		if err != nil {
			left = append(left, t.at)
			continue
		}
		all[t.at] = answerOf(t.out)
	}
	slices.Sort(left)
	return left
}

// distinct leaves the first change of each object.
func distinct(offered []sync.Offered, which []int) (first, others []int) {
	seen := map[sync.Object]bool{}
	for _, i := range which {
		if o := offered[i].Change.Object; seen[o] {
			others = append(others, i)
		} else {
			seen[o] = true
			first = append(first, i)
		}
	}
	return first, others
}

// lockAll locks objects, in an order that nobody else turns round.
func (r *Replica) lockAll(objects []sync.Object) (unlock func()) {
	var at []int
	for _, o := range objects {
		at = append(at, r.slot(o))
	}
	slices.Sort(at)
	at = slices.Compact(at)
	for _, i := range at {
		r.objects[i].Lock()
	}
	return func() {
		for _, i := range at {
			r.objects[i].Unlock()
		}
	}
}

// judge says what each change makes of its object, and answers what is known.
func (r *Replica) judge(
	ctx context.Context, via sync.ServerID, offered []sync.Offered, which []int, objects []sync.Object, all []sync.Answer,
) (tasks []task, left []int, err error) {
	ids := make([]sync.ID, len(which))
	for i, at := range which {
		ids[i] = offered[at].Change.ID
	}
	known, err := r.cfg.Changes.Known(ctx, ids)
	if err != nil {
		return nil, which, err
	}
	states, err := r.cfg.Changes.States(ctx, objects...)
	if err != nil {
		return nil, which, err
	}
	for i, at := range which {
		o := offered[at]
		if known[i] {
			all[at] = sync.Answer{Status: sync.StatusDone}
			continue
		}
		t := task{at: at, before: states[i], intent: sync.Intent{Change: o.Change, Via: via, Listed: o.Processed, Asked: o.Asked}}
		if t.before.Intent != nil || !r.small(ctx, &t, o.Content) {
			left = append(left, at)
			continue
		}
		tasks = append(tasks, t)
	}
	return tasks, left, nil
}

// small judges a change, of which content was put just now unless it is nil, and reads what the engine is to show of
// it. It reports whether that is there, and small.
func (r *Replica) small(ctx context.Context, t *task, content []byte) bool {
	t.out = sync.Receive(t.before, t.intent.Change, r.cfg.Policy())
	if !t.out.Superseded && content == nil {
		if here, err := r.has(ctx, t.intent.Change); err != nil || !here {
			return false
		}
	}
	show := t.out.Show
	if show == nil || show.Op == sync.Delete {
		return true
	}
	if show == t.intent.Change && content != nil {
		t.content = content
		return true
	}
	if show.Size > sync.MaxInline {
		return false
	}
	kept, _, err := r.cfg.Blobs.Open(ctx, show.Payload)
	if err != nil {
		return false
	}
	t.content, err = io.ReadAll(kept)
	return errors.Join(err, kept.Close()) == nil
}

// show has the engine carry out what it is to show. The tasks that it returns are to be accepted.
func (r *Replica) show(ctx context.Context, engine source.Batch, all []task) (shown []task, left []int, err error) {
	var intents []sync.Intent
	var asked []source.Application
	var at []int // of them in all
	for i := range all {
		t := &all[i]
		if t.out.Show == nil {
			continue
		}
		t.intent.Object, t.intent.Tag, t.intent.Expect = t.before.Object, t.intent.Change.ID.String(), t.before.Seq
		intents, at = append(intents, t.intent), append(at, i)
		asked = append(asked, source.Application{Object: t.before.Object, Expect: t.before.Seq, Tag: t.intent.Tag,
			Facts: facts(t.out.Show), Content: t.content})
	}
	if len(asked) == 0 {
		return all, nil, nil
	}
	if err := r.cfg.Changes.Intend(ctx, exchange.Fence{}, intents...); err != nil {
		return all, nil, err
	}
	r.cfg.Pause("intended")
	done, err := engine.ApplyAll(ctx, asked)
	if err != nil {
		return all, nil, r.undone(ctx, err, intents...)
	}
	r.cfg.Pause("applied")
	refused := map[int]bool{}
	var forget []sync.Intent
	for i, d := range done {
		all[at[i]].out.After.Seq = d.Seq
		if d.Err != nil {
			refused[at[i]] = true
			forget, left = append(forget, intents[i]), append(left, all[at[i]].at)
		}
	}
	for i, t := range all {
		if !refused[i] {
			shown = append(shown, t)
		}
	}
	return shown, left, r.forget(ctx, forget...)
}

// undone keeps in mind that intents are open, if nobody knows what became of them.
func (r *Replica) undone(ctx context.Context, cause error, intents ...sync.Intent) error {
	if errors.Is(cause, source.ErrSingly) {
		r.single.Store(true)
	}
	if source.Unchanged(cause) {
		return errors.Join(cause, r.forget(ctx, intents...))
	}
	r.unsettled.Store(true)
	return cause
}

func (r *Replica) forget(ctx context.Context, all ...sync.Intent) error {
	if len(all) == 0 {
		return nil
	}
	err := r.cfg.Changes.Forget(context.WithoutCancel(ctx), all...)
	if err != nil {
		r.unsettled.Store(true)
	}
	return err
}

// acceptAll keeps what became of all of them, or nothing.
func (r *Replica) acceptAll(ctx context.Context, tasks []task) error {
	all := make([]exchange.Acceptance, len(tasks))
	for i := range tasks {
		all[i] = r.acceptance(&tasks[i].out, tasks[i].intent)
	}
	if err := r.cfg.Changes.Accept(context.WithoutCancel(ctx), exchange.Fence{}, all...); err != nil {
		if !errors.Is(err, store.ErrStale) || tagged(tasks) {
			r.unsettled.Store(true)
		}
		return err
	}
	r.cfg.Pause("accepted")
	notes := make([]Note, len(tasks))
	for i, t := range tasks {
		notes[i] = Note{what(t.out, t.intent), t.intent.Change, t.intent.Via}
	}
	r.note(notes...)
	return nil
}

func tagged(tasks []task) bool {
	return slices.ContainsFunc(tasks, func(t task) bool { return t.intent.Tag != "" })
}
