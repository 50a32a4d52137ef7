package rules_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/hosts"
)

func TestTheZeroPolicyAdmitsNobody(t *testing.T) {
	var p rules.Policy
	addr := netip.MustParseAddr("10.1.2.3")
	if p.Hosts.Contains(addr) || len(p.Candidates(addr, nil)) > 0 || p.Local(addr) {
		t.Error("the zero policy admits somebody")
	}
}

func TestCandidatesAreThePeersOfTheAddress(t *testing.T) {
	ten, findings := hosts.New(hosts.Config{Allow: []string{"10.0.0.0/8"}})
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	p := rules.Policy{PathContext: "/cms", Peers: []rules.Peer{
		{Peer: calls.Peer{Name: "everywhere"}}, {Peer: calls.Peer{Name: "ten"}, Addresses: ten},
	}}
	for addr, want := range map[string]int{"10.1.2.3": 2, "192.0.2.1": 1} {
		if got := p.Candidates(netip.MustParseAddr(addr), nil); len(got) != want || got[0] != &p.Peers[0] {
			t.Errorf("%s: %d peers, want %d", addr, len(got), want)
		}
	}
	if got := p.Names(); !slices.Equal(got, []string{"everywhere", "ten"}) {
		t.Errorf("the peers are %q", got)
	}
	if got := p.Target(); got != "/cms/api/liferay/do" {
		t.Errorf("the target is %q", got)
	}
}
