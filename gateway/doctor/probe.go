package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
)

// largest bounds what is sent to see how much gets through.
const largest = 64 << 20

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// size sends bodies up to the size of a part.
func size(ctx context.Context, p *patient) []finding.Line {
	part := int64(defaultBuffer)
	if v, err := strconv.ParseInt(p.Portal.Get(portal.Buffer).Text, 10, 64); err == nil {
		part = v
	}
	sizes := []int64{1, 1 << 20, part + 64<<10}
	if p.me.PartMax > sizes[2] && p.me.PartMax <= largest && !p.Quick {
		sizes = append(sizes, p.me.PartMax)
	}
	passed := int64(0)
	for _, n := range sizes {
		if n > p.me.PartMax+64<<10 || n > largest {
			continue // see buffer
		}
		a, err := p.ask(ctx, nil, p.To.Path, "size", func() io.Reader { return io.LimitReader(zeros{}, n) }, n)
		switch {
		case err != nil:
			return []finding.Line{finding.Mend(fmt.Sprintf("a body of %s breaks off, %s got through: %v", bytesOf(n), bytesOf(passed), err),
				"raise the limit of what stands between: nginx client_max_body_size 0, Apache LimitRequestBody 0; or its time-outs")}
		case a.status == http.StatusOK && a.ours:
			passed = n
		case a.ours:
			return []finding.Line{finding.Mend(fmt.Sprintf("the gateway there answers %d above %s: %s", a.status, bytesOf(passed), firstLine(a.body)),
				"raise part_max_bytes there, or lower "+portal.Buffer)}
		default:
			return []finding.Line{finding.Mend(fmt.Sprintf("something between answers %d above %s%s", a.status, bytesOf(passed), by(a.server)),
				"raise its limit: nginx client_max_body_size 0, Apache LimitRequestBody 0")}
		}
	}
	return []finding.Line{finding.Well(bytesOf(passed) + " went through")}
}

// reuse makes two calls on one connection: a proxy that speaks HTTP may have two.
func reuse(ctx context.Context, p *patient) []finding.Line {
	t := p.transport()
	defer t.CloseIdleConnections()
	c := p.client(t)
	var sockets []string
	for range 2 {
		var me desk.Me
		if _, err := p.question(ctx, c, "me", struct{}{}, &me); err != nil {
			return []finding.Line{finding.Know("not looked at: " + err.Error())}
		}
		sockets = append(sockets, me.Socket)
	}
	if p.me.By == "header" || len(slices.Compact(sockets)) > 1 {
		return []finding.Line{finding.Know("a proxy that speaks HTTP stands between: its time-outs and limits apply")}
	}
	return []finding.Line{finding.Well("one connection is one connection there too")}
}

// idle asks for answers that are silent, and for one with signs of life.
func idle(ctx context.Context, p *patient) []finding.Line {
	if p.Quick {
		return []finding.Line{finding.Know("not looked at: --quick")}
	}
	silent, why := p.silences(ctx)
	held, err := p.heldBack(ctx)
	switch {
	case err != nil:
		return []finding.Line{finding.Mend("an answer with signs of life breaks off: "+err.Error(),
			"have what stands between wait longer: nginx proxy_read_timeout 1h, HAProxy timeout server 1h, Apache ProxyTimeout 3600")}
	case held:
		return []finding.Line{finding.Mend("answers are held back until they are complete: signs of life do not arrive, and publishers give up",
			"nginx: proxy_buffering off; Apache: flushpackets=on in ProxyPass")}
	case silent > 0:
		return []finding.Line{
			finding.Know(
				fmt.Sprintf(
					"something between ends an answer that is silent for %s (%s); the gateway there sends a sign of life every %s, so publishes pass; plain Liferay would not",
					silent,
					why,
					time.Duration(p.me.Beat*float64(time.Second)),
				),
			),
		}
	}
	return []finding.Line{finding.Well(fmt.Sprintf("an answer may be silent for %s", slices.Max(append(p.Silences, 0))))}
}

// silences returns the silence that is too long for what stands between, or 0.
func (p *patient) silences(ctx context.Context) (time.Duration, string) {
	for _, d := range p.Silences {
		var w desk.Wait
		a, err := p.question(ctx, nil, "wait", desk.Wait{Seconds: d.Seconds()}, &w)
		switch {
		case err == nil:
		case a.status != 0:
			return d, fmt.Sprintf("status %d%s", a.status, by(a.server))
		default:
			return d, err.Error()
		}
	}
	return 0, ""
}

// heldBack reports whether signs of life come with the end of the answer only.
func (p *patient) heldBack(ctx context.Context) (bool, error) {
	long := time.Duration(4.5 * p.me.Beat * float64(time.Second))
	body := fmt.Sprintf(`{"seconds":%g,"beats":true}`, long.Seconds())
	a, err := p.ask(ctx, nil, p.To.Path, "wait", text(body), int64(len(body)))
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("status %d%s", a.status, by(a.server))
	}
	return a.first > long-time.Duration(p.me.Beat*float64(time.Second)), err
}

// lookBack has the other end look at this one.
func lookBack(ctx context.Context, p *patient) []finding.Line {
	if p.Proxy != nil {
		return []finding.Line{finding.Know("not looked at: the other end sees the proxy in this machine's place")}
	}
	var around desk.Around
	if _, err := p.question(ctx, nil, "look", desk.Look{Port: p.Port}, &around); err != nil {
		return []finding.Line{finding.Know("not looked at: " + err.Error())}
	}
	var lines []finding.Line
	for _, s := range around.Ports {
		where := fmt.Sprintf("%s:%d", s.Address, s.Port)
		switch {
		case s.Port == p.Port && s.State != "open":
			lines = append(lines, finding.Mend(fmt.Sprintf("the gateway here cannot be reached from there: %s is %s", where, s.State),
				"open the port for the other end, or give this machine the address that it is seen under").As("look.gateway"))
		case s.Port == p.Port && !s.TLS:
			lines = append(
				lines,
				finding.Mend(where+" answers from there, but not with TLS", "have the firewall pass the port on to the gateway here").As("look.tls"),
			)
		case s.Port == 8080 && s.State == "open" && !s.TLS:
			lines = append(lines, finding.Mend("the portal's port 8080 can be reached from outside, past the gateway: "+where,
				"close it for everybody but the gateway").As("engine.open"))
		case s.State == "open":
			lines = append(lines, finding.Well(where+" answers from there").As("look.open"))
		}
	}
	if len(lines) == 0 {
		lines = append(lines, finding.Well("nothing of this machine can be reached from there"))
	}
	return lines
}
