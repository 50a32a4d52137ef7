package integration_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/stagelock/stagelock/"

// mayImport has, for each room, the rooms below it. What is not here may import nothing of ours.
var mayImport = map[string][]string{
	"cmd/stagelock":                {"cmd/stagelock/commands", "cmd/stagelock/term"},
	"cmd/stagelock/term":           {"archive", "tunnel/publisher"},
	"cmd/stagelock/commands":       {"cmd/stagelock", "gateway/node", "gateway/audit", "gateway/certs", "integration/engine", "archive", "tunnel", "conf", "policy", "store"},
	"cmd/stagelock/demo":           {"cmd/stagelock/commands/flags", "cmd/stagelock/term", "gateway/node", "gateway/audit", "integration/engine", "tunnel", "conf", "policy/secret", "store"},
	"gateway/node":                 {"gateway", "policy", "tunnel", "archive", "store", "conf"},
	"conf":                         {"conf/settings", "conf/vendor"},
	"conf/vendor":                  {"conf/settings"},
	"conf/settings":                {},
	"gateway/audit":                {"store", "tunnel"},
	"gateway/certs":                {"store"},
	"gateway/front":                {"gateway/visit", "tunnel/http1"},
	"gateway/visit":                {"gateway/audit", "policy", "store", "tunnel"},
	"gateway/once":                 {"store"},
	"gateway/upstream":             {"tunnel/http1"},
	"gateway/native":               {"gateway/front", "gateway/visit", "policy", "tunnel"},
	"gateway/admin":                {"tunnel"},
	"gateway/relay":                {"gateway/audit", "gateway/front", "gateway/once", "gateway/upstream", "gateway/visit", "policy", "tunnel", "store"},
	"policy/hosts":                 {"policy"},
	"policy/secret":                {"policy"},
	"tunnel/liferay":               {"tunnel", "tunnel/javaser"},
	"store":                        {"archive", "store"},
	"archive/archivetest":          {"archive"},
	"integration/internal/harness": {"gateway", "policy", "tunnel", "archive", "store", "conf", "integration"},
	"integration/engine":           {"integration/engine", "tunnel"},
	"integration/engine/content":   {"store/sqlite"},
	"integration/engine/lar":       {"archive", "integration/engine/content"},
	"integration/engine/staging":   {"integration/engine/content", "integration/engine/lar"},
	"integration/engine/control": {
		"integration/engine/content", "integration/engine/remote", "integration/engine/staging",
	},
	"integration/engine/directory": {"integration/engine/content"},
	"integration/engine/remote":    {"integration/engine/content", "integration/engine/lar", "tunnel/publisher"},
	"integration/engine/servlet": {
		"archive", "integration/engine/content", "integration/engine/lar", "integration/engine/staging", "tunnel",
	},
	"tunnel/publisher":    {"archive", "tunnel", "tunnel/liferay", "tunnel/http1", "tunnel/javaser"},
	"integration/liferay": {"tunnel"},
}

// homes has the rooms of third-party modules that have one home.
var homes = map[string][]string{
	"github.com/caddyserver/certmagic":   {"gateway/certs"},
	"go.uber.org/zap":                    {"gateway/certs"},
	"github.com/urfave/cli/v2":           {"cmd"},
	"golang.org/x/time":                  {"policy/quota"},
	"github.com/hashicorp/golang-lru/v2": {"policy/secret", "policy/quota"},
	"modernc.org/sqlite":                 {"store/sqlite"},
	"github.com/sirupsen/logrus":         {"gateway", "cmd", "integration/internal/harness"},
	"github.com/pires/go-proxyproto":     {"gateway"},
	"github.com/gaissmai/bart":           {"policy/hosts"},
	"go.yaml.in/yaml/v4":                 {"conf/settings"},
	"github.com/vbauerster/mpb/v8":       {"cmd"},
	"github.com/netresearch/go-cron":     {"integration/engine/remote"},
	"github.com/pressly/goose/v3":        {"store/sqlite", "store/postgres"},
	"github.com/jackc/pgx/v5":            {"store/postgres"},
	"golang.org/x/crypto":                {"policy/secret"},
	"github.com/coreos/go-systemd/v22":   {"cmd/stagelock/commands/operate"},
}

// within says whether room lies in one of the rooms.
func within(room string, rooms []string) bool {
	for _, r := range rooms {
		if room == r || strings.HasPrefix(room, r+"/") {
			return true
		}
	}
	return false
}

// rules returns what a room may import: its own entry, or that of the nearest room around it.
func rules(room string) []string {
	for room != "" {
		if r, ok := mayImport[room]; ok {
			return r
		}
		i := strings.LastIndexByte(room, '/')
		if i < 0 {
			break
		}
		room = room[:i]
	}
	return nil
}

func TestRoomsImportDownwardsOnly(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	seen := 0
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		room := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok {
				if !within(own, rules(room)) {
					t.Errorf("%s imports %s", room, own)
				}
				continue
			}
			for mod, rooms := range homes {
				if (imp == mod || strings.HasPrefix(imp, mod+"/")) && !within(room, rooms) {
					t.Errorf("%s imports %s, whose home is %s", room, imp, strings.Join(rooms, ", "))
				}
			}
		}
	}
	if seen < 20 {
		t.Fatalf("only %d packages looked at", seen)
	}
}
