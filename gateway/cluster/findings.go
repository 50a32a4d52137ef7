package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// find adds what an operator should look at.
func (s *Status) find() {
	var up []Gateway
	for _, g := range s.Gateways {
		if g.State != Gone {
			up = append(up, g)
		}
	}
	if len(up) == 0 {
		s.Findings = append(s.Findings, "no gateway runs")
		return
	}
	for _, rule := range []func([]Gateway) string{versions, configs} {
		if found := rule(up); found != "" {
			s.Findings = append(s.Findings, found)
		}
	}
	for _, g := range up {
		if found := clock(g); found != "" {
			s.Findings = append(s.Findings, found)
		}
	}
}

// versions tells of releases that are more than one step apart, as far as their number shows it.
func versions(up []Gateway) string {
	by := group(up, func(g Gateway) string { return g.Version })
	if len(by) <= 1 {
		return ""
	}
	text := "gateways run " + list(by)
	if len(by) > 2 {
		return text + ": only two releases that follow each other work together; upgrade the oldest"
	}
	return text + ": that is well while an upgrade goes on"
}

func configs(up []Gateway) string {
	by := group(up, func(g Gateway) string { return short(g.Config) })
	if len(by) <= 1 {
		return ""
	}
	return "gateways have different configurations, " + list(by) +
		": a call may pass at one and not at the other; compare stagelock config effective of each"
}

func clock(g Gateway) string {
	off := g.Offset.Round(time.Millisecond)
	switch {
	case off.Abs() > MaxOffset:
		return fmt.Sprintf("the clock of %s is %s off the database's, so it takes no calls: set it by NTP", g.Node, off)
	case off.Abs() > WarnOffset:
		return fmt.Sprintf("the clock of %s is %s off the database's: set it by NTP", g.Node, off)
	}
	return ""
}

func short(digest string) string { return digest[:min(len(digest), 8)] }

func group(all []Gateway, by func(Gateway) string) map[string][]string {
	groups := map[string][]string{}
	for _, g := range all {
		groups[by(g)] = append(groups[by(g)], g.Node)
	}
	return groups
}

func list(groups map[string][]string) string {
	var all []string
	for what, nodes := range groups {
		all = append(all, fmt.Sprintf("%s (%s)", what, strings.Join(nodes, ", ")))
	}
	slices.Sort(all)
	return strings.Join(all, " and ")
}
