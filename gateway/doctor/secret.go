package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"

	"github.com/stagelock/stagelock/gateway/doctor/challenge"
	"github.com/stagelock/stagelock/gateway/doctor/desk"
	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
)

// compare proves the secret to the other end, and has it prove its own.
func compare(ctx context.Context, p *patient) []finding.Line {
	if !p.known[trusted] {
		return []finding.Line{finding.Know("not looked at: it needs " + string(trusted) + ", or a stranger could guess at the proof")}
	}
	b, readable := challenge.Bytes(p.Secret.Text, p.Secret.Hex)
	if !readable {
		return []finding.Line{
			finding.Mend(
				"the secret here is not written in pairs of hexadecimal digits, and is said to be",
				"drop hex, or write digits",
			).In(p.Secret.Place),
		}
	}
	k, err := challenge.NewKey(b, p.Secret.Algorithm)
	if err != nil {
		return []finding.Line{finding.Know("not looked at: " + err.Error())}
	}
	m, mutual, err := p.prove(ctx, k)
	if err != nil {
		return []finding.Line{finding.Know("not looked at: " + err.Error())}
	}
	return p.matched(m, mutual)
}

// prove makes the two steps of the challenge. Mutual says that the other end has the secret too.
func (p *patient) prove(ctx context.Context, k challenge.Key) (m desk.Match, mutual bool, err error) {
	c := desk.Compare{Client: make([]byte, challenge.NonceSize), Host: p.To.Host, Path: p.To.Path}
	if _, err := rand.Read(c.Client); err != nil {
		return m, false, err
	}
	if _, err := p.question(ctx, nil, "secret", c, &m); err != nil {
		return m, false, err
	}
	c.Server = m.Server
	t := challenge.Transcript{Server: c.Server, Client: c.Client, Host: c.Host, Context: c.Path}
	c.Proof = k.Client(t)
	m = desk.Match{}
	if _, err := p.question(ctx, nil, "secret", c, &m); err != nil {
		return m, false, err
	}
	return m, challenge.Equal(m.Proof, k.Server(t)), nil
}

// matched says what a match means.
func (p *patient) matched(m desk.Match, mutual bool) []finding.Line {
	at := func(key string) portal.Value {
		if v := p.Portal.Get(key); v.Set() {
			return v
		}
		return portal.Value{File: p.Portal.File()}
	}
	readAs := map[bool]string{false: "text", true: "hexadecimal digits"}
	switch {
	case !m.Same:
		return []finding.Line{finding.Mend("the secret differs from every one that the gateway there knows",
			"copy the peer's secret of the gateway there: "+portal.Secret+" here, in all of its lines").In(at(portal.Secret))}
	case !mutual:
		return []finding.Line{
			finding.Mend("the other end says that it knows the secret, and cannot prove it", "find out what answers there: it is not the gateway"),
		}
	case m.OtherHex:
		return []finding.Line{
			finding.Mend(fmt.Sprintf("the keys match, but here the secret is read as %s, there as %s", readAs[p.Secret.Hex], readAs[m.Hex]),
				portal.Hex+"="+strconv.FormatBool(m.Hex)).In(at(portal.Hex)),
		}
	case m.Used != m.Algorithm:
		return []finding.Line{
			finding.Mend(
				fmt.Sprintf("the cipher is %s here, %s there", m.Used, m.Algorithm),
				portal.Algorithm+"="+m.Algorithm,
			).In(at(portal.Algorithm)),
		}
	case !m.From:
		return []finding.Line{finding.Mend(fmt.Sprintf("the secret is that of peer %s, which may not come from %s", m.Peer, p.me.Address),
			"add the address to the peer's addresses there, or use the secret of another peer")}
	case m.Previous:
		p.known[proved] = true
		return []finding.Line{
			finding.Mend(fmt.Sprintf("the secret is the former one of peer %s: it works until secret.previous is dropped there", m.Peer),
				"change to the new secret here").In(at(portal.Secret)),
		}
	}
	p.known[proved] = true
	return []finding.Line{finding.Well(fmt.Sprintf("it is that of peer %s, read alike (%s, %s)", m.Peer, m.Algorithm, readAs[m.Hex]))}
}
