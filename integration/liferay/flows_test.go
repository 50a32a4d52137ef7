package liferay_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// exchange is a remote call that the vendor's code made on its own, as the JVM's connections saw it.
type exchange struct {
	made
	Service    string   `json:"service"`
	Login      string   `json:"login"`
	Serialized []string `json:"serialized"`
}

// driven is what came of one flow.
type driven struct {
	outcome
	Calls   []exchange `json:"calls"`
	Failure *thrown    `json:"failure"`
}

// flowRow is what was seen of one flow of one line.
type flowRow struct {
	line, flow, code                    string
	made, arrived, equal, own, unheeded int
	refused                             []string
	order                               []string
}

// nickname is the publisher's screen name, under which 6.2 enables and disables and sets the applications.
const nickname = "publisher"

// flows has the vendor's code do what users of a staging site do, from enabling Remote Live to its end, once with a site and once
// with an asset library where the line has them. Peer and gateway are configured as the README advises: sites and logins listed.
func flows(t *testing.T, s *stage, sum *row) {
	o := options(s.release, secrets[0], s.address)
	o.Logins = fmt.Sprintf("[%s]", harness.Login)
	if s.line == "6.2" {
		o.Logins = fmt.Sprintf("[%s, %s]", harness.Login, nickname)
	}
	g := harness.Start(t, o)
	p, _ := client(t, s.release, secrets[0], g.URL, []*harness.Gateway{g})
	command := fields{"file": randomFile(t, 70_001), "screenName": nickname, "group": site}
	flowsOf(t, s, p, command, sum, "")
	if s.line == "7.3" || s.line == "7.4" {
		must[outcome](s.server, "set", fields{"library": secondary})
		flowsOf(t, s, p, with(command, fields{"library": true, "group": secondary}), sum, "asset library: ")
	}
}

// flowsOf drives every flow of the line, in order: each begins where the one before it ended.
func flowsOf(t *testing.T, s *stage, p *program, command fields, sum *row, prefix string) {
	t.Helper()
	list := must[struct {
		Flows []struct{ Name, Code string } `json:"flows"`
	}](p, "flow", nil).Flows
	for _, f := range list {
		s.reset()
		d := do[driven](p, "flow", with(command, fields{"name": f.Name}))
		if d.Failure != nil || !d.OK {
			t.Errorf("%s%s: %v", prefix, f.Name, cmp.Or(d.Failure, d.Exception))
		}
		r := &flowRow{line: s.name, flow: prefix + f.Name, code: f.Code}
		r.compare(t, d.Calls, s.calls())
		sum.flows = append(sum.flows, r)
	}
}

// compare sets what was made against what arrived. A call of which the vendor's servlet takes no notice, as its class is not of
// those that it serves, arrives nowhere and is counted apart; so are the events, which the gateway answers itself.
func (r *flowRow) compare(t *testing.T, all []exchange, got []call) {
	t.Helper()
	r.made = len(all)
	for _, c := range all {
		r.order = append(r.order, c.words())
		switch {
		case !c.OK:
			r.refused = append(r.refused, fmt.Sprintf("%s: %v", c.Call, c.Exception))
			t.Errorf("%s: %s: %v", r.flow, c.Call, c.Exception)
		case c.Call == event:
			r.own++
		case !strings.HasSuffix(c.Service, "ServiceUtil"):
			r.unheeded++
		case len(got) == 0 || got[0].Method != c.Call:
			t.Errorf("%s: %s did not arrive", r.flow, c.Call)
		default:
			r.arrived++
			if g := got[0]; g.Digest == c.Digest && slices.Equal(g.Serialized, c.Serialized) && g.ResultDigest == c.ResultDigest {
				r.equal++
			} else {
				t.Errorf("%s: %s was changed on the way", r.flow, c.Call)
			}
			got = got[1:]
		}
	}
	for _, c := range got {
		t.Errorf("%s: %s arrived and was not made", r.flow, c.Method)
	}
}

// words names the call, and the login unless it is the mail address.
func (c exchange) words() string {
	if c.Login == nickname {
		return c.Call + " (screen name)"
	}
	return c.Call
}

func (r *flowRow) cells() []string {
	var notes []string
	if r.own > 0 {
		notes = append(notes, fmt.Sprintf("%d answered by the gateway", r.own))
	}
	if r.unheeded > 0 {
		notes = append(notes, fmt.Sprintf("%d of which the vendor's servlet takes no notice", r.unheeded))
	}
	return []string{
		r.line, r.flow, r.code, fmt.Sprint(r.made), fmt.Sprintf("%d, %d", r.arrived, r.equal), strings.Join(notes, "; "),
		fmt.Sprint(len(r.refused)), strings.Join(r.order, ", "),
	}
}

var flowHead = []string{
	"line", "flow", "whose code decides", "calls made", "arrived, equal", "not at the servlet's services", "refused", "calls in order",
}

func flowTable(rows []*row) string {
	var all []*flowRow
	for _, r := range rows {
		all = append(all, r.flows...)
	}
	return table(flowHead, all)
}
