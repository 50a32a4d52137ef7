package datadir_test

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/node/datadir"
)

// names are what a gateway finds again after an upgrade: none of them may change.
var names = map[string]string{
	"Database": "stagelock.db", "Audit": "audit", "AuditKey": "audit.key", "AuditPublicKey": "audit.key.pub",
	"Checkpoint": "audit.checkpoint", "SharedCheckpoint": "cluster.log.checkpoint", "Note": "cluster.checkpoint",
	"GatewayKeys": "cluster.keys", "Life": "cluster.life", "Anchor": "audit.anchor", "TLS": "tls", "CA": "tls/ca.pem",
	"SyncKey": "sync.key", "Contents": "sync",
}

func TestNamesInTheDataFolder(t *testing.T) {
	dir := datadir.Dir("/var/lib/stagelock")
	v, taken := reflect.ValueOf(dir), map[string]string{}
	for i := range v.NumMethod() {
		name := v.Type().Method(i).Name
		path, ok := v.Method(i).Call(nil)[0].Interface().(string)
		if !ok {
			continue
		}
		rel, err := filepath.Rel(string(dir), path)
		if err != nil || strings.HasPrefix(rel, "..") {
			t.Errorf("%s lies outside: %s", name, path)
		}
		if other, twice := taken[rel]; twice {
			t.Errorf("%s and %s are the same file, %s", name, other, rel)
		}
		if taken[rel] = name; names[name] != rel {
			t.Errorf("%s is %s, want %s", name, rel, names[name])
		}
	}
	if len(taken) != len(names) {
		t.Errorf("%d names, want %d", len(taken), len(names))
	}
}

func TestTheAuditLogAndWhatBelongsToIt(t *testing.T) {
	d := datadir.Dir("d")
	if p := d.AuditPlace(); p.Dir != d.Audit() || p.Checkpoint != d.Checkpoint() || p.Anchor != d.Anchor() || p.PublicKey != d.AuditPublicKey() {
		t.Errorf("%+v", p)
	}
}

// A folder that is written relatively, or with a slash at its end, is the same folder.
func TestSpellingsOfAFolder(t *testing.T) {
	for _, spelling := range []datadir.Dir{"data", "data/", "./data", "data/."} {
		if got := spelling.Database(); got != filepath.Join("data", "stagelock.db") {
			t.Errorf("%s: %s", spelling, got)
		}
	}
}
