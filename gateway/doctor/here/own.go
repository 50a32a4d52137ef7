package here

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/gateway/readiness"
	"github.com/stagelock/stagelock/gateway/status"
	"github.com/stagelock/stagelock/policy"
)

// configuration tells what validate does.
func configuration(_ context.Context, p *patient) []finding.Line {
	var lines []finding.Line
	for _, c := range p.Own.Problems {
		lines = append(lines, problem(c))
	}
	if len(lines) == 0 {
		return []finding.Line{finding.Well("the configuration can be used")}
	}
	return lines
}

// problem is one of a configuration, as a finding.
func problem(c conf.Problem) finding.Line {
	l := finding.Mend(strings.TrimSpace(c.Path+" "+c.Msg), c.Cure)
	if c.Warning {
		l.Mark = finding.Note
	}
	l.File, l.At = c.File, c.Line
	return l
}

// status asks the gateway once.
func (p *patient) status(ctx context.Context) *status.Status {
	if p.own == nil && p.ownErr == nil && p.Own.Status != nil {
		p.own, p.ownErr = p.Own.Status(ctx)
	}
	return p.own
}

// elsewhere are problems that engine and certificate tell of, with more words.
var elsewhere = regexp.MustCompile(`^(the live engine|no node of the live engine|certificate of|no certificate yet)`)

// running looks whether the gateway runs, and what keeps it from being ready.
func running(ctx context.Context, p *patient) []finding.Line {
	s := p.status(ctx)
	if s == nil {
		return []finding.Line{finding.Know(fmt.Sprintf("no gateway runs here, as far as its socket tells: %v", p.ownErr))}
	}
	var lines []finding.Line
	for _, problem := range s.Problems {
		if !elsewhere.MatchString(problem) {
			words, cure, _ := strings.Cut(problem, "; ")
			lines = append(lines, finding.Mend(words, cure))
		}
	}
	if s.Audit.Problem != "" && s.Ready {
		lines = append(lines, finding.Mend("the audit log is not whole: "+s.Audit.Problem, "see stagelock audit verify").As("log"))
	}
	if !s.Config.OK && s.Config.Problem != "" {
		lines = append(
			lines,
			finding.Mend(
				"the last reload was refused: "+strings.ReplaceAll(s.Config.Problem, "\n", "; "),
				"mend the configuration and reload",
			).As("reload"),
		)
	}
	if len(s.Config.Restart) > 0 {
		lines = append(lines, finding.Know("changed, and counts after a restart only: "+strings.Join(s.Config.Restart, ", ")).As("reload"))
	}
	if len(lines) == 0 {
		lines = append(lines, finding.Well("the gateway "+s.Version+" runs"))
	}
	return lines
}

// engine asks the live engine.
func engine(ctx context.Context, p *patient) []finding.Line {
	if !p.Own.usable() || p.Own.Engine == nil {
		return []finding.Line{finding.Know("not looked at: it needs a configuration that can be used")}
	}
	kinds := map[readiness.Kind]string{
		readiness.Secret: "engine.secret", readiness.Path: "engine.path", readiness.Page: "engine.path", readiness.Authority: "engine.tls",
		readiness.Name: "engine.tls", readiness.Expired: "engine.tls", readiness.Plain: "engine.tls", readiness.Address: "engine.address",
		readiness.Redirect: "engine.redirect", readiness.Host: "engine.host", readiness.Empty: "engine.line", readiness.Unable: "engine.line",
	}
	var lines []finding.Line
	for _, f := range p.Own.Engine(ctx) {
		id := kinds[f.Kind]
		if id == "" {
			id = "engine.up"
		}
		at := p.Own.Conf.Problem(settingOf(p.Own.Conf, f.Setting), "", "")
		l := finding.Mend(f.Msg, f.Cure).As(id)
		l.File, l.At = at.File, at.Line
		lines = append(lines, l)
	}
	if len(lines) == 0 && p.Own.Conf.Kenticos() {
		return []finding.Line{finding.Well("every server that tasks go to can be reached; whether it takes the user and the password, a task tells").As("engine.up")}
	}
	if len(lines) == 0 {
		lines = append(lines, finding.Well("the live engine would take a publish").As("engine.up"), p.said())
	}
	return append(lines, p.validHosts()...)
}

// said tells the Host that the engine hears, by which a portal chooses its virtual instance: users and sites
// of another one are not known there.
func (p *patient) said() finding.Line {
	up := p.Own.Conf.Engine.Upstream
	var hosts []string
	for _, n := range up.Nodes {
		hosts = append(hosts, cmp.Or(up.Host, n.Host))
	}
	words := "it hears the Host " + strings.Join(slices.Compact(hosts), ", ")
	for _, v := range up.Hosts {
		words += fmt.Sprintf("; %s for the sites %s", v.Host, strings.Trim(fmt.Sprint(v.Sites), "[]"))
	}
	return finding.Well(words + "; a portal looks users and sites up in the virtual instance of that name, else in its default one").As("engine.host")
}

// settingOf is where a finding's setting is written: a secret stands in a file, or as a value.
func settingOf(c *conf.Config, setting string) string {
	if setting != "engine.upstream.secret" {
		return setting
	}
	if c.Engine.Upstream.Secret.File != "" {
		return setting + ".file"
	}
	return setting + ".value"
}

// validHosts looks whether the portal takes the Host that the gateway says.
func (p *patient) validHosts() []finding.Line {
	v, c := p.Portal.Get(portal.ValidHosts), p.Own.Conf
	if !v.Set() || strings.Contains(v.Text, "*") || c.Engine.Upstream.Host != "" {
		return nil
	}
	valid := strings.Split(v.Text, ",")
	for _, n := range c.Engine.Upstream.Nodes {
		if !slices.ContainsFunc(valid, func(h string) bool { return strings.TrimSpace(h) == n.Hostname() }) {
			return []finding.Line{finding.Mend(fmt.Sprintf("the portal does not take the Host %s, which the gateway says", n.Hostname()),
				fmt.Sprintf("engine.upstream.host: %s", strings.TrimSpace(valid[0]))).As("engine.host").In(v)}
		}
	}
	return nil
}

// ownCertificates looks at those that publishers are shown.
func ownCertificates(ctx context.Context, p *patient) []finding.Line {
	s := p.status(ctx)
	if s == nil {
		return nil
	}
	var lines []finding.Line
	for _, c := range s.Certificates {
		left := c.NotAfter.Sub(p.Now())
		switch {
		case c.Problem != "":
			words, cure, _ := strings.Cut(c.Problem, ": ")
			lines = append(lines, finding.Mend(words, cure))
		case left < c.Soon:
			l := finding.Mend(fmt.Sprintf("the certificate of %s ends on %s", c.Name, c.NotAfter.UTC().Format("2006-01-02")), "renew it and reload")
			if left >= Late {
				l.Mark = finding.Note
			}
			lines = append(lines, l)
		default:
			lines = append(lines, finding.Well(fmt.Sprintf("%s, valid %d days", c.Name, int(left.Hours()/24))))
		}
	}
	return lines
}

// disk looks whether two of the largest archives would have room.
func disk(ctx context.Context, p *patient) []finding.Line {
	s := p.status(ctx)
	if s == nil || s.Disk.Size == 0 {
		return nil
	}
	need := int64(1 << 30)
	if p.Own.Conf != nil {
		for _, peer := range p.Own.Conf.Peers {
			need = max(need, 2*int64(peer.ArchiveMaxBytes))
		}
	}
	if s.Disk.Free < need {
		return []finding.Line{
			finding.Mend(
				fmt.Sprintf("%s has %d MiB left, and two of the largest archives take %d", s.Disk.Path, s.Disk.Free>>20, need>>20),
				"make room",
			),
		}
	}
	return []finding.Line{finding.Well(fmt.Sprintf("%s has %d MiB left", s.Disk.Path, s.Disk.Free>>20))}
}

// refusedConnections tells of connections that came to nothing.
func refusedConnections(ctx context.Context, p *patient) []finding.Line {
	s := p.status(ctx)
	if s == nil {
		return nil
	}
	var lines []finding.Line
	for _, why := range slices.Sorted(maps.Keys(s.Traffic.Turned)) {
		r, known := policy.ReasonOf(why)
		if family := r.Family(); !known || family != "hello" && family != "proxy" {
			continue
		}
		lines = append(lines, finding.Mend(fmt.Sprintf("%s: %d times since %s; the log has the addresses", r.Meaning, s.Traffic.Turned[why],
			s.Since.UTC().Format("2006-01-02 15:04 MST")), r.Cure))
	}
	return lines
}

// balancerChecks tells of a balancer whose checks are refused: it holds the gateway for down, or asks a path
// that is none.
func balancerChecks(ctx context.Context, p *patient) []finding.Line {
	s := p.status(ctx)
	if s == nil || s.Traffic.Checks == 0 {
		return nil
	}
	return []finding.Line{finding.Mend(fmt.Sprintf("%d checks of a balancer were refused since %s: it takes the gateway for down",
		s.Traffic.Checks, s.Since.UTC().Format("2006-01-02 15:04 MST")),
		"have it ask GET /-/ready, in HAProxy option httpchk GET /-/ready; the log has what it asks")}
}
