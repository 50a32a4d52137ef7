package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// answered is what came back of a question.
type answered struct {
	status  int
	ours    bool   // a gateway of this kind answered
	reason  string // of a refusal, in its words
	server  string // what else answered calls itself
	body    []byte
	beats   int           // signs of life that came before the answer
	first   time.Duration // until the first byte of the body
	elapsed time.Duration
}

// transport never checks who answers: nothing secret is said by it.
func (p *patient) transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{ServerName: p.To.Hostname(), MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}} //nolint:gosec // see tls.go
}

// Questions cost: a gateway that had too many is asked again after a while.
const (
	tries = 4
	pause = time.Second
)

// ask asks a question of the desk under a path context, with a client of its own if c is nil.
func (p *patient) ask(
	ctx context.Context,
	c *http.Client,
	under, name string,
	body func() io.Reader,
	length int64,
) (a answered, err error) {
	u := url.URL{Scheme: "https", Host: p.To.Host, Path: under + desk.Path + name}
	for range tries {
		a, err = p.send(ctx, c, http.MethodPost, &u, body(), length)
		if err != nil || !a.ours || a.status != http.StatusServiceUnavailable {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(pause):
		}
	}
	return a, err
}

// text is the body of a question.
func text(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

func (p *patient) send(
	ctx context.Context,
	c *http.Client,
	method string,
	u *url.URL,
	body io.Reader,
	length int64,
) (a answered, err error) {
	if c == nil {
		t := p.transport()
		t.DisableKeepAlives = true
		c = p.client(t)
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return a, err
	}
	req.ContentLength = length
	begun := p.Now()
	res, err := c.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return a, err
	}
	defer res.Body.Close()
	a = answered{
		status: res.StatusCode,
		ours:   res.Header.Get("X-Stagelock-Reference") != "",
		reason: res.Header.Get("X-Stagelock-Reason"),
		server: res.Header.Get("Server"),
	}
	err = p.readAnswer(res.Body, &a, begun)
	return a, err
}

// readAnswer reads an answer and notes when it came.
func (p *patient) readAnswer(r io.Reader, a *answered, begun time.Time) error {
	buf := make([]byte, 4<<10)
	for len(a.body) < maxAnswer {
		n, err := r.Read(buf)
		if n > 0 && a.first == 0 {
			a.first = p.Now().Sub(begun)
		}
		if n > 0 && len(bytes.TrimSpace(buf[:n])) == 0 {
			a.beats++
		}
		a.body = append(a.body, buf[:n]...)
		a.elapsed = p.Now().Sub(begun)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// question asks with a value and reads the answer into another.
func (p *patient) question(ctx context.Context, c *http.Client, name string, about, into any) (answered, error) {
	b, err := json.Marshal(about)
	if err != nil {
		return answered{}, err
	}
	a, err := p.ask(ctx, c, p.To.Path, name, text(string(b)), int64(len(b)))
	if err != nil {
		return a, err
	}
	if a.status != http.StatusOK || !a.ours {
		return a, fmt.Errorf("status %d: %s", a.status, firstLine(a.body))
	}
	return a, json.Unmarshal(a.body, into)
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if len(line) > 300 {
		line = line[:300]
	}
	return line
}

// path looks for the tunnel, and for the desk beside it.
func path(ctx context.Context, p *patient) []finding.Line {
	ctx, cancel := context.WithTimeout(ctx, p.Reply)
	defer cancel()
	tunnel := *p.To
	tunnel.Path += "/api/liferay/do"
	a, err := p.send(ctx, nil, http.MethodGet, &tunnel, nil, 0)
	if errors.Is(err, context.DeadlineExceeded) {
		return []finding.Line{finding.Mend(fmt.Sprintf("no answer over HTTP in %s", p.Reply), "look at what is behind what ends TLS there")}
	}
	if err != nil {
		return []finding.Line{finding.Mend("no answer over HTTP: "+err.Error(), "look at what ends TLS there, and at its log")}
	}
	if a.reason == "http.host" || a.status == http.StatusBadRequest && strings.Contains(string(a.body), "host is not served") {
		return []finding.Line{
			finding.Mend(
				p.To.Hostname()+" is not a name that the gateway there knows",
				"add it to names there, or enter a name that is listed",
			).As("name"),
		}
	}
	me, first, found := p.meet(ctx)
	switch {
	case first.ours && first.status == http.StatusForbidden:
		p.stranger = &first
		return nil // see address
	case found && a.status == http.StatusMethodNotAllowed:
		p.known[met], p.me = true, me
		return []finding.Line{finding.Well(tunnel.Path + " is the tunnel")}
	case found && me.Context == p.To.Path:
		return []finding.Line{finding.Mend(fmt.Sprintf("something between changes the path: %s does not arrive as the tunnel's", tunnel.Path),
			"have it pass the path on as it is: nginx proxy_pass without a path, no rewrite")}
	case found:
		p.known[met], p.me = true, me
		told := fmt.Sprintf("the path context there is %q, and %q was entered", me.Context, p.To.Path)
		p.To.Path = me.Context
		return []finding.Line{finding.Mend(told, fmt.Sprintf("enter %q as Remote Path Context", me.Context))}
	}
	if first.ours {
		a = first
	}
	return []finding.Line{instead(a)}
}

// instead is what answers where a gateway should, and answers no questions.
func instead(a answered) finding.Line {
	switch {
	case a.ours && a.status == http.StatusBadRequest:
		words, cure, _ := strings.Cut(firstLine(a.body), "; ")
		return finding.Mend("the gateway there refuses what arrives: "+words, cure)
	case a.ours:
		return finding.Know(
			fmt.Sprintf("a gateway is there and answers no questions (status %d): it is older, or slows this machine down", a.status),
		)
	case a.status/100 == 3:
		return finding.Mend(
			fmt.Sprintf("something answers with status %d, a redirect, which Java's client does not follow for a POST", a.status),
			"enter the address that it redirects to, or have it stop redirecting",
		).As("redirect")
	case a.status == http.StatusMethodNotAllowed || a.status == http.StatusNotFound || a.status == http.StatusForbidden:
		return finding.Know(fmt.Sprintf("no stagelock gateway answers there (status %d%s); only one can tell more", a.status, by(a.server)))
	}
	return finding.Mend(fmt.Sprintf("something else than a gateway answers, with status %d%s", a.status, by(a.server)),
		"look at the balancer between: its backend is the gateway there")
}

func by(server string) string {
	if server == "" {
		return ""
	}
	return ", Server: " + server
}

// meet asks who this machine is to the other end, under the context that was entered and under none.
func (p *patient) meet(ctx context.Context) (me *desk.Me, a answered, found bool) {
	for _, context := range []string{p.To.Path, ""} {
		var err error
		a, err = p.ask(ctx, nil, context, "me", text("{}"), 2)
		me = &desk.Me{}
		if err == nil && a.status == http.StatusOK && a.ours && json.Unmarshal(a.body, me) == nil {
			return me, a, true
		}
	}
	return nil, a, false
}

// address looks as whom the other end sees this machine.
func address(_ context.Context, p *patient) []finding.Line {
	switch {
	case p.stranger != nil:
		return []finding.Line{finding.Mend(firstLine(p.stranger.body),
			"add the address to hosts.allow there, or the balancer that it belongs to to hosts.trusted_proxies; reload")}
	case p.me == nil:
		return nil // said by path
	}
	if len(p.me.Unread) > 0 {
		return []finding.Line{
			finding.Mend(fmt.Sprintf("you are seen as %s, which is a balancer's address: it says X-Forwarded-For: %s, and is not trusted",
				p.me.Address, strings.Join(p.me.Unread, ", ")), "add the balancer to hosts.trusted_proxies there"),
		}
	}
	return []finding.Line{finding.Well(fmt.Sprintf("you come as %s (by %s); %s lets it pass", p.me.Address, p.me.By, p.me.Entry))}
}

// clock compares the clocks.
func clock(ctx context.Context, p *patient) []finding.Line {
	before := p.Now()
	var me desk.Me
	if _, err := p.question(ctx, nil, "me", struct{}{}, &me); err != nil {
		return []finding.Line{finding.Know("not looked at: " + err.Error())}
	}
	trip := p.Now().Sub(before)
	ahead := me.Now.Sub(before.Add(trip / 2)).Round(time.Millisecond)
	switch far := ahead.Abs(); {
	case far <= 30*time.Second:
		return []finding.Line{finding.Well(fmt.Sprintf("the other end is %s ahead", ahead))}
	case ahead > 0:
		return []finding.Line{
			finding.Mend(
				fmt.Sprintf("the other end is %s ahead; signatures fail beyond 30 s", ahead),
				"start NTP on both machines; this one is behind, or that one ahead",
			),
		}
	}
	return []finding.Line{
		finding.Mend(
			fmt.Sprintf("the other end is %s behind; signatures fail beyond 30 s", -ahead),
			"start NTP on both machines; that one is behind, or this one ahead",
		),
	}
}
