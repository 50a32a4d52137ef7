package servers_test

import (
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/servers"
)

const two = `names: ["live.example.com"]
hosts: { allow: ["192.0.2.0/24"] }
engine: { upstream: { nodes: ["http://127.0.0.1:8080"] } }
peers: [ { name: staging, sites: [any], secret: { value: "kT9wq2ZxLm4VbN7c" } } ]
sync:
  name: live
  engine: { url: "http://127.0.0.1:9000", token_file: t }
  peers:
    - key: AAAAAAAAAAAAAAAAAAAA
      direction: from
      kinds: [page]
    - key: BBBBBBBBBBBBBBBBBBBB
      direction: to
      url: "https://test"
      kinds: [page, tag]
      approve: [tag]
      paths: [Shop]
      deletes: true
      max_deletes_per_hour: 7
`

// TestPeersOfAConfiguration: what is not written is nothing, and a line is named for it all the same.
func TestPeersOfAConfiguration(t *testing.T) {
	c, problems := conf.Load(conf.Options{File: "/etc/stagelock/live.yaml", ReadFile: func(string) ([]byte, error) { return []byte(two), nil }})
	if c == nil || conf.Fatal(problems) {
		t.Fatal(problems)
	}
	all := servers.Peers(c)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	one, other := all[0], all[1]
	if !one.Sends || one.Takes || one.Deletes || one.PerHour != 50 || len(one.Approve) != 0 || len(one.Paths) != 0 || !one.Covers("x/page/a") || one.Covers("x/tag/a") {
		t.Errorf("of the first: %+v", one)
	}
	if other.Sends || !other.Takes || !other.Deletes || other.PerHour != 7 || other.Approve[0] != "tag" || !other.Covers("Shop/tag/a") || other.Covers("x/tag/a") {
		t.Errorf("of the second: %+v", other)
	}
	for _, tt := range []struct {
		peer          int
		setting, want string
	}{
		{0, "kinds", "live.yaml:11 of live"}, {0, "deletes", "live.yaml:9 of live"}, {0, "direction", "live.yaml:10 of live"},
		{0, "sync.max_bytes", "live.yaml:6 of live"}, {1, "kinds", "live.yaml:15 of live"}, {1, "max_deletes_per_hour", "live.yaml:19 of live"},
	} {
		if got := all[tt.peer].Where(tt.setting); got != tt.want {
			t.Errorf("%s of peer %d is written at %q, want %q", tt.setting, tt.peer, got, tt.want)
		}
	}
}
