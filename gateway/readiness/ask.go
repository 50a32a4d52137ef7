package readiness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/stagelock/stagelock/gateway/upstream"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Login is the one that the engine is asked under. Nobody has it: the domain is reserved for that
// (RFC 2606).
const Login = "readiness@stagelock.invalid"

// noSite is the id of no site.
const noSite = int64(-1)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Target is how an engine is spoken to.
type Target struct {
	PathContext string
	Host        string // empty: the node's own
	Key         *secret.Key
	Encoded     bool          // the login is percent-encoded in the header
	Build       string        // whose classes the call is written in
	Method      tunnel.Method // a read with the id of a site as its one argument
}

// head returns the head of a call with a body of that length.
func (t Target) head(m *upstream.Member, length int) forward.RequestHead {
	return forward.RequestHead{
		Target: t.path(), Host: cmp.Or(t.Host, m.Host()), ContentType: "application/x-java-serialized-object",
		Authorization: t.Key.Authorization(Login, t.Encoded, false), ContentLength: int64(length),
		Fields: []grammar.Field{{Name: "X-Stagelock-Reference", Value: "readiness"}},
	}
}

func (t Target) path() string { return t.PathContext + "/api/liferay/do" }

// Ask asks a node and returns why a publish would not pass, or nil. It returns ctx's end as a finding
// too: an engine that does not answer.
func (t Target) Ask(ctx context.Context, m *upstream.Member) *Finding {
	call, err := liferay.NewCall(t.Build, liferay.Principal{Login: Login}, t.Method, noSite)
	if err != nil {
		return found(m, Unable, err.Error())
	}
	body, err := call.Append(nil)
	if err != nil {
		return found(m, Unable, err.Error())
	}
	x, err := m.Open(ctx, true)
	if err != nil {
		return unreached(m, err)
	}
	defer m.Ended()
	defer x.Cut() // no connection is kept that carried a login of nobody
	if err := x.Send(t.head(m, len(body)), body); err != nil {
		return unreached(m, err)
	}
	reply, err := x.Reply(ctx)
	if err != nil {
		return unreached(m, err)
	}
	return t.judge(m, reply)
}

// AskAll asks all nodes of a pool at once and returns what Ask found, in their order. One that works for us
// and is slow is not found wanting.
func (t Target) AskAll(ctx context.Context, pool *upstream.Pool) []*Finding {
	members := pool.Members()
	found := make([]*Finding, len(members))
	var all errgroup.Group
	for i, m := range members {
		all.Go(func() error {
			busy := m.Busy()
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if f := t.Ask(ctx, m); f != nil && (f.Kind != Silent || !busy) {
				found[i] = f
			}
			return nil
		})
	}
	_ = all.Wait() // none fails
	return found
}

// judge says what an answer means.
func (t Target) judge(m *upstream.Member, reply *forward.Reply) *Finding {
	if f := t.judgeStatus(m, reply); f != nil {
		return f
	}
	body, err := io.ReadAll(io.LimitReader(reply, maxAnswer))
	switch {
	case err != nil && len(body) == 0:
		return unreached(m, err)
	case len(body) == 0:
		return found(m, Empty, t.path())
	case !bytes.HasPrefix(body, graph.Header()):
		return found(m, Page, t.path())
	}
	thrown := exception(body)
	switch {
	case thrown == nil:
		return found(m, Unable, "it answers a login that nobody has with a value")
	case thrown.Type == liferay.TypeWrongSecret:
		return found(m, Secret, "")
	}
	return nil
}

// exception returns the one that an answer carries, or nil.
func exception(body []byte) *liferay.Thrown {
	lim := javaser.DefaultLimits()
	r, err := liferay.ReadReply(source.New(bytes.NewReader(body), nil, lim.Held), lim, "void", false)
	if err == nil {
		return r.Thrown
	}
	thrown, _ := liferay.Glimpse(body, lim, nil)
	return thrown
}

// judgeStatus says what a status other than 200 means.
func (t Target) judgeStatus(m *upstream.Member, reply *forward.Reply) *Finding {
	switch s := reply.Status; {
	case s == 200:
		return nil
	case s == 404 || s == 405:
		return found(m, Path, fmt.Sprintf("%s (status %d)", t.path(), s))
	case s >= 300 && s < 400:
		return found(m, Redirect, cmp.Or(reply.Field("Location"), "elsewhere"))
	case s == 401 || s == 403:
		return found(m, Address, fmt.Sprintf("status %d", s))
	case s == 400 || s == 421:
		return found(m, Host, fmt.Sprintf("%q (status %d)", cmp.Or(t.Host, m.Host()), s))
	default:
		return found(m, Failing, fmt.Sprintf("status %d", s))
	}
}

// unreached says why no answer came.
func unreached(m *upstream.Member, err error) *Finding {
	if errors.Is(err, context.DeadlineExceeded) {
		return found(m, Silent, "")
	}
	for _, c := range causes {
		if c.is(err) {
			return found(m, c.kind, root(err))
		}
	}
	return found(m, Down, root(err))
}
