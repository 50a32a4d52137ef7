package plan

import (
	"fmt"
	"strconv"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/policy/contents"
	"github.com/stagelock/stagelock/policy/principals"
)

// publishing builds what a peer may publish, and as whom.
func (b *builder) publishing(at string, c conf.Peer, p *rules.Peer) {
	if c.Principals != nil {
		b.findings(at+".principals", c.Principals, principals.Check)
		p.Principals = principals.New(c.Principals)
	}
	if c.Types != nil {
		b.findings(at+".types", c.Types, contents.Check)
		p.Contents = contents.New(c.Types)
	}
}

// findings tells what is wrong with the entries of a list.
func (b *builder) findings(path string, entries []string, check func(string) *policy.Finding) {
	for i, e := range entries {
		if f := check(e); f != nil {
			b.add(fmt.Sprintf("%s[%d]", path, i), strconv.Quote(e)+" "+f.Msg, f.Cure, f.Warning)
		}
	}
}
