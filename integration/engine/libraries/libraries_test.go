package libraries_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/libraries"
)

const (
	library, other = 30, 31
	site, second   = 40, 41
)

func newStore(t *testing.T) *content.Store {
	t.Helper()
	s, err := content.Open(t.Context(), content.Config{Dir: t.TempDir(), CompanyID: 1, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, at := range []content.Site{{ID: library, Library: true}, {ID: other, Library: true}, {ID: site}, {ID: second}} {
		at.Name = fmt.Sprint("Site ", at.ID)
		if _, err := s.CreateSite(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// stage turns staging on or off as the staging side does.
func stage(t *testing.T, s *content.Store, id int64, on bool) (ended []libraries.Connection) {
	t.Helper()
	query := `DELETE FROM stagings WHERE site = ?`
	if on {
		query = `INSERT INTO stagings (site, connection, login, at) VALUES (?, '{}', '', '')`
	}
	err := s.Change(t.Context(), func(tx *content.Tx) (err error) {
		if _, err = tx.ExecContext(t.Context(), query, id); err == nil {
			ended, err = libraries.Part(t.Context(), tx, id)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

func TestConnectingSitesAndLibraries(t *testing.T) {
	s := newStore(t)
	stage(t, s, other, true)
	for _, tt := range []struct {
		name string
		c    libraries.Connection
		want content.Code
	}{
		{"both unstaged", libraries.Connection{Library: library, Site: site}, ""},
		{"again", libraries.Connection{Library: library, Site: site}, ""},
		{"another site", libraries.Connection{Library: library, Site: second}, ""},
		{"a staged library to an unstaged site", libraries.Connection{Library: other, Site: site}, libraries.Unstaged},
		{"a site as a library", libraries.Connection{Library: site, Site: second}, libraries.NoLibrary},
		{"a library as a site", libraries.Connection{Library: library, Site: other}, libraries.NoLibrary},
		{"no library", libraries.Connection{Library: 404, Site: site}, content.NoSite},
		{"no site", libraries.Connection{Library: library, Site: 404}, content.NoSite},
	} {
		err := libraries.Connect(t.Context(), s, tt.c)
		if tt.want == "" && err != nil || tt.want != "" && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	want := []libraries.Connection{{Library: library, Site: site}, {Library: library, Site: second}}
	if all, err := libraries.Of(t.Context(), s.View, library); err != nil || !slices.Equal(all, want) {
		t.Errorf("of the library: %v, %v", all, err)
	}
	for range 2 {
		if err := libraries.Disconnect(t.Context(), s, want[0]); err != nil {
			t.Error(err)
		}
	}
	if all, err := libraries.Of(t.Context(), s.View, site); err != nil || len(all) > 0 {
		t.Errorf("of the site: %v, %v", all, err)
	}
}

// A staged library is connected to staged sites only, whichever of the two is turned on or off.
func TestStagingPartsWhatMayNotBeConnected(t *testing.T) {
	s := newStore(t)
	both := libraries.Connection{Library: library, Site: site}
	for _, id := range []int64{site, second} {
		if err := libraries.Connect(t.Context(), s, libraries.Connection{Library: library, Site: id}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		id   int64
		on   bool
		want []libraries.Connection
	}{
		{"a site on", site, true, nil},
		{"the library on", library, true, []libraries.Connection{{Library: library, Site: second}}},
		{"the library off", library, false, nil},
		{"the library on again", library, true, nil},
		{"the site off", site, false, []libraries.Connection{both}},
	} {
		if ended := stage(t, s, step.id, step.on); !slices.Equal(ended, step.want) {
			t.Errorf("%s ended %v, want %v", step.name, ended, step.want)
		}
	}
}
