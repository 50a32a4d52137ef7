package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/integration/bench/proc"
)

// scene is one kind of load.
type scene struct {
	name  string
	conns int
	parts bool // a volume of parts is measured, in place of a period of calls
	fresh bool // each call comes on a connection of its own
	idle  int  // as many connections more are open and rest
	rare  bool // it shows what grows: measured if it is asked for by name
	set   func(ctx context.Context, r *rival, c *calls, w *worker) error
}

// scenes are measured in this order.
func scenes() (all []scene) {
	for _, conns := range []int{1, 16, 64, 256} {
		all = append(all, scene{name: fmt.Sprintf("read/%d", conns), conns: conns, rare: conns > 64, set: reads})
	}
	for _, conns := range []int{1, 16, 64, 256} {
		all = append(all, scene{name: fmt.Sprintf("create/%d", conns), conns: conns, rare: conns > 64, set: creates})
	}
	for _, conns := range []int{1, 4} {
		all = append(all, scene{name: fmt.Sprintf("parts/%d", conns), conns: conns, parts: true, set: sendsParts})
	}
	all = append(all,
		scene{name: "connect/full", conns: 16, fresh: true, set: connects(false)},
		scene{name: "connect/resumed", conns: 16, fresh: true, set: connects(true)})
	for _, idle := range []int{100, 1000, 10000} {
		all = append(all, scene{name: fmt.Sprintf("idle/%d", idle), conns: 1, idle: idle, rare: idle > 100, set: reads})
	}
	return all
}

// open opens the connections that rest; each has made a call before.
func (s scene) open(ctx context.Context, r *rival, c *calls) (done func(), err error) {
	var all []*client
	done = func() {
		for _, one := range all {
			_ = one.close()
		}
	}
	for range s.idle {
		one, err := dial(ctx, r.addr, r.config())
		if err != nil {
			return done, fmt.Errorf("connection %d that is to rest: %w", len(all)+1, err)
		}
		all = append(all, one)
		if err := one.call(c.read.bytes); err != nil {
			return done, fmt.Errorf("connection %d that is to rest: %w", len(all), err)
		}
		one.b = nil // the driver needs none for it any more
	}
	return done, nil
}

// reads asks for a page, as each selected page of a publish does.
func reads(_ context.Context, _ *rival, c *calls, w *worker) error {
	w.once = func(int) error { return w.client.call(c.read.bytes) }
	return w.once(0)
}

// creates makes staging requests, each of an archive of its own.
func creates(_ context.Context, _ *rival, c *calls, w *worker) error {
	own := c.create.own()
	w.once = func(int) error {
		own.setSum(serial.Add(1))
		return w.client.call(own.bytes)
	}
	return w.once(0)
}

// sendsParts sends the parts of an archive, each under its name.
func sendsParts(ctx context.Context, r *rival, c *calls, w *worker) error {
	if err := creates(ctx, r, c, w); err != nil {
		return err
	}
	id, err := w.client.id()
	if err != nil {
		return err
	}
	update, clean := c.update.own(), c.clean.own()
	update.setID(id)
	clean.setID(id)
	w.once = func(n int) error {
		update.setPart(n)
		return w.client.call(update.bytes)
	}
	w.finish = func() error { return w.client.call(clean.bytes) }
	return nil
}

// connects opens a connection for each reading call: with a handshake of its own, or that of an earlier one resumed.
func connects(resumed bool) func(ctx context.Context, r *rival, c *calls, w *worker) error {
	return func(ctx context.Context, r *rival, c *calls, w *worker) error {
		config := r.config()
		if resumed {
			config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		}
		w.once = func(n int) error {
			client, err := dial(ctx, r.addr, config)
			if err != nil {
				return err
			}
			defer client.close()
			if resumed && n > 0 && !client.resumed {
				return fmt.Errorf("%s resumes no connection", r.name)
			}
			return client.call(c.read.bytes)
		}
		return w.once(0)
	}
}

// measure takes one measurement.
func (s scene) measure(ctx context.Context, p plan, r *rival, c *calls, engine *process) (m measurement, err error) {
	proc.ForgetPeak(r.main.cmd.Process.Pid)
	done, err := s.open(ctx, r, c)
	defer done()
	if err != nil {
		return m, err
	}
	workers, err := s.begin(ctx, r, c)
	defer func() {
		for _, w := range workers {
			if w.client != nil {
				_ = w.client.close()
			}
		}
	}()
	if err != nil {
		return m, err
	}
	before, begun := cpuOf(r, engine), time.Now()
	taken, err := drive(workers, s.more(ctx, p))
	if err != nil {
		return m, err
	}
	m = measurement{Scene: s.name, Rival: r.name, Calls: taken.n, Seconds: time.Since(begun).Seconds(),
		Peak: proc.Peak(r.main.cmd.Process.Pid), P50: micros(taken.at(0.5)), P99: micros(taken.at(0.99))}
	after := cpuOf(r, engine)
	for i, to := range []*float64{&m.CPU, &m.EngineCPU, &m.AuthoriserCPU} {
		*to = micros(after[i]-before[i]) / float64(max(1, m.Calls))
	}
	m.Rate = float64(m.Calls) / m.Seconds
	if s.parts {
		m.Bytes = int64(len(c.update.bytes))
	}
	for _, w := range workers {
		if w.finish != nil {
			if err := w.finish(); err != nil {
				return m, err
			}
		}
	}
	return m, ctx.Err()
}

// more says when the measurement is over.
func (s scene) more(ctx context.Context, p plan) func() bool {
	if s.parts {
		var left atomic.Int64
		left.Store(max(1, p.volume/part))
		return func() bool { return left.Add(-1) >= 0 && ctx.Err() == nil }
	}
	end := time.Now().Add(p.period)
	return func() bool { return time.Now().Before(end) && ctx.Err() == nil }
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// cpuOf is what the rival, the engine and the authoriser have used so far.
func cpuOf(r *rival, engine *process) [3]time.Duration {
	return [3]time.Duration{r.main.cpu(), engine.cpu(), r.authoriser.cpu()}
}
