package staging_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

// died is the environment as who starts again finds it after the machine has died at this moment.
func (e *env) died() *env {
	e.t.Helper()
	to := e.t.TempDir()
	err := filepath.WalkDir(e.dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(e.dir, path)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, rel), 0o700))
		}
		if strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, ".lock") { // these do not outlive the process
			return nil
		}
		b, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(filepath.Join(to, rel), b, 0o600))
	})
	if err != nil {
		e.t.Fatal(err)
	}
	again := openEnv(e.t, to)
	if again.site, err = again.store.Site(e.t.Context(), e.site.ID); err != nil {
		e.t.Fatal(err)
	}
	return again
}

// TestAPublishGoesOnAfterAnyCrash has the machine die after each step of a publish: the request is the same one,
// parts that were acknowledged are there, those that were not leave no file, and the rest of the publish brings
// the same pages.
func TestAPublishGoesOnAfterAnyCrash(t *testing.T) {
	archive := export(t)
	pieces := slices.Collect(slices.Chunk(archive, len(archive)/3+1))
	sum := md5.Sum(archive)
	checksum := hex.EncodeToString(sum[:])
	for crash := range len(pieces) + 2 {
		t.Run(fmt.Sprint("after step ", crash), func(t *testing.T) {
			e := newEnv(t)
			step := 0
			next := func(do func()) {
				do()
				if step == crash {
					e = e.died()
				}
				step++
			}
			var id int64
			next(func() { id = e.create(checksum) })
			for i, b := range pieces {
				next(func() {
					if err := e.send("anna", id, fmt.Sprint(i, ".part"), b); err != nil {
						t.Fatal(err)
					}
				})
			}
			if again := e.create(checksum); again != id || e.files() != len(pieces) {
				t.Fatalf("the request is %d with %d files, was %d", again, e.files(), id)
			}
			next(func() {
				refs, err := e.PublishStagingRequestMap(t.Context(), "anna", id, false, nil)
				if err != nil || len(refs.Dependency) > 0 {
					t.Fatalf("%+v, %v", refs, err)
				}
			})
			if e.pages() != 1 || e.last().Outcome != content.OK {
				t.Errorf("%d pages, ledger %+v", e.pages(), e.last())
			}
			if err := e.CleanUpStagingRequest(t.Context(), "anna", id); err != nil || e.files() != 0 {
				t.Errorf("%d files are left, %v", e.files(), err)
			}
		})
	}
}

// TestAPartBeforeItsCallDiesWithTheMachine: what was taken in and not kept is swept.
func TestAPartBeforeItsCallDiesWithTheMachine(t *testing.T) {
	e := newEnv(t)
	id := e.create("aa")
	if err := e.send("anna", id, "kept", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Spool(strings.NewReader("never kept")); err != nil || e.files() != 2 {
		t.Fatalf("%d files, %v", e.files(), err)
	}
	again := e.died()
	all, err := again.StagingRequests(t.Context())
	if err != nil || again.files() != 1 || len(all) != 1 || len(all[0].Parts) != 1 || all[0].Parts[0].Name != "kept" || all[0].Parts[0].Size != 4 {
		t.Errorf("%d files, requests %+v, %v", again.files(), all, err)
	}
}

// TestPartsInAnyOrderAreOneArchive: the names decide, not the order or the size in which parts come; a part that
// comes twice is refused and changes nothing.
func TestPartsInAnyOrderAreOneArchive(t *testing.T) {
	archive := export(t)
	sum := md5.Sum(archive)
	for seed := range uint64(4) {
		x := rand.New(rand.NewPCG(seed, 3))
		e := newEnv(t)
		id := e.create(hex.EncodeToString(sum[:]))
		var pieces [][]byte
		for rest := archive; len(rest) > 0; {
			n := min(len(rest), x.IntN(len(archive)/3))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		name := func(i int) string { return fmt.Sprintf("x.zip%04d", i) }
		for _, i := range x.Perm(len(pieces)) {
			if err := e.send("anna", id, name(i), pieces[i]); err != nil {
				t.Fatal(err)
			}
			err := e.send("anna", id, name(i), []byte("another"))
			if !errors.Is(err, staging.DuplicatePart) || err.Error() != "part "+name(i)+" is there already" {
				t.Errorf("twice: %v", err)
			}
		}
		if e.files() != len(pieces) {
			t.Errorf("%d files of %d parts", e.files(), len(pieces))
		}
		if _, err := e.PublishStagingRequestMap(t.Context(), "anna", id, false, nil); err != nil || e.pages() != 1 {
			t.Errorf("seed %d: %d pages, %v", seed, e.pages(), err)
		}
	}
}

// TestWordsOfLive holds what each refusal says; none leaves a file or a request.
func TestWordsOfLive(t *testing.T) {
	e := newEnv(t)
	site := e.site.ID
	must := func(_ any, err error) error { return err }
	for _, tt := range []struct {
		name string
		do   func() error
		code content.Code
		want string
	}{
		{"a request of nobody", func() error { return must(e.CreateStagingRequest(t.Context(), "mallory", site, "aa")) }, content.NoUser, "no user mallory"},
		{"a request of no login", func() error { return must(e.CreateStagingRequest(t.Context(), "", site, "aa")) }, content.NoUser, "no user "},
		{"a request without permission", func() error { return must(e.CreateStagingRequest(t.Context(), "eve", site, "aa")) }, content.NoPermission,
			fmt.Sprintf("user 8 has no EXPORT_IMPORT_LAYOUTS permission for site %d", site)},
		{"a request in no site", func() error { return must(e.CreateStagingRequest(t.Context(), "anna", 404, "aa")) }, content.NoSite, "no site 404"},
		{"a part of no request", func() error { return e.send("anna", 404, "x", []byte("x")) }, staging.NoRequest, "no staging request 404"},
		{"a publish of no request", func() error { return must(e.PublishStagingRequestMap(t.Context(), "anna", 404, false, nil)) }, staging.NoRequest,
			"no staging request 404"},
		{"a validation of no request", func() error { return must(e.ValidateStagingRequest(t.Context(), "anna", -1, false, nil)) }, staging.NoRequest,
			"no staging request -1"},
		{"staging without permission", func() error { return e.EnableStaging(t.Context(), "eve", site) }, content.NoPermission,
			fmt.Sprintf("user 8 has no UPDATE permission for site %d", site)},
		{"an end of it", func() error { return e.DisableStaging(t.Context(), "eve", site) }, content.NoPermission,
			fmt.Sprintf("user 8 has no UPDATE permission for site %d", site)},
		{"settings without permission", func() error { return e.UpdateStagedPortlets(t.Context(), "eve", site, map[string]string{"a": "b"}) },
			content.NoPermission, fmt.Sprintf("user 8 has no UPDATE permission for site %d", site)},
		{"no page", func() error { return must(e.Layout(t.Context(), "anna", "u", site, true)) }, staging.NoPage,
			fmt.Sprintf("no page u in site %d, private true", site)},
		{"no page of an id", func() error { return must(e.HasPortletID(t.Context(), "anna", 0, "8")) }, staging.NoPageID, "no page of id 0"},
		{"no site of a name", func() error { return must(e.GroupByName(t.Context(), "anna", company, "Läden")) }, content.NoSiteNamed,
			fmt.Sprintf("company %d has no site %q", company, "Läden")},
		{"an unlock of no site", func() error { return must(e.Unlock(t.Context(), "root", 404)) }, content.NoSite, "no site 404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			if !errors.Is(err, tt.code) || err.Error() != tt.want && !strings.HasPrefix(err.Error(), tt.want+"\n") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if x := e.last(); x.Outcome != string(tt.code) && (tt.code != staging.NoPage || x.Outcome != content.OK) { // a look-up is carried out
				t.Errorf("ledger %+v", x)
			}
			s, err := e.store.Site(t.Context(), site)
			all, other := e.StagingRequests(t.Context())
			if err = errors.Join(err, other); err != nil || len(all) != 0 || e.files() != 0 || s.StagingCount != 0 || s.Settings != e.site.Settings {
				t.Errorf("requests %+v, %d files, site %+v, %v", all, e.files(), s, err)
			}
		})
	}
}

// TestSpoolTakesWhatComes, to the byte, in whatever pieces; what breaks leaves no file.
func TestSpoolTakesWhatComes(t *testing.T) {
	e := newEnv(t)
	for _, n := range []int{0, 1, 32 << 10, 32<<10 + 1} {
		data := bytes.Repeat([]byte{0xff}, n)
		p, err := e.Spool(iotest.HalfReader(bytes.NewReader(data)))
		if err != nil || p.Size != int64(n) || len(p.SHA256) != 64 || e.files() != 1 {
			t.Errorf("%d bytes: %+v, %v, %d files", n, p, err, e.files())
		}
		if err := p.Close(); err != nil || e.files() != 0 {
			t.Errorf("%d files are left, %v", e.files(), err)
		}
		cut := errors.New("cut")
		if p, err := e.Spool(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cut))); !errors.Is(err, cut) || p != nil || err.Error() != "spool: cut" || e.files() != 0 {
			t.Errorf("cut after %d bytes: %+v, %v, %d files", n, p, err, e.files())
		}
	}
	var none *staging.Part
	if err := none.Close(); err != nil {
		t.Errorf("no part: %v", err)
	}
}
