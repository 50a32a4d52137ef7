package backup_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/backup"
	"github.com/stagelock/stagelock/integration/ports"
	"github.com/stagelock/stagelock/store/sqlite"
)

// folder makes a data folder with a database, a log and what else a gateway keeps.
func folder(t *testing.T) backup.Data {
	t.Helper()
	dir := ports.Folder(t)
	d := backup.Data{Dir: filepath.Join(dir, "data"), Database: filepath.Join(dir, "data", "stagelock.db"), Log: filepath.Join(dir, "data", "audit")}
	for name, text := range map[string]string{"audit/00000001.log": "one\n", "audit/00000002.log": "two\n", "audit.key": "secret", "tls/ca.pem": "pem"} {
		path := filepath.Join(d.Dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlite.Open(t.Context(), d.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return d
}

// listed returns the files below dir.
func listed(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, rel)
			if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", rel, info.Mode(), err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTake(t *testing.T) {
	d := folder(t)
	l, err := net.Listen("unix", filepath.Join(d.Dir, "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := filepath.Join(t.TempDir(), "copy")
	taken, err := backup.Take(t.Context(), d, to)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"audit/00000001.log", "audit/00000002.log", "audit.key", "stagelock.db", "tls/ca.pem"}
	got := listed(t, to)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the copy has %q, want %q", got, want)
	}
	if taken.Files != len(want) || taken.Bytes < 100 {
		t.Errorf("taken: %+v", taken)
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(to, "stagelock.db"))
	if err != nil {
		t.Fatalf("the copy cannot be opened: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A backup that cannot be made leaves nothing that looks like one.
func TestTakeAllOrNothing(t *testing.T) {
	d := folder(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		data func(backup.Data) backup.Data
		to   func(dir string) string
		want error
	}{
		{"there already", t.Context(), nil, func(dir string) string { return dir }, fs.ErrExist},
		{"into the folder of nobody", t.Context(), nil, func(dir string) string { return filepath.Join(dir, "none", "copy") }, fs.ErrNotExist},
		{"no database", t.Context(), func(d backup.Data) backup.Data { d.Database = filepath.Join(d.Dir, "other.db"); return d }, nil, fs.ErrNotExist},
		{"given up", cancelled, nil, nil, context.Canceled},
		{"a database that is none", t.Context(), func(d backup.Data) backup.Data { d.Database = filepath.Join(d.Dir, "audit.key"); return d }, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, data := t.TempDir(), d
			to := filepath.Join(dir, "copy")
			if tt.to != nil {
				to = tt.to(dir)
			}
			if tt.data != nil {
				data = tt.data(d)
			}
			_, err := backup.Take(tt.ctx, data, to)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if left := listed(t, dir); len(left) > 0 {
				t.Errorf("left: %s", strings.Join(left, " "))
			}
		})
	}
}

// TestTakeIntoTheDataFolder: the copy copied itself into itself, the log too, until the path was too long
// or the disk full.
func TestTakeIntoTheDataFolder(t *testing.T) {
	d := folder(t)
	before := listed(t, d.Dir)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(d.Log, link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{filepath.Join(d.Dir, "copy"), filepath.Join(d.Log, "copy"), filepath.Join(link, "copy")} {
		if _, err := backup.Take(t.Context(), d, to); !errors.Is(err, backup.ErrInside) {
			t.Errorf("%s: got %v, want %v", to, err, backup.ErrInside)
		}
	}
	if after := listed(t, d.Dir); !slices.Equal(after, before) {
		t.Errorf("the data folder has %q, had %q", after, before)
	}
}
