package tasks

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

// TestATaskIsNotSentAfterItsTime: the gateway stood still between the connection and the task.
func TestATaskIsNotSentAfterItsTime(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	open := Gateway(forward.New(forward.Config{Addr: server.Listener.Addr().String()}), "live")
	secret, err := token.NewSecret("behind")
	if err != nil {
		t.Fatal(err)
	}
	ended := 0
	to := Target{Server: "live", Path: syncserver.Path, To: "https://live", User: "staging", Secret: secret,
		Open: func(ctx context.Context) (*Line, error) {
			line, err := open(context.WithoutCancel(ctx))
			if err == nil {
				line.Ended = func(answered bool, err error) {
					if ended++; answered || err != nil {
						t.Errorf("the node is blamed: %t, %v", answered, err)
					}
				}
			}
			<-ctx.Done()
			return line, err
		}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := to.Carry(ctx, syncserver.Task{Type: "UpdateDocument"}, "urn:id", "ref", time.Now()); !errors.Is(err, ErrNotSent) || ended != 1 {
		t.Errorf("error %v, ended %d times", err, ended)
	}
	server.Close()
	if n := asked.Load(); n > 0 {
		t.Errorf("%d tasks were sent", n)
	}
}
