package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
	"github.com/stagelock/stagelock/store/sqlite"
)

// writers is how many write at once while something is filled: they share commits.
const writers = 64

// samples is how often a step that is short is taken.
const samples = 200

// fill calls f for every number below n, some at once.
func fill(n int, f func(i int) error) error {
	var all sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += writers {
				errs[w] = f(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// hostsOf makes a list of prefixes and looks addresses up.
func hostsOf(_ context.Context, m *meter, size int) error {
	list := make([]string, size)
	for i := range list {
		list[i] = fmt.Sprintf("10.%d.%d.%d/32", i>>16&255, i>>8&255, i&255)
	}
	var set *hosts.Set
	err := m.step("read the list", size, func() error {
		var found []hosts.Finding
		if set, found = hosts.New(hosts.Config{Allow: list}); len(found) > 0 {
			return fmt.Errorf("%v", found[0])
		}
		return nil
	})
	if err != nil {
		return err
	}
	addr := netip.MustParseAddr(fmt.Sprintf("10.%d.%d.%d", (size-1)>>16&255, (size-1)>>8&255, (size-1)&255))
	const looks = 100_000
	err = m.step("look an address up", looks, func() error {
		for range looks {
			if !set.Contains(addr) {
				return errors.New("an address of the list is not found")
			}
		}
		return nil
	})
	runtime.KeepAlive(list)
	return err
}

func sum(i int) string { return fmt.Sprintf("%032x", i) }

// requestsOf fills a store with requests and does what calls do with one of them.
func requestsOf(ctx context.Context, m *meter, size int) error {
	db, err := sqlite.Open(ctx, m.file("db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // the one that is opened last
	reqs := db.Requests()
	create := func(i int) error {
		return reqs.Create(ctx, store.Request{ID: int64(i + 1), Site: 20121, Checksum: sum(i), Peer: "staging",
			Logins: []string{"publisher@example.com"}, Upstream: "127.0.0.1:8080"})
	}
	return errors.Join(
		m.step("fill, 64 at once", size, func() error { return fill(size, create) }),
		m.step("ask for one", samples, func() error {
			return times(samples, func(i int) error { _, err := reqs.Request(ctx, int64(i%size+1)); return err })
		}),
		m.step("find by its archive", samples, func() error {
			return times(samples, func(i int) error { _, err := reqs.Find(ctx, 20121, sum(i%size)); return err })
		}),
		m.step("create one more", samples, func() error {
			return times(samples, func(i int) error { return create(size + i) })
		}),
		m.step("forget what is old, of which there is none", 1, func() error {
			_, err := reqs.PruneRequests(ctx, time.Hour, time.Hour)
			return err
		}),
		db.Close(),
		m.step("open", 1, func() error {
			again, err := sqlite.Open(ctx, m.file("db"))
			if err == nil {
				db = again
			}
			return err
		}))
}

func times(n int, f func(i int) error) error {
	for i := range n {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// partsOf gives one request many parts, each asked for as a call does.
func partsOf(ctx context.Context, m *meter, size int) error {
	db, err := sqlite.Open(ctx, m.file("db"))
	if err != nil {
		return err
	}
	defer db.Close()
	reqs := db.Requests()
	if err := reqs.Create(ctx, store.Request{ID: 1, Site: 20121, Checksum: sum(0), Logins: []string{"a"}}); err != nil {
		return err
	}
	add := func(i int) error {
		return reqs.AddPart(ctx, 1, store.Part{Name: fmt.Sprintf("a.zip%06d", i), Size: 10 << 20, Width: 6, Login: "a"})
	}
	return errors.Join(
		m.step("add all, 64 at once", size, func() error { return fill(size, add) }),
		m.step("ask for the request and one part", samples, func() error {
			return times(samples, func(i int) error {
				_, err := reqs.Request(ctx, 1)
				_, err2 := reqs.Part(ctx, 1, fmt.Sprintf("a.zip%06d", i%size))
				return errors.Join(err, err2)
			})
		}),
		m.step("add one more", samples, func() error { return times(samples, func(i int) error { return add(size + i) }) }))
}

// auditOf writes a log, opens it again, lists and verifies it.
func auditOf(ctx context.Context, m *meter, size int) error {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	events, err := files.Open(files.Config{Dir: m.file("audit")})
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // the one that is opened last
	cfg := audit.Config{Events: events, Node: "gate-a", Now: time.Now, Key: key, Checkpoint: m.file("checkpoint")}
	log, err := audit.Open(ctx, cfg)
	if err != nil {
		return err
	}
	ev := audit.Event{Kind: audit.KindVerdict, Ref: "0198c0de-0000-7000-8000-000000000000", Peer: "staging", Verdict: audit.Allow,
		Login: "publisher@example.com"}
	ev.Method = "com.liferay.exportimport.kernel.service.StagingServiceUtil#hasRemoteLayout(java.lang.String,long,boolean)"
	err = m.step("write", size, func() error {
		return times(size, func(int) error { _, err := log.Write(ctx, ev); return err })
	})
	if err = errors.Join(err, log.Close(), events.Close()); err != nil {
		return err
	}
	return errors.Join(m.step("start", 1, func() error {
		reopened, err := files.Open(files.Config{Dir: m.file("audit")})
		if err != nil {
			return err
		}
		events, cfg.Events = reopened, reopened
		again, err := audit.Open(ctx, cfg)
		if err != nil {
			return err
		}
		return again.Close()
	}), m.step("list", size, func() error {
		n := 0
		only := audit.Filter{Kinds: []audit.Kind{audit.KindVerdict}}
		err := audit.List(ctx, events, only, func(audit.Event) error { n++; return nil })
		if err == nil && n != size {
			err = fmt.Errorf("%d of %d records", n, size)
		}
		return err
	}), m.step("verify", size, func() error { return verify(ctx, events, public, m.file("checkpoint")) }))
}

func verify(ctx context.Context, events store.Events, key ed25519.PublicKey, checkpoint string) error {
	newest, err := os.ReadFile(checkpoint)
	if err != nil {
		return err
	}
	r, err := proof.Verify(ctx, events, proof.Trust{Keys: []ed25519.PublicKey{key},
		Notes: []proof.Note{{Text: newest, From: "checkpoint"}}})
	if err == nil && !r.OK() {
		err = fmt.Errorf("the log is bad: %s", r.Msg)
	}
	return err
}
