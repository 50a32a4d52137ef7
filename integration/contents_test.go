package integration_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/store/sqlite"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// selective is a live engine whose gateway lets its peer publish some types only.
type selective struct {
	testing.TB
	live    *harness.Engine
	source  *harness.Engine
	gateway *harness.Gateway
}

func newSelective(t testing.TB, o harness.Options) *selective {
	t.Helper()
	g := &selective{TB: t, live: harness.StartEngine(t, harness.EngineOptions{}), source: harness.StartEngine(t, harness.EngineOptions{})}
	o.Upstream = g.live.URL
	if o.Extra == nil {
		o.Extra = unhurried
	}
	g.gateway = harness.Start(t, o)
	return g
}

func mayPublish(names string) harness.Options {
	return harness.Options{Peer: []string{"types: [" + names + "]"}}
}

// client returns one that publishes through the gateway.
func (g *selective) client(change func(*publisher.Config)) *publisher.Client {
	g.Helper()
	u, err := url.Parse(g.gateway.URL)
	g.must(err)
	key := g.gateway.Key(g)
	cfg := publisher.Config{AnyBuild: true, URL: u, Build: "7.4", Login: harness.Login, Site: harness.Site,
		Roots:     g.gateway.TLS.RootCAs,
		Authorize: func(login string) string { return key.Authorization(login, false, false) }}
	if change != nil {
		change(&cfg)
	}
	c, err := publisher.New(cfg)
	g.must(err)
	g.Cleanup(func() { _ = c.Close() })
	return c
}

func (g *selective) must(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// archive returns one with pages and, if it is asked for, an article.
func (g *selective) archive(article bool) []byte {
	g.Helper()
	for i := range 12 {
		_, err := g.source.AddPage(g.Context(), harness.Site, fmt.Sprint("Page ", i), strings.Repeat(fmt.Sprint("Welcome ", i), 50), engine.PageOptions{})
		g.must(err)
	}
	if article {
		_, err := g.source.AddArticle(g.Context(), harness.Site, "Sale", "Buy.")
		g.must(err)
	}
	lar, err := g.source.Export(g.Context(), harness.Site, engine.ExportOptions{})
	g.must(err)
	return readFile(g, lar.Path)
}

// has is how many items arrived on live.
func (g *selective) has() int {
	g.Helper()
	all, err := g.live.List(g.Context(), harness.Site)
	g.must(err)
	return len(all)
}

// request sends the parts of an archive in the order of is, and publishes.
func (g *selective) request(lar []byte, size int, order func(n int) []int) error {
	g.Helper()
	ctx, c := g.Context(), g.client(nil)
	id, err := c.CreateStagingRequest(ctx, harness.Site, md5Of(lar))
	g.must(err)
	var parts [][]byte
	for rest := lar; len(rest) > 0; rest = rest[min(size, len(rest)):] {
		parts = append(parts, rest[:min(size, len(rest))])
	}
	for _, i := range order(len(parts)) {
		g.must(c.UpdateStagingRequest(ctx, id, partName(i), bytes.NewReader(parts[i]), int64(len(parts[i]))))
	}
	_, err = c.PublishStagingRequest(ctx, id, publisher.DefaultSettings(harness.Site, false, nil))
	g.must(c.CleanUpStagingRequest(ctx, id))
	return err
}

func partName(i int) string { return fmt.Sprintf("site.lar%05d", i) }

func inOrder(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// What a peer may publish arrives, whatever the parts are like; what it may not is refused by its name
// before the engine is asked to import it.
func TestContentPolicy(t *testing.T) {
	for _, tt := range []struct {
		name, types string
		article     bool
		want        string
	}{
		{"pages alone", "pages", false, ""},
		{"both allowed", "pages, web-content", true, ""},
		{"an article too much", "pages", true, "the archive holds content that this server may not publish: web-content"},
		{"no page allowed", "web-content", true, "may not publish: pages"},
		{"nothing of it allowed", "wiki", true, "may not publish: pages, web-content"},
	} {
		for _, size := range []int{400, 1 << 20} {
			t.Run(fmt.Sprintf("%s in parts of %d", tt.name, size), func(t *testing.T) {
				g := newSelective(t, mayPublish(tt.types))
				err := g.request(g.archive(tt.article), size, inOrder)
				if tt.want == "" {
					if err != nil || g.has() == 0 {
						t.Errorf("%d items arrived, %v", g.has(), err)
					}
					return
				}
				g.refused(err, "content.denied", tt.want)
			})
		}
	}
}

// refused fails unless a publish was refused for that reason, with that message, and live knows nothing
// of it.
func (g *selective) refused(err error, reason, want string) {
	g.Helper()
	var f *failure.Failure
	if !errors.As(err, &f) || !strings.Contains(f.Error(), want) || f.Reference == "" {
		g.Errorf("published with %v, want %q", err, want)
		return
	}
	verdicts := g.gateway.Verdicts(g, f.Reference)
	if len(verdicts) != 1 || string(verdicts[0].Reason) != reason || verdicts[0].Verdict != audit.Deny {
		g.Errorf("verdicts %+v, want %s", verdicts, reason)
	}
	ledger, err := g.live.Ledger(g.Context())
	g.must(err)
	for _, x := range ledger {
		if x.Method == "publishStagingRequest" {
			g.Errorf("live was asked to import: %+v", x)
		}
	}
}

// Parts in another order, at once, or with a manifest that is cut by them make no difference.
func TestContentPolicyInAnyOrder(t *testing.T) {
	g := newSelective(t, mayPublish("pages"))
	lar := g.archive(false)
	for name, order := range map[string]func(int) []int{
		"backwards": func(n int) []int { all := inOrder(n); slices.Reverse(all); return all },
		"mixed":     rand.New(rand.NewPCG(1, 1)).Perm,
	} {
		for _, size := range []int{300, 3000} {
			if err := g.request(lar, size, order); err != nil {
				t.Errorf("%s in parts of %d: %v", name, size, err)
			}
		}
	}
	g = newSelective(t, mayPublish("pages"))
	g.refused(g.request(g.archive(true), 300, rand.New(rand.NewPCG(2, 1)).Perm), "content.denied", "web-content")
}

// A part that live refuses, since it has it, is the one that came first: what comes later under its name
// is not what is looked at.
func TestContentPolicyLooksAtWhatLiveTook(t *testing.T) {
	g := newSelective(t, mayPublish("pages"))
	good, evil := g.archive(false), g.archive(true)
	ctx, c := g.Context(), g.client(nil)
	id, err := c.CreateStagingRequest(ctx, harness.Site, md5Of(evil))
	g.must(err)
	update := func(lar []byte) error {
		return c.UpdateStagingRequest(ctx, id, "site.lar00", bytes.NewReader(lar), int64(len(lar)))
	}
	g.must(update(evil))
	if update(good) == nil {
		t.Error("live took a part twice")
	}
	_, err = c.PublishStagingRequest(ctx, id, publisher.DefaultSettings(harness.Site, false, nil))
	g.refused(err, "content.denied", "web-content")
}

// A part that went around the gateway was not seen, and what was not seen is not published.
func TestContentPolicyOfWhatWasNotSeen(t *testing.T) {
	g := newSelective(t, mayPublish("pages"))
	lar := g.archive(false)
	ctx, c := g.Context(), g.client(nil)
	id, err := c.CreateStagingRequest(ctx, harness.Site, md5Of(lar))
	g.must(err)
	half := len(lar) / 2
	g.must(c.UpdateStagingRequest(ctx, id, partName(0), bytes.NewReader(lar[:half]), int64(half)))
	part, err := g.live.Spool(bytes.NewReader(lar[half:]))
	g.must(err)
	g.must(g.live.UpdateStagingRequest(ctx, harness.Login, id, partName(1), part))
	_, err = c.PublishStagingRequest(ctx, id, publisher.DefaultSettings(harness.Site, false, nil))
	g.refused(err, "content.unseen", "the manifest of the archive was not seen")
}

// A gateway that is started anew in the middle of a publish has not forgotten what went by.
func TestContentPolicyOverARestart(t *testing.T) {
	for _, article := range []bool{false, true} {
		o := mayPublish("pages")
		o.Dir = t.TempDir()
		g := newSelective(t, o)
		lar := g.archive(article)
		c := g.client(nil)
		id, err := c.CreateStagingRequest(t.Context(), harness.Site, md5Of(lar))
		g.must(err)
		size := len(lar)/7 + 1
		for i := range 7 {
			part := lar[i*size : min((i+1)*size, len(lar))]
			g.must(c.UpdateStagingRequest(t.Context(), id, partName(i), bytes.NewReader(part), int64(len(part))))
			if i%3 == 2 {
				g.must(g.gateway.Stop())
				o.Upstream, o.Extra = g.live.URL, unhurried
				g.gateway = harness.Start(t, o)
				c = g.client(nil)
			}
		}
		_, err = c.PublishStagingRequest(t.Context(), id, publisher.DefaultSettings(harness.Site, false, nil))
		if article {
			g.refused(err, "content.denied", "web-content")
		} else if err != nil || g.has() == 0 {
			t.Errorf("%d items, %v", g.has(), err)
		}
	}
}

// What is looked at of an archive is forgotten with its request.
func TestContentPolicyKeepsNothing(t *testing.T) {
	g := newSelective(t, mayPublish("pages"))
	g.must(g.request(g.archive(false), 1000, inOrder))
	g.must(g.gateway.Stop())
	db, err := sqlite.Open(context.Background(), filepath.Join(g.gateway.Dir, "stagelock.db"))
	g.must(err)
	defer db.Close()
	left, err := db.Values().List(context.Background(), "archives", true)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// The map form of older lines is held back too, at its first call that reads the archive.
func TestContentPolicyOfTheOlderForm(t *testing.T) {
	o := mayPublish("pages")
	o.Line = "6.2"
	g := &selective{TB: t, live: harness.StartEngine(t, harness.EngineOptions{Line: "6.2"}), source: harness.StartEngine(t, harness.EngineOptions{})}
	o.Upstream, o.Extra = g.live.URL, unhurried
	g.gateway = harness.Start(t, o)
	lar := g.archive(true)
	c := g.client(func(cfg *publisher.Config) { cfg.Build = "6.2" })
	_, err := c.Publish(t.Context(), bytes.NewReader(lar), int64(len(lar)))
	g.refused(err, "content.denied", "web-content")
	ledger, err := g.live.Ledger(t.Context())
	g.must(err)
	for _, x := range ledger {
		if x.Method == "validateStagingRequest" {
			t.Errorf("live was asked: %+v", x)
		}
	}
}

// Real archives of the vendor are known by their applications.
func TestContentPolicyOfRealArchives(t *testing.T) {
	g := newSelective(t, mayPublish("wiki, message-boards"))
	for _, file := range larFiles(t) {
		lar := readFile(t, file)
		allowed := strings.Contains(file, "wiki") || strings.Contains(file, "message-boards")
		_, err := g.client(nil).Publish(t.Context(), bytes.NewReader(lar), int64(len(lar)))
		var f *failure.Failure
		denied := errors.As(err, &f) && strings.Contains(f.Error(), "may not publish")
		if allowed == denied || allowed && err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The author's own login stays in the audit log; live sees the one that it maps to.
func TestPrincipals(t *testing.T) {
	g := newSelective(t, harness.Options{Peer: []string{
		`principals: ["anna@staging.example.com -> publisher@example.com", "*@old.example.com -> *@example.com"]`}})
	lar := g.archive(false)
	for _, came := range []string{"anna@staging.example.com", "publisher@old.example.com", harness.Login} {
		c := g.client(func(cfg *publisher.Config) { cfg.Login = came })
		if _, err := c.Publish(t.Context(), bytes.NewReader(lar), int64(len(lar))); err != nil {
			t.Errorf("%s: %v", came, err)
		}
		asked := 0
		for _, ev := range g.gateway.Events(t) {
			if ev.Login != came || ev.Kind != audit.KindVerdict {
				continue
			}
			asked++
			if want := map[bool]string{true: "", false: harness.Login}[came == harness.Login]; ev.Fields["acts_as"] != want {
				t.Errorf("%s: event %+v", came, ev)
			}
		}
		if asked < 5 {
			t.Errorf("only %d verdicts on %s", asked, came)
		}
	}
	ledger, err := g.live.Ledger(t.Context())
	g.must(err)
	for _, x := range ledger {
		if x.Login != harness.Login {
			t.Errorf("live was called as %s", x.Login)
		}
	}
	stranger := g.client(func(cfg *publisher.Config) { cfg.Login = "bob@old.example.com" })
	if err := stranger.CheckRemoteStagingGroup(t.Context(), harness.Site); err == nil {
		t.Error("a login that live does not know is let in")
	}
}

// Patch levels are compared before a byte of content moves.
func TestPatchLevels(t *testing.T) {
	const live = "Stagelock Engine 7.4 92"
	for _, tt := range []struct {
		policy, staging, live string
		reason                string
	}{
		{"equal", live, live, ""},
		{"equal", "Stagelock Engine 7.4 91", live, "level.unequal"},
		{"equal", "", live, "level.unknown"},
		{"equal", live, "", "level.unknown"},
		{"warn", "Stagelock Engine 7.4 91", live, ""},
		{"warn", "", "", ""},
		{"any", "Stagelock Engine 7.4 91", live, ""},
	} {
		t.Run(fmt.Sprintf("%s, %q to %q", tt.policy, tt.staging, tt.live), func(t *testing.T) { patchLevels(t, tt.policy, tt.staging, tt.live, tt.reason) })
	}
}

func patchLevels(t *testing.T, policy, staging, live, reason string) {
	t.Helper()
	var probes atomic.Int32
	g := &selective{TB: t, source: harness.StartEngine(t, harness.EngineOptions{}),
		live: harness.StartEngine(t, harness.EngineOptions{Before: saying(live, &probes)})}
	log := &transcript{}
	g.gateway = harness.Start(t, harness.Options{Upstream: g.live.URL, Engine: harness.Secret, Extra: unhurried, LogTo: log,
		Behind: []string{"patch_level: " + policy}, Health: "{ interval: 100ms }"})
	await(t, "the first probe to be read", func() bool { return probes.Load() > 1 })
	lar := g.archive(false)
	c := g.client(func(cfg *publisher.Config) { cfg.Level = staging })
	_, err := c.Publish(t.Context(), bytes.NewReader(lar), int64(len(lar)))
	if reason != "" {
		g.refused(err, reason, "the staging engine is ")
		ledger, err := g.live.Ledger(t.Context())
		g.must(err)
		for _, x := range ledger {
			if x.Method == "createStagingRequest" || x.Method == "updateStagingRequest" {
				t.Errorf("live was asked: %+v", x)
			}
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range g.gateway.Events(t) {
		if ev.Kind != audit.KindVerdict || !strings.Contains(ev.Method, "createStagingRequest") || policy == "any" {
			continue
		}
		if ev.Fields["staging_level"] == "" || ev.Fields["live_level"] == "" {
			t.Errorf("the event says nothing: %+v", ev.Fields)
		}
		if live == "" && ev.Fields["live_level"] != "unknown" {
			t.Errorf("live's level is %q", ev.Fields["live_level"])
		}
	}
	if told := len(log.with("the live engine is "+live)) > 0; told != (policy == "warn" && staging != "") {
		t.Errorf("warned: %t", told)
	}
}

// saying has an engine say what it is, and counts how often a gateway asks for its health.
func saying(level string, probes *atomic.Int32) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				probes.Add(1)
			}
			if level != "" {
				w.Header().Set("Liferay-Portal", level)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// md5Of is what create is told of an archive.
func md5Of(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}
