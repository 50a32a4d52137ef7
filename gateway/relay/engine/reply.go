package engine

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// Expected is what a reply must be.
type Expected struct {
	Returns string         // the type that the method returns
	Line    string         // of the caller, for an exception that is written anew
	Limits  javaser.Limits // Held is the most that a reply may have
	Buffer  []byte         // room for the reply; may be nil
	// Room is asked before a reply takes memory; nil: nobody counts.
	Room func(n int64) error
	// Attaches is true for a call that turns staging on or off.
	Attaches bool
}

// Answer is what a publisher may be told of a reply.
type Answer struct {
	Reply *liferay.Reply // nil if only the words of an exception could be saved
	Body  []byte         // of the 200
	End   string         // how the call ended, in one word
	// Unexecuted is true of an exception that is thrown before anything is done: the same call is no repeat.
	Unexecuted bool
}

// Read reads a reply and validates it. It counts as an answer of the node.
func (a *Attempt) Read(reply *forward.Reply, want Expected) (Answer, error) {
	a.member.Answered()
	if reply.Status != http.StatusOK {
		a.exchange.Cut()
		return Answer{}, unexpectedStatus(reply.Status)
	}
	in := &a.in
	in.Begin(reply, want.Buffer, want.Limits.Held)
	r, err := a.readCharged(want)
	if err != nil {
		return a.unread(reply, want, err)
	}
	reason := reply.Field(reasonField)
	a.exchange.Done()
	if r.Thrown != nil && r.Thrown.Type == liferay.TypeWrongSecret {
		return Answer{}, &tunnel.Problem{Code: tunnel.Refused, Reason: ReasonRefusing,
			Msg: "the live engine does not accept the gateway's own secret; nothing was carried out", Err: r.Thrown}
	}
	got := Answer{Reply: r, Body: in.Held(), End: "answered"}
	if r.Thrown != nil {
		got.End = exceptionEnd(r.Thrown.Class)
		got.Unexecuted = unexecuted(r.Thrown, reason, want.Attaches)
	}
	return got, nil
}

// unread is for a reply that could not be read as what it must be.
func (a *Attempt) unread(reply *forward.Reply, want Expected, err error) (Answer, error) {
	var full *source.NoRoom
	if errors.As(err, &full) {
		a.exchange.Cut()
		return Answer{}, badAnswer(ReasonMemory, crowdedOut, err)
	}
	var fault *forward.Fault
	switch {
	case !errors.As(err, &fault):
		return a.salvageException(reply, &a.in, want, err)
	case oversized[fault.Reason]:
		return Answer{}, badAnswer(ReasonReply, carriedOut, err)
	}
	return Answer{}, a.failed(err)
}

func (a *Attempt) readCharged(want Expected) (*liferay.Reply, error) {
	if err := a.in.Charge(want.Room); err != nil {
		return nil, err
	}
	a.said.Release()
	return &a.said, a.said.Read(&a.in, want.Limits, want.Returns, false)
}

func exceptionEnd(class string) string { return "exception " + class }

func badAnswer(reason tunnel.Reason, msg string, err error) *tunnel.Problem {
	return &tunnel.Problem{Code: tunnel.BadAnswer, Reason: reason, Msg: msg, Err: err}
}

// unexpectedStatus is an engine that answers with anything but 200: it has not read the call, or a server
// before it speaks.
func unexpectedStatus(status int) error {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if slices.Contains(lateStatuses, status) {
		return tunnel.MayHaveRun(ReasonLost, "the live engine answered with status "+text, nil)
	}
	return &tunnel.Problem{Code: tunnel.Refused, Reason: turnedAway[status/100],
		Msg: "the live engine turned the gateway away with status " + text + "; nothing was carried out"}
}

// lateStatuses are those of an engine, or of a balancer before it, that may have begun.
var lateStatuses = []int{
	http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout,
}

// turnedAway are the reasons by class of status.
var turnedAway = map[int]tunnel.Reason{
	1: ReasonFailing, 2: ReasonFailing, 3: ReasonRedirect, 4: ReasonRefusing, 5: ReasonFailing,
}

// carriedOut is what a publisher reads of an answer that is not passed on.
const carriedOut = "the call was carried out, but the live engine's answer was refused"

// crowdedOut is what a publisher reads of an answer for which no memory was left.
const crowdedOut = "the call was carried out, but there was no memory left for the live engine's answer"

// oversized are the faults of an answer that did begin.
var oversized = map[string]bool{forward.ReasonReply: true, forward.ReasonReplyLarge: true}

// isPage reports whether a browser would show the answer. Any other garbage may come of a tunnel that is broken.
func isPage(contentType string, body []byte) bool {
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n")
	return bytes.HasPrefix(body, []byte("<")) ||
		!bytes.HasPrefix(body, graph.Header()[:1]) && strings.HasPrefix(strings.ToLower(contentType), "text/html")
}

// page is an answer of something else than the tunnel, which writes objects and nothing else: a log-in, a
// proxy's own page, another application.
func page(reply *forward.Reply, cause error) error {
	what := "a page"
	if reply.ContentType != "" {
		what += " (" + reply.ContentType + ")"
	}
	return &tunnel.Problem{Code: tunnel.Refused, Reason: ReasonPage,
		Msg: "something else than the live engine's tunnel answered, with " + what + "; nothing was carried out", Err: cause}
}

// salvageException is for a reply that is not what the method answers. The call was carried out, so an
// exception's words are passed on.
func (a *Attempt) salvageException(reply *forward.Reply, in *source.Input, want Expected, cause error) (Answer, error) {
	if errors.Is(cause, liferay.ErrEmptyReply) {
		a.exchange.Done()
		return Answer{}, badAnswer(ReasonEmpty, "the live engine answered with nothing where a value was due", cause)
	}
	body, err := in.Gather()
	if isPage(reply.ContentType, body) {
		a.exchange.Cut()
		return Answer{}, page(reply, cause)
	}
	if err != nil {
		return Answer{}, badAnswer(ReasonReply, carriedOut, cause)
	}
	a.exchange.Done()
	t, ok := liferay.Glimpse(body, want.Limits, want.Room)
	if !ok {
		return Answer{}, badAnswer(ReasonReply, carriedOut, cause)
	}
	told, err := liferay.AppendThrown(nil, want.Line,
		liferay.Thrown{Class: liferay.ClassPortalException, Message: t.Error()})
	return Answer{Body: told, End: exceptionEnd(t.Class)}, err
}
