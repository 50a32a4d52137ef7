package trial

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node/plan"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/policy/calls"
	"github.com/stagelock/stagelock/policy/secret"
)

// Call is a call that is held against a configuration without being made.
type Call struct {
	From netip.Addr // the publisher's address
	// Via is the trusted proxy that it comes through; the zero Addr: none.
	Via netip.Addr
	// Authorization is the header of the call; empty: the secret is not tried.
	Authorization string
	Login         string
	Site          int64
	Method        string // of the call; empty: all that a publish is made of
	PartSize      int64  // of a part; 0: the smallest
}

// Step is what one step of the gateway says to a Call.
type Step struct {
	Step    string `json:"step"`
	Pass    bool   `json:"pass"`
	Peer    string `json:"peer,omitempty"`
	Reason  string `json:"reason,omitempty"`  // a code of policy.Reasons
	Msg     string `json:"message"`           // what was found
	Cure    string `json:"cure,omitempty"`    // what to do if it does not pass
	Setting string `json:"setting,omitempty"` // that decides
	File    string `json:"file,omitempty"`    // where the setting stands
	Line    int    `json:"line,omitempty"`
}

// Run returns what each step says, in their order, up to the one that refuses. Of several peers that
// could be meant the one that comes furthest counts. The configuration must have no fatal problem:
// those that it has are returned. What only a running gateway knows, such as quotas and the requests
// that were created, is not looked at.
func Run(cfg *conf.Config, c Call) ([]Step, []conf.Problem) {
	p, problems := plan.Policy(plan.Options{Conf: cfg})
	if p.Engine.Pool != nil {
		defer p.Engine.Pool.Close()
	}
	if conf.Fatal(problems) {
		return nil, problems
	}
	tr := trial{Call: c, cfg: cfg, policy: p}
	return tr.run(), problems
}

// trial is a Call and what it is held against.
type trial struct {
	Call
	cfg    *conf.Config
	policy *rules.Policy
	steps  []Step
}

func (t *trial) run() []Step {
	client, ok := t.client()
	if !ok || !t.admit(client) {
		return t.steps
	}
	if len(t.policy.Peers) == 0 {
		t.refuse("verify", "", "secret.wrong", "there is no peer", "peers")
		return t.steps
	}
	before, best := slices.Clone(t.steps), []Step(nil)
	for i := range t.policy.Peers {
		t.steps = slices.Clone(before)
		if t.verify(i, client) && t.judge(i) {
			return t.steps
		}
		if len(t.steps) > len(best) {
			best = t.steps
		}
	}
	return best
}

func (t *trial) at(s Step) {
	if s.Setting != "" {
		p := t.cfg.Problem(s.Setting, "", "")
		s.File, s.Line = p.File, p.Line
	}
	t.steps = append(t.steps, s)
}

func (t *trial) refuse(step, peer, reason, msg, setting string) {
	r, _ := policy.ReasonOf(reason)
	t.at(Step{Step: step, Peer: peer, Reason: reason, Msg: msg, Cure: r.Cure, Setting: setting})
}

// client is the address on which the call is judged.
func (t *trial) client() (netip.Addr, bool) {
	if !t.Via.IsValid() {
		t.at(Step{Step: "peer", Pass: true, Msg: fmt.Sprintf("the client is %s", t.From)})
		return t.From, true
	}
	client, err := t.policy.Proxies.Client(t.Via, []string{t.From.String()})
	switch {
	case err != nil:
		t.refuse("peer", "", "peer.forwarded", err.Error(), "hosts.trusted_proxies")
		return client, false
	case !t.policy.Proxies.Trusted(t.Via):
		t.at(Step{Step: "peer", Pass: true, Setting: "hosts.trusted_proxies",
			Msg: fmt.Sprintf("%s is no trusted proxy, so it counts as the client", t.Via)})
	default:
		t.at(Step{Step: "peer", Pass: true, Setting: "hosts.trusted_proxies",
			Msg: fmt.Sprintf("the client is %s, says the trusted proxy %s", client, t.Via)})
	}
	return client, true
}

func (t *trial) admit(client netip.Addr) bool {
	entry, ok := t.policy.Hosts.Match(client)
	if !ok {
		t.refuse("admit", "", "host.denied", fmt.Sprintf("%s is on no line of the allowed hosts", client), "hosts.allow")
		return false
	}
	t.at(Step{Step: "admit", Pass: true, Msg: fmt.Sprintf("%s is allowed by %q", client, entry),
		Setting: entryOf("hosts.allow", t.cfg.Hosts.Allow, entry)})
	return true
}

// entryOf is the path of an entry in a list.
func entryOf[T comparable](path string, all []T, one T) string {
	if i := slices.Index(all, one); i >= 0 {
		return fmt.Sprintf("%s[%d]", path, i)
	}
	return path
}

// verify reports whether the call can be that of a peer.
func (t *trial) verify(i int, client netip.Addr) bool {
	p, at := t.policy.Peers[i], fmt.Sprintf("peers[%d]", i)
	if p.Addresses != nil && !p.Addresses.Contains(client) {
		t.refuse("verify", p.Name, "secret.wrong", fmt.Sprintf("%s is none of the peer's addresses", client), at+".addresses")
		return false
	}
	if t.Authorization == "" {
		t.at(Step{Step: "verify", Pass: true, Peer: p.Name, Setting: at + ".secret",
			Msg: "with the peer's secret, which was not tried"})
		return true
	}
	_, err := p.Verifier.Verify(t.Authorization)
	if errors.Is(err, secret.ErrLoginNotListed) {
		t.refuse("verify", p.Name, calls.LoginUnlisted, fmt.Sprintf("the login %q is not listed", t.Login), at+".logins")
		return false
	}
	if err != nil {
		t.refuse("verify", p.Name, "secret.wrong", err.Error(), at+".secret")
		return false
	}
	t.at(Step{Step: "verify", Pass: true, Peer: p.Name, Setting: at + ".secret", Msg: "the secret is the peer's"})
	return true
}

// publishMethods are the calls of a publish.
var publishMethods = []string{"checkRemoteStagingGroup", "createStagingRequest", "updateStagingRequest",
	"validateStagingRequest", "publishStagingRequest", "cleanUpStagingRequest"}

// judge reports whether the call may be made for the site by that login.
func (t *trial) judge(i int) bool {
	p := t.policy.Peers[i]
	methods := publishMethods
	if t.Method != "" {
		methods = []string{t.Method}
	}
	tried := 0
	for _, r := range t.policy.Preset.Rules() {
		if !slices.Contains(methods, r.Method) {
			continue
		}
		tried++
		decision, refusal := r.Judge(t.call(r), p.Peer, calls.Known{Request: calls.Request{Known: true, Site: t.Site,
			Logins: []string{t.Login}}})
		if refusal != nil {
			t.refuse("judge", p.Name, refusal.Reason, r.Method+": "+refusal.Msg, deciding(i, refusal.Reason))
			return false
		}
		if decision == calls.AnswerVoid && t.Method != "" {
			t.at(Step{Step: "judge", Pass: true, Peer: p.Name, Msg: r.Method + " is answered by the gateway itself"})
			return true
		}
	}
	if tried == 0 {
		_, refusal := t.policy.Preset.Match("", t.Method, nil)
		t.refuse("judge", p.Name, cmp.Or(refusal.Reason, calls.CallUnknown),
			fmt.Sprintf("%s is none of the calls of line %s", t.Method, t.policy.Preset.Line()), "engine.line")
		return false
	}
	what := cmp.Or(t.Method, "every call of a publish")
	t.at(Step{Step: "judge", Pass: true, Peer: p.Name, Msg: fmt.Sprintf("%s into site %d by %s passes", what, t.Site, t.Login),
		Setting: sitesOf(t.cfg.Peers[i], i, t.Site)})
	return true
}

func sitesOf(p conf.Peer, i int, site int64) string {
	path := fmt.Sprintf("peers[%d].sites", i)
	return entryOf(path, p.Sites, conf.Site(site))
}

// deciding is the setting that a reason comes from.
func deciding(peer int, reason string) string {
	family, name, _ := strings.Cut(reason, ".")
	setting := map[string]string{"site": "sites", "login": "logins", "part": "part_max_bytes",
		"archive": "archive_max_bytes"}[family]
	switch {
	case reason == calls.LoginForm || family == "part" && name != "size":
		return ""
	case setting != "":
		return fmt.Sprintf("peers[%d].%s", peer, setting)
	case family == "call":
		return "engine.line"
	}
	return ""
}

// call is a call of that rule as a publisher makes it.
func (t *trial) call(r *calls.Rule) calls.Call {
	c := calls.Call{Service: r.Service, Method: r.Method, Parameters: r.Parameters, HeaderLogin: t.Login, BodyLogin: t.Login,
		HasBodyLogin: true, PartSize: max(1, t.PartSize), Settings: map[string]any{"targetGroupId": t.Site}}
	for _, typ := range r.Parameters {
		c.Args = append(c.Args, t.argument(r, typ))
	}
	return c
}

func (t *trial) argument(r *calls.Rule, typ string) any {
	switch typ {
	case "long", "int", "java.lang.Long":
		return t.Site // a request is known by any id, see judge
	case "boolean":
		return false
	case "java.lang.String":
		if r.Kind == calls.Update {
			return "trial.lar00"
		}
		return strings.Repeat("0", 32)
	case "java.util.Map":
		return map[string]any{}
	}
	return nil
}
