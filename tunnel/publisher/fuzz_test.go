package publisher_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// FuzzAnswer lets a server answer with any bytes. Whatever comes, a publish ends with an answer or with a Failure that says what
// to do, and it is sent once.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"", "HTTP/1.1 200 OK\r\n\r\n", status(200, ""), status(302, "", "Location: :/%"), status(503, "x", "Retry-After: 99999999999"),
		status(200, "\xac\xed\x00\x05p"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\xac\xed\x00\x05y\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + status(403, "no", "X-Stagelock-Reference: r"), missing(f, nil, nil),
		ok(thrown(f, "com.liferay.portal.kernel.exception.PortalException", "no (stagelock reference r)"), "X-Stagelock-Reference: r"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		var sent atomic.Int64
		cfg := config(t, "http://live")
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go answerOnce(there, answer, &sent)
			return here, nil
		}
		c := client(t, cfg)
		r, err := c.PublishStagingRequest(t.Context(), 7, publisher.DefaultSettings(site, false, nil))
		var failed *failure.Failure
		switch {
		case err == nil && r == nil:
			t.Error("neither an answer nor a failure")
		case err == nil:
			_, _, ok := r.MissingReferences()
			if !ok {
				t.Error("an answer that is none of a publish")
			}
		case !errors.As(err, &failed) || failed.Kind == "" || failed.Msg == "" || failed.Cure == "" && failed.Kind != failure.Stopped:
			t.Errorf("failure %+v", err)
		case failed.Unexecuted && failed.Kind != failure.Unavailable:
			t.Errorf("%s: said to be not carried out", failed.Kind)
		}
		if n := sent.Load(); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}

// answerOnce reads one request and writes the answer.
func answerOnce(c net.Conn, answer []byte, sent *atomic.Int64) {
	defer func() { _ = c.Close() }()
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return
	}
	sent.Add(1)
	_, _ = c.Write(answer) // a client that has enough may be gone
}
