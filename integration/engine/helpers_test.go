package engine_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/engine/servlet"
)

const (
	company   = 20097
	site      = 20121
	otherSite = 20500
	foreign   = 30900 // a site of another company
	publisher = "publisher@example.com"
	nobody    = "reader@example.com" // known, may nothing
)

var start = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

// larFiles returns the real archives, exported by build 6011.
func larFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../archive/testdata/lar/*.lar")
	if err != nil || len(files) != 12 {
		t.Fatalf("real archives: found %d, want 12 (%v)", len(files), err)
	}
	return files
}

// config returns a configuration whose clock ticks by a second a look.
func config(dir, build string) engine.Config {
	ticks := 0
	return engine.Config{Dir: dir, Build: build, CompanyID: company, Now: func() time.Time {
		ticks++
		return start.Add(time.Duration(ticks) * time.Second)
	}}
}

// frozen is a clock that several goroutines may look at.
func frozen() time.Time { return start }

func newEngine(t testing.TB, cfg engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// populate gives an engine its sites and users.
func populate(t testing.TB, e *engine.Engine) {
	t.Helper()
	ctx := t.Context()
	for _, s := range []engine.Site{
		{ID: site, Name: "Guest", UUID: "0d4a1e6e-3c0d-4f0f-9c36-0f7f0f1b8a11", Locales: []string{"en_US", "de_DE"}},
		{ID: otherSite, Name: "Other Site"},
		{ID: foreign, Name: "Foreign", CompanyID: 7},
	} {
		if _, err := e.CreateSite(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range []engine.User{
		{ID: 20199, Email: publisher, ScreenName: "publisher"},
		{ID: 20200, Email: nobody, ScreenName: "reader"},
		{ID: 20201, Email: "admin@example.com", ScreenName: "admin", Admin: true},
		{ID: 20202, Email: "stranger@example.com", ScreenName: "stranger", CompanyID: 7},
	} {
		if err := e.AddUser(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Grant(ctx, 20199, site, engine.ExportImportLayouts, engine.Update); err != nil {
		t.Fatal(err)
	}
}

// live returns an engine of that build with sites and users.
func live(t testing.TB, build string) *engine.Engine {
	t.Helper()
	e := newEngine(t, config(t.TempDir(), build))
	populate(t, e)
	return e
}

func spool(t testing.TB, e *engine.Engine, b []byte) *engine.Part {
	t.Helper()
	p, err := e.Spool(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	return p
}

// send creates a request for lar and sends it in parts of that many bytes.
func send(t testing.TB, e *engine.Engine, lar []byte, buffer int64) int64 {
	t.Helper()
	id, err := e.CreateStagingRequest(t.Context(), publisher, site, md5Of(lar))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := parts.Split("3c0d.zip", int64(len(lar)), buffer)
	if err != nil {
		t.Fatal(err)
	}
	for p := range parts {
		content := spool(t, e, lar[p.Offset:p.Offset+p.Size])
		if err := e.UpdateStagingRequest(t.Context(), publisher, id, p.Name, content); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func md5Of(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// configurationFor returns what a publisher's settings would say about this archive.
func configurationFor(t testing.TB, lar []byte) engine.Configuration {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(lar), int64(len(lar)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Of(a)
	if err != nil {
		t.Fatal(err)
	}
	conf := pages(site)
	if m.Header.Type == "portlet" {
		conf.Type = 9
		conf.Settings["portletId"] = m.Header.RootPortletID + "_INSTANCE_abcd"
	}
	return conf
}

// pages returns the configuration of a publish of pages.
func pages(target int64) engine.Configuration {
	return engine.Configuration{Type: 2, Settings: map[string]any{
		"targetGroupId": target, "privateLayout": false,
		"parameterMap": map[string]any{"DELETIONS": []any{"true"}},
	}}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantException fails unless err is thrown as an exception of a class that ends in class and mentions
// text.
func wantException(t testing.TB, err error, class, text string) {
	t.Helper()
	x, known := servlet.Translate("7.4", err)
	if !known || !strings.HasSuffix(x.Class, "."+class) || !strings.Contains(x.Message, text) {
		t.Errorf("got %+v of error %v, want a %s that says %q", x, err, class, text)
	}
}

// thrown reports whether err is thrown as an exception of its own.
func thrown(err error) bool {
	_, known := servlet.Translate("7.4", err)
	return known
}

// state is everything of an engine that a call could have touched, but for the ledger.
func state(t testing.TB, e *engine.Engine) string {
	t.Helper()
	var b strings.Builder
	ctx := t.Context()
	sites, err := e.Sites(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sites {
		items, err := e.List(ctx, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		publishes, err := e.Publishes(ctx, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%+v\n%+v\n%+v\n", s, items, publishes)
	}
	requests, err := e.StagingRequests(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%+v\n", requests)
	return b.String()
}

// methods returns what the ledger says was carried out: method and outcome.
func methods(t testing.TB, e *engine.Engine) []string {
	t.Helper()
	rows, err := e.Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i, r := range rows {
		if r.Seq != int64(i+1) {
			t.Errorf("ledger row %d has seq %d", i, r.Seq)
		}
		all = append(all, r.Method+" "+r.Outcome[strings.LastIndexByte(r.Outcome, '.')+1:])
	}
	return all
}

func bytesOf(t testing.TB, open func() (io.ReadCloser, error)) []byte {
	t.Helper()
	r, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compareArrived fails unless publish brought exactly the files of the archive, byte for byte.
func compareArrived(t testing.TB, e *engine.Engine, publish int64, lar []byte) {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(lar), int64(len(lar)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := e.Entries(t.Context(), publish)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]byte{}
	for _, it := range arrived {
		got[it.Path] = bytesOf(t, func() (io.ReadCloser, error) { return e.Open(t.Context(), it) })
	}
	files := 0
	for _, f := range a.Entries() {
		if f.Dir {
			continue
		}
		files++
		want := bytesOf(t, func() (io.ReadCloser, error) { return a.Open(f) })
		if b, found := got[f.Name]; !found || !bytes.Equal(b, want) {
			t.Errorf("%s: arrived %d bytes (%t), the archive has %d", f.Name, len(b), found, len(want))
		}
	}
	if files != len(got) || files == 0 {
		t.Errorf("%d files arrived, the archive has %d", len(got), files)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
