package trial

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

// Task is a task of a Kentico that is held against a configuration without being sent. Of Call, From, Via
// and Login count; Login is the user name of the staging service.
type Task struct {
	Call
	Type   string
	Object string   // type of its object; empty for a page
	Tables []string // whose rows it has; none: the first that belongs to it
}

// RunTask is Run for a task.
func RunTask(cfg *conf.Config, c Task) ([]Step, []conf.Problem) {
	p, problems := plan.Policy(plan.Options{Conf: cfg})
	if p.Engine.Pool != nil {
		defer p.Engine.Pool.Close()
	}
	links, more := plan.Tasks(plan.Options{Conf: cfg}, p)
	if problems = append(problems, more...); conf.Fatal(problems) {
		return nil, problems
	}
	tr := trial{Call: c.Call, cfg: cfg, policy: p}
	tr.runTask(c, links.Links)
	return tr.steps, problems
}

func (t *trial) runTask(c Task, links []*tasks.Link) {
	client, ok := t.client()
	if !ok || !t.admit(client) {
		return
	}
	var mine []*tasks.Link
	for _, l := range links {
		if l.Peer.User == t.Login {
			mine = append(mine, l)
		}
	}
	if len(mine) == 0 {
		t.refuse("verify", "", "task.credentials", fmt.Sprintf("nobody sends as %q", t.Login), "kentico.peers")
		return
	}
	for _, l := range mine { // a server has a link to each of its targets
		name := l.Peer.Name
		if l.Addresses != nil && !l.Addresses.Contains(client) {
			t.refuse("verify", name, "task.credentials",
				fmt.Sprintf("%s is none of its addresses", client), t.accountOf(name)+".addresses")
			return
		}
	}
	l := mine[0]
	t.at(Step{Step: "verify", Pass: true, Peer: l.Peer.Name, Setting: t.accountOf(l.Peer.Name) + ".user",
		Msg: "with its password, which was not tried"})
	for _, l := range mine {
		if !t.judgeTask(c, l) {
			return
		}
	}
}

func (t *trial) judgeTask(c Task, l *tasks.Link) bool {
	err := l.Peer.Judge(c.Type, c.Object, c.Tables)
	var r *refusal.Error
	if errors.As(err, &r) {
		t.refuse("judge", l.Peer.Name, string(tasks.Reason(r.Code)), r.Why, t.opening(c, l, r))
		return false
	}
	what := strings.TrimSpace(c.Type + " " + c.Object)
	msg := fmt.Sprintf("%s to %s passes", what, l.To.Server)
	if l.Kept {
		msg = what + " passes, and is kept; so does what sync carries to " + l.To.Server
	}
	t.at(Step{Step: "judge", Pass: true, Peer: l.Peer.Name, Msg: msg})
	return true
}

// accountOf is the section of the account with which a server sends.
func (t *trial) accountOf(name string) string {
	for i, p := range t.cfg.Kentico.Peers {
		if p.Name == name {
			return fmt.Sprintf("kentico.peers[%d].sends", i)
		}
	}
	return "kentico.sends"
}

// switches are the settings of a peer that open further tasks, with what each opens.
var switches = []struct {
	name string
	on   func(p *syncserver.Peer, c Task)
}{
	{"deletes", func(p *syncserver.Peer, _ Task) { p.Deletes = true }},
	{"sites", func(p *syncserver.Peer, _ Task) { p.Sites = true }},
	{"acl", func(p *syncserver.Peer, _ Task) { p.ACL = true }},
	{"dangerous_types", func(p *syncserver.Peer, _ Task) { p.Dangerous = true }},
	{"tables", func(p *syncserver.Peer, c Task) {
		kind := strings.ToLower(c.Object)
		p.Tables = map[string][]string{kind: slices.Concat(p.Tables[kind], c.Tables, []string{"a"})}
	}},
}

// opening is the setting by which a task would not be refused, or for something else.
func (t *trial) opening(c Task, l *tasks.Link, refused *refusal.Error) string {
	at := "kentico.peers"
	if l.Kept {
		at = "kentico.experimental_store_and_forward"
	}
	for i, p := range t.cfg.Kentico.Peers {
		if p.Name == l.Peer.Name || p.Name == l.To.Server {
			at = fmt.Sprintf("kentico.peers[%d]", i)
		}
	}
	for _, s := range switches {
		p := l.Peer
		s.on(&p, c)
		var still *refusal.Error
		if err := p.Judge(c.Type, c.Object, c.Tables); !errors.As(err, &still) || still.Why != refused.Why {
			return at + "." + s.name
		}
	}
	if refused.Code == refusal.TableDenied { // dangerous_types alone opens none
		return at + ".tables"
	}
	return at
}
