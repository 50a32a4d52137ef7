package answer

import (
	"net/http"
	"strconv"
	"time"

	"github.com/stagelock/stagelock/gateway/relay/engine"
	"github.com/stagelock/stagelock/policy"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/http1"
	"github.com/stagelock/stagelock/tunnel/http1/grammar"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// statuses are the answers that are no 200; the others carry an exception, which only a 200 can.
var statuses = map[tunnel.Code]int{
	tunnel.BadRequest: http.StatusBadRequest, tunnel.NotFound: http.StatusNotFound,
	tunnel.BadMethod: http.StatusMethodNotAllowed, tunnel.NoLength: http.StatusLengthRequired,
	tunnel.TooLarge: http.StatusRequestEntityTooLarge, tunnel.Forbidden: http.StatusForbidden,
	tunnel.Unavailable: http.StatusServiceUnavailable,
}

var (
	serialized = grammar.Field{Name: "Content-Type", Value: engine.ContentType}
	plainText  = grammar.Field{Name: "Content-Type", Value: "text/plain; charset=utf-8"}
	jsonText   = grammar.Field{Name: "Content-Type", Value: "application/json"}
)

// Writer writes the answer of one call. It belongs to the goroutine of the connection.
type Writer struct {
	Conn *http1.Conn
	Ref  string // of the call
	// Reason is the code of a refusal, for clients that know the catalogue; empty for an answer.
	Reason string

	chunks *http1.Chunks // it has begun, with heartbeats
	ended  bool          // nothing more may be written
}

func (w *Writer) fields(typ grammar.Field) []grammar.Field {
	fields := []grammar.Field{typ, {Name: "X-Stagelock-Reference", Value: w.Ref}}
	if w.Reason != "" {
		fields = append(fields, grammar.Field{Name: "X-Stagelock-Reason", Value: w.Reason})
	}
	return fields
}

// Begun reports whether the answer has begun: it is a 200 then, whatever follows.
func (w *Writer) Begun() bool { return w.chunks != nil }

// Beat tells the publisher that the call goes on: first the header of the answer's stream, then bytes
// that Java skips.
func (w *Writer) Beat() error {
	if w.chunks != nil {
		_, err := w.chunks.Write([]byte{graph.Reset})
		return err
	}
	chunks, err := w.Conn.Chunked(http.StatusOK, w.fields(serialized))
	if err != nil {
		return err
	}
	w.chunks = chunks
	_, err = chunks.Write(append(graph.Header(), graph.Reset))
	return err
}

// Value answers with the stream body, which is empty for a call that returns nothing. Ends closes the
// connection behind it.
func (w *Writer) Value(body []byte, ends bool) error {
	w.ended = true
	switch {
	case w.chunks == nil:
		return w.Conn.Respond(http.StatusOK, w.fields(serialized), body, ends)
	case len(body) == 0:
		return w.chunks.Close()
	}
	return w.chunks.Finish(body[len(graph.Header()):])
}

// Abort ends an answer that has begun so that nobody takes it for one.
func (w *Writer) Abort() {
	w.ended = true
	_ = w.chunks.Abort()
}

// LastWord answers a problem with what is sure to be understood, and ends the connection; nothing, if
// the answer was written already or cannot be.
func (w *Writer) LastWord(p *tunnel.Problem, line string) error {
	switch {
	case w.ended:
		return nil
	case w.chunks != nil:
		w.Abort()
		return nil
	case InWords(p):
		return w.Text(p, 0, 0, true)
	}
	body, err := w.Exception(p, line)
	if err != nil {
		return err
	}
	return w.Value(body, true)
}

// Health answers a probe.
func (w *Writer) Health(status int, body []byte, ends bool) error {
	w.ended = true
	return w.Conn.Respond(status, []grammar.Field{jsonText}, body, ends)
}

// InWords reports whether a problem is told by a status and a text.
func InWords(p *tunnel.Problem) bool {
	_, text := statuses[p.Code]
	return text
}

// Text answers with a status that Java's client throws, and a text that people read. Status 0 is the
// problem's own. Retry is when a publisher may try again what was not carried out.
func (w *Writer) Text(p *tunnel.Problem, status int, retry time.Duration, ends bool) error {
	w.ended = true
	fields := w.fields(plainText)
	if p.Code == tunnel.Unavailable {
		fields = append(fields, grammar.Field{Name: "Retry-After", Value: strconv.Itoa(int(retry.Seconds()))})
	}
	if status == 0 {
		status = statuses[p.Code]
	}
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	body := []byte(policy.Tell(string(p.Reason), p.Msg) + " (reference " + w.Ref + ")\n")
	return w.Conn.Respond(status, fields, body, ends || p.Code == tunnel.BadRequest)
}

// Exception returns what the publisher's CMS shows of a problem, written as its line reads it.
func (w *Writer) Exception(p *tunnel.Problem, line string) ([]byte, error) {
	msg := policy.Tell(string(p.Reason), p.Msg) + " (stagelock reference " + w.Ref + ")"
	if p.Code == tunnel.Unauthentic {
		body, err := liferay.AppendRemoteAuth(nil, line, liferay.TypeWrongSecret, msg)
		if err == nil {
			return body, nil
		}
	}
	return liferay.AppendThrown(nil, line, liferay.Thrown{Class: liferay.ClassPortalException, Message: msg})
}
