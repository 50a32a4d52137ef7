package problems_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive/glimpse"
	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/gateway/relay/problems"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
)

// Why a call cannot be read decides what its client is told: the fault of its stream, of its line, or the
// gateway's own end.
func TestUnread(t *testing.T) {
	cut := &http1.Error{Status: 408, Reason: "body.slow", Msg: "the body came too slowly"}
	for _, tt := range []struct {
		name    string
		err     error
		stopped bool
		code    tunnel.Code
		reason  tunnel.Reason
		says    string
	}{
		{"a body that is too slow", cut, false, tunnel.BadRequest, "body.slow", "the body came too slowly"},
		{"a wrapped one", fmt.Errorf("read: %w", cut), false, tunnel.BadRequest, "body.slow", "the body came too slowly"},
		{"a body while the gateway stops", cut, true, tunnel.Unavailable, problems.ReasonDraining, "the gateway is stopping"},
		{"a stream that is cut by its client", &javaser.Error{Rule: javaser.RuleTruncated, Err: io.ErrUnexpectedEOF}, false,
			tunnel.BadRequest, problems.ReasonCut, "went away"},
		{"a stream that is refused", &tunnel.Problem{Code: tunnel.BadRequest, Reason: "stream.class", Msg: "no such class"}, false,
			tunnel.Refused, "stream.class", "no such class"},
		{"an engine that is down", &tunnel.Problem{Code: tunnel.Unavailable, Reason: "engine.down", Msg: "down"}, false,
			tunnel.Unavailable, "engine.down", "down"},
		{"a policy that refused a part", fmt.Errorf("part: %w", problems.New(tunnel.Refused, problems.ReasonShared, "shared", nil)), false,
			tunnel.Refused, problems.ReasonShared, "shared"},
		{"nothing that is known", io.ErrClosedPipe, false, tunnel.BadRequest, problems.ReasonCut, "went away"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if tt.stopped {
				stop()
			}
			p := problems.Of(problems.Unread(ctx, tt.err))
			if p.Code != tt.code || p.Reason != tt.reason || !strings.Contains(p.Msg, tt.says) {
				t.Errorf("%v %s %q, want %v %s %q", p.Code, p.Reason, p.Msg, tt.code, tt.reason, tt.says)
			}
		})
	}
}

func TestContentsThatMustNotBePublished(t *testing.T) {
	disk := errors.New("disk")
	for _, tt := range []struct {
		name   string
		err    error
		reason tunnel.Reason
		says   string
	}{
		{"denied", &sights.Denied{Types: []string{"blogs", "wiki"}}, problems.ReasonDenied, "may not publish: blogs, wiki"},
		{"unseen", &glimpse.Unseen{Why: "a part is missing"}, problems.ReasonUnseen, "was not seen: a part is missing"},
		{"unreadable", refusal.New(refusal.CodeXML, "document has a directive"), problems.ReasonUnseen,
			"the manifest of the archive cannot be read: document has a directive"},
		{"a wrapped one", fmt.Errorf("judge: %w", &sights.Denied{Types: []string{"wiki"}}), problems.ReasonDenied, "wiki"},
		{"a store that fails", disk, visit.ReasonStore, "cannot read its store"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := problems.Contents(tt.err)
			p := problems.Of(err)
			if p.Reason != tt.reason || !strings.Contains(p.Msg, tt.says) || !errors.Is(err, tt.err) {
				t.Errorf("%s %q of %v, want %s %q", p.Reason, p.Msg, p.Err, tt.reason, tt.says)
			}
		})
	}
	if err := problems.Contents(nil); err != nil {
		t.Errorf("nothing is wrong, and it is %v", err)
	}
}
