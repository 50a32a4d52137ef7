package problems

import (
	"context"
	"errors"

	"github.com/stagelock/stagelock/archive/glimpse"
	"github.com/stagelock/stagelock/archive/refusal"
	"github.com/stagelock/stagelock/gateway/relay/sights"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/javaser"
)

// Unread names why a call could not be read: its stream, its client, or the engine, whose problem is in
// err already.
func Unread(ctx context.Context, err error) error {
	var cut *http1.Error
	if errors.As(err, &cut) {
		if ctx.Err() != nil {
			return Stopping(err)
		}
		return New(tunnel.BadRequest, tunnel.Reason(cut.Reason), cut.Msg, err)
	}
	var stream *javaser.Error
	if errors.As(err, &stream) && stream.Rule == javaser.RuleTruncated && !stream.Ended() {
		return Abandoned(err)
	}
	var p *tunnel.Problem
	if errors.As(err, &p) {
		if p.Code == tunnel.BadRequest {
			p.Code = tunnel.Refused // the message is whole, its stream is not
		}
		return p
	}
	return Abandoned(err)
}

// Contents is what sights found wrong with the content of an archive; nil for nil.
func Contents(err error) error {
	var denied *sights.Denied
	var unseen *glimpse.Unseen
	var bad *refusal.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &denied):
		return New(tunnel.Refused, ReasonDenied, denied.Error(), err)
	case errors.As(err, &unseen):
		return New(tunnel.Refused, ReasonUnseen, unseen.Error(), err)
	case errors.As(err, &bad):
		return New(tunnel.Refused, ReasonUnseen, "the manifest of the archive cannot be read: "+bad.Error(), err)
	}
	return Unreadable(err)
}
