package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/stagelock/stagelock/integration/ports"
)

// world is everything that runs during a measurement.
type world struct {
	plan    plan
	dir     string
	roots   *x509.CertPool
	calls   *calls
	engine  *process
	auth    *process
	rivals  []*rival
	starts  []start
	missing []string // why somebody is not measured
	folders []string // to remove in the end, beside dir
}

// open starts the engine, the authoriser and every rival that is here.
func open(ctx context.Context, p plan, dir string) (w *world, err error) {
	w = &world{plan: p, dir: dir}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.roots, err = selfSigned(dir); err != nil {
		return w, err
	}
	if w.calls, err = writeCalls(part); err != nil {
		return w, err
	}
	var engine, auth []string
	if w.engine, engine, err = startRole(ctx, "engine", certFolder+"="+dir); err != nil {
		return w, err
	}
	if w.auth, auth, err = startRole(ctx, "authoriser", tokenValue+"="+w.calls.token); err != nil {
		return w, err
	}
	for _, e := range entrants() {
		if !p.rivals.MatchString(e.name) {
			continue
		}
		if err := w.enter(ctx, e, engine, auth[0]); err != nil {
			return w, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	return w, nil
}

// enter starts an entrant, or notes what is missing for it.
func (w *world) enter(ctx context.Context, e entrant, engine []string, auth string) (err error) {
	n := &entry{rival: &rival{name: e.name, roots: w.roots}, certs: w.dir, engine: engine[0], auth: auth,
		dir: filepath.Join(w.dir, fmt.Sprintf("rival-%d", len(w.rivals)))}
	if err := os.Mkdir(n.dir, 0o700); err != nil {
		return err
	}
	found := true
	switch e.name {
	case "stagelock", "stagelock in memory":
		n.path, err = w.gateway(ctx)
		if _, none := os.Stat(memoryFolder); none != nil && e.name != "stagelock" {
			found = false
		}
	case "no proxy":
		n.addr, n.main = engine[1], w.engine
	default:
		n.path, found = find(e.program)
	}
	if err != nil {
		return err
	}
	if !found {
		w.missing = append(w.missing, e.name+" is not measured: there is no "+e.needs()+" here")
		return nil
	}
	if e.asks {
		n.authoriser = w.auth
	}
	if n.addr == "" {
		// Most proxies cannot choose a port; it is kept as long as the process lives.
		if n.addr, _, err = ports.Reserve(); err != nil {
			return err
		}
	}
	begun := time.Now()
	err = e.start(ctx, n)
	w.rivals, w.folders = append(w.rivals, n.rival), append(w.folders, n.dir)
	if err != nil {
		return err
	}
	return w.first(ctx, n.rival, begun)
}

// first makes the first call of a rival and keeps how long it took from its start.
func (w *world) first(ctx context.Context, r *rival, begun time.Time) error {
	c, err := dial(ctx, r.addr, r.config())
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.call(w.calls.read.bytes); err != nil {
		return err
	}
	if r.main != w.engine { // which runs already
		w.starts = append(w.starts, start{r.name, float64(time.Since(begun).Microseconds()) / 1e3})
	}
	return nil
}

// needs is what an entrant cannot do without.
func (e entrant) needs() string {
	if e.program == "" {
		return memoryFolder
	}
	return e.program
}

// gateway returns the binary to measure, built without the profile of a release unless one was named.
func (w *world) gateway(ctx context.Context) (string, error) {
	if w.plan.gateway != "" {
		return w.plan.gateway, nil
	}
	path := filepath.Join(w.dir, "stagelock")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path,
		"github.com/stagelock/stagelock/cmd/stagelock")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	w.plan.gateway = path
	return path, nil
}

// close stops everything.
func (w *world) close() {
	for _, r := range w.rivals {
		if r.main != nil && r.main != w.engine {
			_ = r.main.stop() // nothing is left to be done about it
		}
	}
	for _, p := range []*process{w.engine, w.auth} {
		if p != nil {
			_ = p.stop()
		}
	}
	for _, dir := range w.folders {
		_ = os.RemoveAll(dir)
	}
}

// measure takes every measurement, in turns.
func (w *world) measure(ctx context.Context, progress io.Writer) (*results, error) {
	found := &results{Missing: w.missing, Starts: w.starts}
	for _, m := range w.missing {
		fmt.Fprintln(progress, m)
	}
	for _, s := range scenes() {
		if !w.plan.scenes.MatchString(s.name) || s.rare && !w.plan.named {
			continue
		}
		fmt.Fprintf(progress, "%s ", s.name)
		for round := range w.plan.rounds {
			for _, r := range w.rivals {
				stop := w.watch(ctx, s, r, round)
				m, err := s.measure(ctx, w.plan, r, w.calls, w.engine)
				if err = errors.Join(err, stop()); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", s.name, r.name, err)
				}
				m.Round = round
				found.All = append(found.All, m)
				fmt.Fprint(progress, ".")
			}
		}
		fmt.Fprintln(progress)
	}
	return found, nil
}

// watch takes a CPU profile of a gateway for the period of the first round, if that was asked for.
func (w *world) watch(ctx context.Context, s scene, r *rival, round int) (stop func() error) {
	if w.plan.profile == "" || r.socket == "" || round > 0 || r.name != "stagelock" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() { // it listens behind the others
		if err := r.main.answers(ctx, "unix", r.socket); err != nil {
			done <- err
			return
		}
		done <- w.fetch(ctx, s, r)
	}()
	return func() error { return <-done }
}

// fetch writes a profile to the folder, by the name of its scene.
func (w *world) fetch(ctx context.Context, s scene, r *rival) error {
	to := http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", r.socket)
	}}
	defer to.CloseIdleConnections()
	seconds := max(1, int(w.plan.period/time.Second))
	url := fmt.Sprintf("http://localhost/debug/pprof/profile?seconds=%d", seconds)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := to.RoundTrip(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("no profile: %s %s", answer.Status, text)
	}
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(w.plan.profile, 0o755),
		os.WriteFile(filepath.Join(w.plan.profile, fileName(s.name)+".pprof"), text, 0o644))
}
