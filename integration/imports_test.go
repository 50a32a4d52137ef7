package integration_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/stagelock/stagelock/"

// mayImport has, for each room, exactly the rooms that it imports. A room that is not here, an import
// that is not here, and a permission that nobody uses any more fail the test.
var mayImport = map[string][]string{
	"archive":             {"archive/record", "archive/refusal"},
	"archive/archivetest": {"archive", "archive/manifest"},
	"archive/glimpse":     {"archive", "archive/manifest", "archive/record"},
	"archive/manifest":    {"archive", "archive/parts", "archive/refusal"},
	"archive/parts":       {"archive/refusal"},
	"archive/record":      {"archive/refusal"},
	"archive/refusal":     {},
	"archive/repack": {
		"archive", "archive/manifest", "archive/parts", "archive/record", "archive/refusal",
	},
	"cmd/stagelock": {"cmd/stagelock/commands", "cmd/stagelock/term"},
	"cmd/stagelock/commands": {
		"cmd/stagelock/commands/audit", "cmd/stagelock/commands/cluster",
		"cmd/stagelock/commands/doctor", "cmd/stagelock/commands/engine",
		"cmd/stagelock/commands/flags", "cmd/stagelock/commands/line", "cmd/stagelock/commands/operate",
		"cmd/stagelock/commands/publish", "cmd/stagelock/commands/sync", "cmd/stagelock/demo",
		"cmd/stagelock/term", "conf/settings/suggest",
	},
	"cmd/stagelock/commands/audit": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "conf", "conf/bounded", "gateway/audit",
		"gateway/audit/chain", "gateway/audit/merge", "gateway/audit/proof", "gateway/audit/retention", "gateway/audit/trail",
		"gateway/audit/witness", "gateway/node", "policy", "store", "store/postgres", "tunnel",
	},
	"cmd/stagelock/commands/cluster": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "conf", "gateway/cluster",
	},
	"cmd/stagelock/commands/doctor": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "conf", "conf/bounded", "gateway/admin",
		"gateway/doctor", "gateway/doctor/finding", "gateway/doctor/here", "gateway/doctor/portal",
		"gateway/node", "gateway/readiness", "gateway/status",
	},
	"cmd/stagelock/commands/engine": {
		"cmd/stagelock/commands/engine/reach", "cmd/stagelock/commands/engine/staging",
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "conf/bounded", "integration/engine",
		"integration/engine/content", "integration/engine/control", "integration/engine/directory",
		"integration/engine/servlet",
	},
	"cmd/stagelock/commands/engine/reach": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "conf/bounded",
		"integration/engine/control", "tunnel/publisher/failure",
	},
	"cmd/stagelock/commands/engine/staging": {
		"cmd/stagelock/commands/engine/reach", "cmd/stagelock/commands/flags", "cmd/stagelock/term",
		"integration/engine/content", "integration/engine/control", "integration/engine/remote",
		"integration/engine/remote/link", "tunnel/publisher", "tunnel/publisher/failure",
	},
	"cmd/stagelock/commands/flags": {
		"archive", "cmd/stagelock/term", "conf", "conf/bounded", "gateway/admin",
		"gateway/audit/chain", "gateway/audit/merge", "gateway/audit/proof", "gateway/cluster", "gateway/node",
		"gateway/node/plan", "policy", "policy/secret", "store", "store/files", "store/postgres",
	},
	"cmd/stagelock/commands/line": {},
	"cmd/stagelock/commands/operate": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/commands/operate/supervisor", "cmd/stagelock/term", "conf", "gateway/backup", "gateway/admin", "gateway/certs", "gateway/certs/trust",
		"gateway/cluster", "gateway/node", "gateway/node/lines", "gateway/node/trial", "gateway/status", "policy", "policy/calls",
		"policy/hosts", "policy/secret", "store/postgres", "tunnel/liferay", "tunnel/syncserver/kinds",
	},
	"cmd/stagelock/commands/operate/supervisor": {},
	"cmd/stagelock/commands/publish": {
		"archive", "archive/manifest", "archive/parts", "archive/repack",
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "policy/secret", "tunnel/liferay",
		"tunnel/publisher", "tunnel/publisher/failure",
	},
	"cmd/stagelock/commands/sync": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "conf/settings/suggest", "gateway/audit/chain",
		"gateway/exchange", "gateway/node", "policy/topology", "tunnel/sync",
	},
	"cmd/stagelock/demo": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/demo/fleet", "cmd/stagelock/demo/star", "cmd/stagelock/term", "conf",
		"gateway/audit", "gateway/audit/proof", "gateway/node", "integration/engine",
		"integration/engine/servlet", "policy/secret", "store", "tunnel", "tunnel/liferay",
		"tunnel/publisher", "tunnel/publisher/failure",
	},
	"cmd/stagelock/demo/fleet": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "gateway/audit", "gateway/audit/merge", "gateway/audit/trail",
		"gateway/audit/witness", "gateway/cluster", "integration/engine", "integration/engine/servlet",
		"integration/ports", "policy/secret", "store", "store/postgres", "store/postgres/postgrestest", "tunnel/publisher",
	},
	"cmd/stagelock/demo/star": {
		"cmd/stagelock/commands/flags", "cmd/stagelock/term", "conf", "gateway/admin", "gateway/audit/chain",
		"gateway/exchange", "gateway/node", "integration/engine", "integration/engine/author", "integration/ports", "policy/topology", "tunnel/sync",
	},
	"cmd/stagelock/term": {"archive/refusal", "policy", "tunnel/publisher", "tunnel/publisher/failure"},
	"conf": {
		"conf/address", "conf/kentico", "conf/section", "conf/settings", "conf/settings/origin",
		"conf/settings/scalar", "conf/vendor",
	},
	"conf/address":            {},
	"conf/bounded":            {},
	"conf/format":             {},
	"conf/format/readerstest": {},
	"conf/kentico":            {"conf/address", "conf/settings/scalar"},
	"conf/section":            {"conf/address", "conf/settings/scalar"},
	"conf/settings": {
		"conf/bounded", "conf/settings/origin", "conf/settings/scalar", "conf/settings/suggest",
	},
	"conf/settings/origin":  {},
	"conf/settings/suggest": {},
	"conf/settings/scalar":  {},
	"conf/vendor":           {"conf/format", "conf/settings", "conf/settings/origin", "conf/settings/suggest"},
	"gateway":               {},
	"gateway/admin":         {"gateway/status", "tunnel"},
	"gateway/approval":      {"store", "store/exchange", "tunnel/sync"},
	"gateway/audit":         {"gateway/audit/chain", "gateway/audit/members", "store", "store/files", "tunnel"},
	"gateway/audit/audittest": {
		"gateway/audit", "gateway/audit/chain", "gateway/audit/proof", "store",
	},
	"gateway/audit/chain":   {"store", "store/files"},
	"gateway/audit/members": {},
	"gateway/audit/merge":   {"gateway/audit", "store"},
	"gateway/audit/proof":   {"gateway/audit", "gateway/audit/chain", "store"},
	"gateway/audit/retention": {
		"gateway/audit", "gateway/audit/chain", "gateway/audit/proof", "gateway/audit/witness", "store", "store/files",
	},
	"gateway/audit/trail": {"gateway/audit", "gateway/audit/merge", "store", "tunnel"},
	"gateway/audit/witness": {
		"gateway/audit", "gateway/audit/chain", "gateway/audit/proof", "store", "store/files",
	},
	"gateway/backup":      {"store/sqlite"},
	"gateway/certs":       {"conf/bounded", "gateway/certs/trust", "store", "store/files"},
	"gateway/certs/trust": {"conf/bounded"},
	"gateway/cluster":     {"conf", "gateway/audit", "gateway/audit/witness", "store", "store/postgres"},
	"gateway/doctor": {
		"gateway/doctor/challenge", "gateway/doctor/desk", "gateway/doctor/finding", "gateway/doctor/here",
		"gateway/doctor/portal", "policy/secret", "tunnel/publisher", "tunnel/publisher/failure",
		"tunnel/publisher/proxy",
	},
	"gateway/doctor/challenge": {},
	"gateway/doctor/desk":      {"gateway/doctor/challenge", "policy/hosts"},
	"gateway/doctor/finding":   {"gateway/doctor/portal"},
	"gateway/doctor/here": {
		"conf", "gateway/doctor/challenge", "gateway/doctor/finding", "gateway/doctor/portal",
		"gateway/readiness", "gateway/status", "policy", "policy/secret",
	},
	"gateway/doctor/portal": {
		"conf/bounded", "conf/settings", "conf/settings/origin", "conf/vendor",
	},
	"gateway/errands": {
		"gateway/tasks", "store", "store/errands", "store/exchange", "tunnel/source", "tunnel/sync", "tunnel/syncserver",
		"tunnel/syncserver/refusal", "tunnel/syncserver/subject",
	},
	"gateway/exchange": {
		"gateway/approval", "gateway/exchange/collector", "gateway/exchange/far", "gateway/exchange/lead",
		"gateway/inbox", "gateway/outbox", "gateway/replica", "policy/topology", "store", "store/exchange",
		"tunnel/source", "tunnel/sync",
	},
	"gateway/exchange/collector": {"store/exchange", "tunnel/sync"},
	"gateway/exchange/far":       {"tunnel/sync"},
	"gateway/exchange/lead":      {"store", "store/exchange"},
	"gateway/front":              {"gateway/visit", "policy", "policy/quota", "tunnel", "tunnel/http1", "tunnel/http1/wire"},
	"gateway/inbox": {
		"gateway/outbox", "store", "store/exchange", "tunnel", "tunnel/signed", "tunnel/sync",
	},
	"gateway/metrics": {"gateway/status", "policy"},
	"gateway/native": {
		"gateway/audit", "gateway/front", "gateway/metrics", "gateway/visit", "policy", "tunnel",
	},
	"gateway/node": {
		"conf", "gateway/admin", "gateway/audit", "gateway/audit/chain", "gateway/audit/witness",
		"gateway/certs", "gateway/cluster", "gateway/exchange", "gateway/front", "gateway/metrics",
		"gateway/native", "gateway/node/datadir", "gateway/node/plan", "gateway/node/reloads",
		"gateway/node/servers", "gateway/node/sockets", "gateway/once",
		"gateway/readiness", "gateway/relay", "gateway/relay/memory", "gateway/relay/rules",
		"gateway/relay/sights", "gateway/status", "gateway/visit", "gateway/watch", "policy/calls",
		"policy/hosts", "store", "store/files", "store/postgres", "store/sqlite", "tunnel",
		"tunnel/sync", "gateway/tasks", "tunnel/syncserver/kinds",
	},
	"gateway/node/datadir": {"gateway/audit", "gateway/certs", "store"},
	"gateway/node/plan": {
		"conf", "gateway/admin", "gateway/certs", "gateway/doctor/desk", "gateway/relay/engine",
		"gateway/relay/rules", "gateway/upstream", "gateway/visit", "policy", "policy/calls",
		"policy/contents", "policy/hosts", "policy/levels", "policy/principals", "policy/quota",
		"policy/secret", "tunnel/http1", "tunnel/javaser", "tunnel/liferay",
		"conf/kentico", "gateway/tasks", "tunnel/http1/forward", "tunnel/syncserver", "tunnel/syncserver/token",
	},
	"gateway/node/lines":   {},
	"gateway/node/reloads": {"conf", "gateway/admin", "gateway/audit", "gateway/status"},
	"gateway/node/servers": {
		"conf", "conf/bounded", "gateway/approval", "gateway/audit", "gateway/exchange", "gateway/exchange/lead", "gateway/inbox",
		"gateway/replica", "gateway/status", "gateway/visit", "policy", "store", "store/blobs", "store/exchange",
		"tunnel", "tunnel/source", "tunnel/sync", "gateway/errands", "gateway/node/plan", "gateway/readiness",
		"gateway/relay/rules", "gateway/tasks", "store/errands", "tunnel/syncserver",
	},
	"gateway/node/sockets": {},
	"gateway/node/trial": {
		"conf", "gateway/node/plan", "gateway/relay/rules", "policy", "policy/calls", "policy/secret",
		"gateway/tasks", "tunnel/syncserver", "tunnel/syncserver/refusal",
	},
	"gateway/tasks": {
		"gateway/audit", "gateway/front", "gateway/metrics", "gateway/relay/inflight", "gateway/upstream", "gateway/visit",
		"policy/hosts", "store", "tunnel", "tunnel/http1", "tunnel/http1/forward", "tunnel/http1/grammar", "tunnel/syncserver",
		"tunnel/syncserver/refusal", "tunnel/syncserver/token",
	},
	"gateway/once":   {"store"},
	"gateway/outbox": {"store", "store/exchange", "tunnel/signed", "tunnel/sync"},
	"gateway/readiness": {
		"gateway/upstream", "policy/secret", "tunnel", "tunnel/http1/forward", "tunnel/http1/grammar",
		"tunnel/javaser", "tunnel/javaser/graph", "tunnel/javaser/source", "tunnel/liferay",
	},
	"gateway/relay": {
		"gateway/audit", "gateway/doctor/desk", "gateway/front", "gateway/metrics", "gateway/once",
		"gateway/relay/answer", "gateway/relay/claims", "gateway/relay/cleanup", "gateway/relay/digest",
		"gateway/relay/engine", "gateway/relay/inflight", "gateway/relay/memory",
		"gateway/relay/problems", "gateway/relay/retention", "gateway/relay/rules",
		"gateway/relay/sights", "gateway/relay/waiting", "gateway/visit", "policy/calls",
		"policy/levels", "policy/secret", "store", "tunnel", "tunnel/http1", "tunnel/http1/grammar",
		"tunnel/javaser/source", "tunnel/liferay",
	},
	"gateway/relay/answer": {
		"gateway/relay/engine", "policy", "tunnel", "tunnel/http1", "tunnel/http1/grammar",
		"tunnel/javaser/graph", "tunnel/liferay",
	},
	"gateway/relay/claims": {
		"gateway/relay/inflight", "gateway/relay/memory", "gateway/relay/problems",
		"gateway/relay/waiting", "policy/calls", "store", "tunnel",
	},
	"gateway/relay/cleanup": {
		"gateway/audit", "gateway/relay/engine", "gateway/visit", "store", "tunnel", "tunnel/liferay",
	},
	"gateway/relay/digest": {},
	"gateway/relay/engine": {
		"gateway/upstream", "policy", "policy/secret", "tunnel", "tunnel/http1/forward",
		"tunnel/http1/grammar",
		"tunnel/javaser", "tunnel/javaser/graph", "tunnel/javaser/source", "tunnel/liferay",
	},
	"gateway/relay/inflight": {"policy/calls"},
	"gateway/relay/memory":   {"policy/calls", "store"},
	"gateway/relay/problems": {
		"archive/glimpse", "archive/refusal", "gateway/relay/sights", "gateway/visit", "policy/calls",
		"tunnel", "tunnel/http1", "tunnel/javaser",
	},
	"gateway/relay/retention": {"gateway/once", "gateway/relay/memory", "gateway/relay/sights", "store"},
	"gateway/relay/rules": {
		"gateway/doctor/desk", "gateway/relay/engine", "gateway/relay/problems", "gateway/visit",
		"policy/calls", "policy/contents", "policy/hosts", "policy/levels", "policy/principals",
		"policy/secret", "tunnel", "tunnel/http1", "tunnel/javaser",
	},
	"gateway/relay/sights":  {"archive", "archive/glimpse", "policy/contents", "store"},
	"gateway/relay/waiting": {"gateway/relay/problems"},
	"gateway/replica":       {"store", "store/exchange", "tunnel/source", "tunnel/sync"},
	"gateway/status":        {},
	"gateway/upstream":      {"tunnel/http1/forward"},
	"gateway/visit":         {"gateway/audit", "policy", "policy/hosts", "policy/quota", "store", "tunnel"},
	"gateway/watch":         {"gateway/audit", "gateway/audit/trail", "gateway/metrics", "gateway/status", "store"},
	"integration":           {},
	"integration/alike":     {},
	"integration/balancers": {},
	"integration/bench": {
		"integration/bench/configs", "integration/bench/proc", "integration/ports", "policy/secret", "tunnel", "tunnel/liferay",
	},
	"integration/bench/configs": {},
	"integration/bench/proc":    {},
	"integration/blind":         {},
	"integration/engine": {
		"integration/engine/author", "integration/engine/content", "integration/engine/control",
		"integration/engine/journal", "integration/engine/lar", "integration/engine/remote",
		"integration/engine/revisions", "integration/engine/servlet", "integration/engine/staging",
		"tunnel", "tunnel/source",
	},
	"integration/engine/arrivals": {"integration/engine/content"},
	"integration/engine/author": {
		"integration/engine/content", "integration/engine/content/vault", "integration/engine/revisions",
	},
	"integration/engine/content":            {"integration/engine/content/statements", "integration/engine/content/vault", "store/sqlite"},
	"integration/engine/content/statements": {},
	"integration/engine/content/vault":      {},
	"integration/engine/control": {
		"integration/engine/author", "integration/engine/content", "integration/engine/libraries",
		"integration/engine/remote", "integration/engine/remote/link", "integration/engine/revisions",
		"integration/engine/staging",
	},
	"integration/engine/directory": {"integration/engine/content"},
	"integration/engine/journal": {
		"integration/engine/content", "integration/engine/content/vault", "integration/engine/revisions",
		"tunnel/source", "tunnel/sync",
	},
	"integration/engine/lar": {
		"archive", "archive/manifest", "archive/refusal", "integration/engine/content",
		"integration/engine/content/vault", "integration/engine/revisions",
	},
	"integration/engine/libraries": {"integration/engine/content"},
	"integration/engine/remote": {
		"integration/engine/content", "integration/engine/lar", "integration/engine/libraries",
		"integration/engine/remote/link", "integration/engine/revisions", "tunnel/publisher",
		"tunnel/publisher/failure",
	},
	"integration/engine/remote/link": {
		"integration/engine/content", "integration/engine/lar", "tunnel/publisher/failure",
	},
	"integration/engine/revisions": {"integration/engine/content"},
	"integration/engine/servlet": {
		"archive/manifest", "integration/engine/content", "integration/engine/lar",
		"integration/engine/staging", "tunnel", "tunnel/javaser", "tunnel/javaser/source",
		"tunnel/liferay",
	},
	"integration/engine/staging": {
		"integration/engine/arrivals", "integration/engine/content", "integration/engine/lar",
	},
	"integration/growth": {
		"gateway/audit", "gateway/audit/proof", "integration/bench/proc", "policy/hosts", "store", "store/files", "store/sqlite",
	},
	"integration/internal/harness": {
		"conf", "gateway/audit", "gateway/audit/chain", "gateway/audit/proof", "gateway/audit/witness",
		"gateway/cluster", "gateway/node", "gateway/node/plan", "integration/engine",
		"integration/engine/servlet", "policy/secret", "store", "store/files", "store/postgres",
	},
	"integration/kentico":               {},
	"integration/liferay":               {},
	"integration/ports":                 {},
	"integration/prove":                 {},
	"integration/reports":               {},
	"integration/walk":                  {},
	"policy":                            {},
	"policy/calls":                      {},
	"policy/contents":                   {"policy"},
	"policy/hosts":                      {"policy"},
	"policy/levels":                     {},
	"policy/principals":                 {"policy"},
	"policy/quota":                      {},
	"policy/secret":                     {"policy"},
	"policy/topology":                   {},
	"store":                             {},
	"store/blobs":                       {"store", "store/exchange", "tunnel/sync"},
	"store/errands":                     {"store", "tunnel/sync"},
	"store/errands/errandstest":         {"store", "store/errands", "tunnel/sync"},
	"store/exchange":                    {"store", "tunnel/sync"},
	"store/exchange/exchangetest":       {"store", "store/exchange", "tunnel/sync"},
	"store/exchange/exchangetest/suite": {"store", "store/exchange", "tunnel/sync"},
	"store/files":                       {"store"},
	"store/postgres": {
		"store", "store/postgres/fitness", "store/postgres/logs", "store/postgres/outage", "store/postgres/pools",
		"store/postgres/schema", "store/postgres/sqlstate", "store/postgres/statements",
	},
	"store/postgres/fitness":      {},
	"store/postgres/logs":         {"store", "store/postgres/sqlstate", "store/postgres/statements"},
	"store/postgres/outage":       {"store/postgres/sqlstate"},
	"store/postgres/pools":        {},
	"store/postgres/postgrestest": {},
	"store/postgres/schema":       {},
	"store/postgres/sqlstate":     {"store"},
	"store/postgres/statements":   {"store", "store/postgres/outage", "store/postgres/pools", "store/postgres/sqlstate"},
	"store/sqlite":                {"store", "store/sqlite/schema"},
	"store/sqlite/schema":         {},
	"store/storetest":             {"store", "store/storetest/place"},
	"store/storetest/ownership":   {"store", "store/storetest/place"},
	"store/storetest/place":       {},
	"store/storetest/requests":    {"store", "store/storetest/place"},
	"tunnel":                      {},
	"tunnel/http1":                {"tunnel/http1/grammar", "tunnel/http1/wire"},
	"tunnel/http1/forward":        {"tunnel/http1/grammar", "tunnel/http1/wire"},
	"tunnel/http1/grammar":        {},
	"tunnel/http1/wire":           {},
	"tunnel/javaser":              {"tunnel/javaser/graph", "tunnel/javaser/room", "tunnel/javaser/source"},
	"tunnel/javaser/graph":        {},
	"tunnel/javaser/room":         {},
	"tunnel/javaser/source":       {},
	"tunnel/liferay": {
		"tunnel", "tunnel/javaser", "tunnel/javaser/graph", "tunnel/javaser/source",
		"tunnel/liferay/schema",
	},
	"tunnel/liferay/gen":    {"tunnel/javaser", "tunnel/javaser/graph", "tunnel/javaser/source"},
	"tunnel/liferay/schema": {"tunnel/javaser", "tunnel/javaser/graph", "tunnel/javaser/source"},
	"tunnel/publisher": {
		"archive", "archive/manifest", "archive/parts", "tunnel", "tunnel/http1/forward",
		"tunnel/http1/grammar", "tunnel/javaser", "tunnel/javaser/graph", "tunnel/javaser/source",
		"tunnel/liferay", "tunnel/publisher/failure", "tunnel/publisher/methods",
		"tunnel/publisher/proxy",
	},
	"tunnel/publisher/failure": {"tunnel/http1/forward", "tunnel/liferay", "tunnel/publisher/proxy"},
	"tunnel/publisher/methods": {"tunnel", "tunnel/liferay"},
	"tunnel/publisher/proxy":   {"tunnel/http1/grammar"},
	"tunnel/signed":            {},
	"tunnel/source":            {"tunnel/sync"},
	"tunnel/sync":              {},
	"tunnel/syncserver": {
		"tunnel/syncserver/kinds", "tunnel/syncserver/markup", "tunnel/syncserver/place", "tunnel/syncserver/refusal",
		"tunnel/syncserver/token",
	},
	"tunnel/syncserver/kinds":   {},
	"tunnel/syncserver/markup":  {"tunnel/syncserver/refusal"},
	"tunnel/syncserver/place":   {},
	"tunnel/syncserver/refusal": {},
	"tunnel/syncserver/subject": {
		"tunnel/sync", "tunnel/syncserver", "tunnel/syncserver/kinds", "tunnel/syncserver/refusal",
	},
	"tunnel/syncserver/token": {"tunnel/syncserver/refusal"},
}

// homes has the rooms of third-party modules that have one home.
var homes = map[string][]string{
	"github.com/caddyserver/certmagic":    {"gateway/certs"},
	"go.uber.org/zap":                     {"gateway/certs"},
	"github.com/urfave/cli/v2":            {"cmd"},
	"golang.org/x/time":                   {"policy/quota"},
	"github.com/hashicorp/golang-lru/v2":  {"policy/secret", "policy/quota"},
	"modernc.org/sqlite":                  {"store/sqlite"},
	"github.com/sirupsen/logrus":          {"gateway", "cmd", "integration/internal/harness"},
	"github.com/pires/go-proxyproto":      {"gateway"},
	"github.com/gaissmai/bart":            {"policy/hosts"},
	"go.yaml.in/yaml/v4":                  {"conf/settings"},
	"github.com/vbauerster/mpb/v8":        {"cmd"},
	"github.com/netresearch/go-cron":      {"integration/engine/remote"},
	"github.com/pressly/goose/v3":         {"store/sqlite", "store/postgres"},
	"github.com/jackc/pgx/v5":             {"store/postgres"},
	"golang.org/x/crypto":                 {"policy/secret"},
	"github.com/prometheus/client_golang": {"gateway/metrics"},
	"github.com/coreos/go-systemd/v22":    {"cmd/stagelock/commands/operate", "cmd/stagelock/commands/operate/supervisor"},
}

// within reports whether room lies in one of the rooms.
func within(room string, rooms []string) bool {
	for _, r := range rooms {
		if room == r || strings.HasPrefix(room, r+"/") {
			return true
		}
	}
	return false
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
		allowed, known := mayImport[room]
		if !known {
			t.Errorf("%s is a room without a rule", room)
		}
		for _, own := range allowed {
			if !slices.Contains(p.Imports, module+own) {
				t.Errorf("%s may import %s and does not", room, own)
			}
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok {
				if !slices.Contains(allowed, own) {
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
	if seen != len(mayImport) {
		t.Errorf("%d rooms were looked at, %d have a rule", seen, len(mayImport))
	}
}
