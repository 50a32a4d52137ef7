package content_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

const (
	library, other = 30, 31
	site, second   = 40, 41
)

func libraries(t *testing.T) *content.Store {
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
func stage(t *testing.T, s *content.Store, id int64, on bool) (ended []content.Connection) {
	t.Helper()
	query := `DELETE FROM stagings WHERE site = ?`
	if on {
		query = `INSERT INTO stagings (site, connection, login, at) VALUES (?, '{}', '', '')`
	}
	err := s.Change(t.Context(), func(tx *content.Tx) (err error) {
		if _, err = tx.ExecContext(t.Context(), query, id); err == nil {
			ended, err = tx.Part(t.Context(), id)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

func TestConnectingSitesAndLibraries(t *testing.T) {
	s := libraries(t)
	stage(t, s, other, true)
	for _, tt := range []struct {
		name string
		c    content.Connection
		want content.Code
	}{
		{"both unstaged", content.Connection{Library: library, Site: site}, ""},
		{"again", content.Connection{Library: library, Site: site}, ""},
		{"another site", content.Connection{Library: library, Site: second}, ""},
		{"a staged library to an unstaged site", content.Connection{Library: other, Site: site}, content.Unstaged},
		{"a site as a library", content.Connection{Library: site, Site: second}, content.NoLibrary},
		{"a library as a site", content.Connection{Library: library, Site: other}, content.NoLibrary},
		{"no library", content.Connection{Library: 404, Site: site}, content.NoSite},
		{"no site", content.Connection{Library: library, Site: 404}, content.NoSite},
	} {
		err := s.Connect(t.Context(), tt.c)
		if tt.want == "" && err != nil || tt.want != "" && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	want := []content.Connection{{Library: library, Site: site}, {Library: library, Site: second}}
	if all, err := s.Connections(t.Context(), library); err != nil || !slices.Equal(all, want) {
		t.Errorf("of the library: %v, %v", all, err)
	}
	for range 2 {
		if err := s.Disconnect(t.Context(), want[0]); err != nil {
			t.Error(err)
		}
	}
	if all, err := s.Connections(t.Context(), site); err != nil || len(all) > 0 {
		t.Errorf("of the site: %v, %v", all, err)
	}
}

// A staged library is connected to staged sites only, whichever of the two is turned on or off.
func TestStagingPartsWhatMayNotBeConnected(t *testing.T) {
	s := libraries(t)
	both := content.Connection{Library: library, Site: site}
	for _, id := range []int64{site, second} {
		if err := s.Connect(t.Context(), content.Connection{Library: library, Site: id}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		id   int64
		on   bool
		want []content.Connection
	}{
		{"a site on", site, true, nil},
		{"the library on", library, true, []content.Connection{{Library: library, Site: second}}},
		{"the library off", library, false, nil},
		{"the library on again", library, true, nil},
		{"the site off", site, false, []content.Connection{both}},
	} {
		if ended := stage(t, s, step.id, step.on); !slices.Equal(ended, step.want) {
			t.Errorf("%s ended %v, want %v", step.name, ended, step.want)
		}
	}
}

func TestLoginsOfAUser(t *testing.T) {
	u := content.User{ID: 7, Email: "anna@example.com", ScreenName: "anna"}
	for by, want := range map[content.LoginBy]string{"": u.Email, content.ByMail: u.Email, content.ByScreenName: "anna", content.ByID: "7"} {
		if got := by.Login(u); got != want || !by.Valid() {
			t.Errorf("%q: %q, want %q", by, got, want)
		}
	}
	if content.LoginBy("shoe size").Valid() {
		t.Error("there is no such login")
	}
}
