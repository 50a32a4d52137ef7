package servers

import (
	"context"
	"fmt"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/relay/rules"
)

// Ask connects to the Kentico of a configuration and to the servers that it has targets at. Whether
// they take the account only a task tells.
func Ask(ctx context.Context, c *conf.Config, p *rules.Policy) []readiness.Finding {
	links, problems := plan.Tasks(plan.Options{Conf: c}, p)
	if conf.Fatal(problems) {
		return nil
	}
	var found []readiness.Finding
	asked := map[string]bool{}
	for _, l := range links.Links {
		if asked[l.To.Server] {
			continue
		}
		asked[l.To.Server] = true
		line, err := l.To.Open(ctx)
		if err == nil {
			line.Exchange.Cut()
			line.Ended(false, nil)
			continue
		}
		found = append(found, readiness.Finding{
			Setting: serverSetting(c, l.To.Server), Msg: "the server " + l.To.Server + " cannot be reached: " + err.Error(),
			Cure: "start it, let this machine through to it, or mend its address or the authority of its certificate",
		})
	}
	return found
}

// serverSetting is where the address of a server is written.
func serverSetting(c *conf.Config, name string) string {
	for i, p := range c.Kentico.Peers {
		if p.Name == name {
			return fmt.Sprintf("kentico.peers[%d].target.url", i)
		}
	}
	return "engine.upstream.nodes"
}
