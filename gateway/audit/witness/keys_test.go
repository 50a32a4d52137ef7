package witness_test

import (
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/store/sqlite"
)

// TestStoredKeysOfOddNames: the name of a gateway was read as far as it was one, and the rest was let be.
func TestStoredKeysOfOddNames(t *testing.T) {
	good, _, err := ed25519.GenerateKey(nil)
	must(t, err)
	for _, tt := range []struct{ name, written, want string }{
		{"whole", "676174652d61", ""},
		{"cut in a digit", "676174652d6", "odd length"},
		{"another text behind it", "676174652d61-and-more", "invalid byte"},
		{"no digits", "gate-a", "invalid byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "db"))
			must(t, err)
			defer db.Close()
			must(t, witness.PublishKey(t.Context(), db.Values(), "gate-b", good))
			paths, err := db.Values().List(t.Context(), "audit/keys", true)
			must(t, err)
			if len(paths) != 2 {
				t.Fatalf("the keys stand at %q", paths)
			}
			value, err := db.Values().Load(t.Context(), paths[1])
			must(t, err)
			must(t, db.Values().Store(t.Context(), fmt.Sprintf("audit/keys/%s/00000001", tt.written), value))
			keys, err := witness.StoredKeys(t.Context(), db.Values())
			switch {
			case tt.want != "":
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.written) {
					t.Errorf("keys %v, %v; want %q", keys, err, tt.want)
				}
			case err != nil || len(keys) != 2:
				t.Errorf("keys %v, %v", keys, err)
			}
		})
	}
}
