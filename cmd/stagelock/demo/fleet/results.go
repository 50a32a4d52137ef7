package fleet

import (
	"context"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/merge"
	"github.com/stagelock/stagelock/gateway/audit/trail"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/gateway/cluster"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/store"
)

// Call is a call of a publish as the audit logs have it.
type Call struct {
	What    string `json:"call"`
	Part    string `json:"part,omitempty"`
	Gateway string `json:"gateway"`
	Verdict string `json:"verdict"`
	Engine  string `json:"engine_node,omitempty"`
	Ended   string `json:"ended"`
}

// Act is what became of one publish.
type Act struct {
	Title    string        `json:"act"`
	Note     string        `json:"note,omitempty"`
	End      string        `json:"end"` // as stagelock audit publishes has it
	Gateways string        `json:"gateways"`
	Took     time.Duration `json:"took_ns"`
	Calls    []Call        `json:"calls,omitempty"`
	Ran      int           `json:"engine_ran"` // calls that the engine carried out meanwhile
	Most     int           `json:"most_runs"`  // of one and the same call
}

// Report is the whole demonstration for a script.
type Report struct {
	OK        bool           `json:"ok"`
	Acts      []Act          `json:"acts"`
	Published int64          `json:"published_under_restarts"`
	Failed    int64          `json:"failed_under_restarts"`
	Verified  bool           `json:"audit_ok"`
	Records   int            `json:"audit_records"`
	Notes     uint64         `json:"audit_notes"`
	Status    cluster.Status `json:"status"`
}

// logs returns the audit logs of both gateways.
func (f *fleet) logs() (all []store.Events) {
	for _, g := range f.gates {
		all = append(all, f.db.Logs().Log(g.name))
	}
	return all
}

// lastVerdict is when a gateway last let a call pass.
func (f *fleet) lastVerdict(ctx context.Context, name string) (last time.Time) {
	_ = audit.List(ctx, f.db.Logs().Log(name), audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}}, func(ev audit.Event) error {
		last = ev.Time
		return nil
	}) // a log that cannot be read has no last
	return last
}

// settle is how long the demonstration waits for outcomes, which a gateway writes behind its answers.
const settle = 3 * time.Second

// acted is act once the outcomes are there, but for those of a gateway that was killed.
func (f *fleet) acted(ctx context.Context, a *Act, since time.Time, ran int) error {
	for late := time.Now().Add(settle); ; {
		now := *a
		if err := f.act(ctx, &now, since, ran); err != nil {
			return err
		}
		last := len(now.Calls) - 1
		if last >= 0 && now.Calls[last].Ended == "answered" || time.Now().After(late) {
			*a = now
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// act fills in what logs and ledger say of what happened since.
func (f *fleet) act(ctx context.Context, a *Act, since time.Time, ran int) error {
	all, err := trail.Publishes(ctx, f.logs()...)
	if err != nil {
		return err
	}
	for _, p := range all {
		if !p.Begun.Before(since) {
			a.End, a.Gateways = string(p.End), p.Gateway
		}
	}
	var readers []merge.Reader
	for _, g := range f.gates {
		n := merge.Named{Name: g.name, Events: f.db.Logs().Log(g.name)}
		readers = append(readers, n.Reader(audit.Filter{Since: since, Kinds: []audit.Kind{audit.KindVerdict, audit.KindOutcome}}))
	}
	at := map[string]int{}
	err = merge.Events(ctx, readers, func(ev audit.Event) error {
		if ev.Kind == audit.KindVerdict {
			at[ev.Ref] = len(a.Calls)
			a.Calls = append(a.Calls, Call{What: ev.MethodName(), Part: ev.Part, Gateway: ev.Node, Verdict: string(ev.Verdict),
				Ended: "no outcome in the log"})
			return nil
		}
		if i, ok := at[ev.Ref]; ok {
			a.Calls[i].Ended, a.Calls[i].Engine = ev.End, ev.Upstream
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.count(ctx, a, ran)
}

// count tells from the engine's ledger how often each call was carried out.
func (f *fleet) count(ctx context.Context, a *Act, ran int) error {
	rows, err := f.engines[0].Ledger(ctx)
	if err != nil {
		return err
	}
	times := map[string]int{}
	for _, x := range rows[ran:] {
		a.Ran++
		if x.Method == "updateStagingRequest" || x.Method == "publishStagingRequest" {
			times[x.Digest]++
			a.Most = max(a.Most, times[x.Digest])
		}
	}
	return nil
}

// ledger is how many calls the engine has carried out.
func ledger(ctx context.Context, e *engine.Engine) (int, error) {
	rows, err := e.Ledger(ctx)
	return len(rows), err
}

// verify verifies both logs and the notes over them, as stagelock audit verify does.
func (f *fleet) verify(ctx context.Context, r *Report) error {
	keys, err := witness.StoredKeys(ctx, f.db.Values())
	if err != nil {
		return err
	}
	trust := witness.Trust{Now: f.sh.Now}
	for _, k := range keys {
		trust.Keys = append(trust.Keys, k.Key)
	}
	v, err := witness.Verify(ctx, f.db.Logs(), trust)
	if err != nil {
		return err
	}
	r.Verified, r.Notes = v.OK(), v.Notes
	for _, l := range v.Logs {
		r.Records += l.Records
	}
	r.Status, err = cluster.Read(ctx, f.db)
	return err
}
