package plan

import (
	"crypto/rand"
	"net"
	"time"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/relay/rules"
)

// desk answers the questions of doctors about a policy.
func (b *builder) desk(p *rules.Policy) *desk.Desk {
	c := b.cfg
	var secrets []desk.Secret
	for i, peer := range c.Peers {
		for _, k := range []struct {
			conf.Key
			previous bool
		}{{peer.Secret.Key, false}, {peer.Secret.Previous, true}} {
			if k.Value.IsSet() {
				secrets = append(secrets, desk.Secret{Peer: peer.Name, Previous: k.previous, Text: k.Value.Reveal(), Hex: k.Hex,
					Algorithm: k.Algorithm, From: p.Peers[i].From})
			}
		}
	}
	d, err := desk.New(desk.Config{
		Me: desk.Me{Line: c.Engine.Line, PartMax: b.partMax()}, Context: c.Engine.PathContext,
		Hosts: p.Hosts, Proxies: p.Proxies, Secrets: secrets, Heartbeat: c.Heartbeat,
		Now: time.Now, Random: rand.Reader, Dial: new(net.Dialer).DialContext, After: time.After,
	})
	if err != nil {
		b.entry.WithError(err).Error("nobody answers the questions of a doctor")
	}
	return d
}
