package front

import (
	"context"
	"errors"
	"time"

	"github.com/stagelock/stagelock/tunnel/http1"
)

// finishTime is how long a connection that ends may take to have its last answer acknowledged.
const finishTime = 2 * time.Second

// Requests has serve answer the requests of conn, which speaks HTTP/1.1 over the connection, one after
// another until it reports that none may follow, and closes conn. One that is not HTTP as the profile wants
// it comes as its refusal, with nothing but its method in req.
func (c Connection) Requests(ctx context.Context, conn *http1.Conn,
	serve func(ctx context.Context, req *http1.Request, refusal *http1.Error) (goesOn bool)) {
	c.Watch(conn)
	defer conn.Close()
	for {
		c.Rest(true)
		req, err := conn.Next(ctx)
		c.Rest(false)
		var refusal *http1.Error
		if err != nil && !errors.As(err, &refusal) {
			return
		}
		if refusal != nil {
			req = &http1.Request{Method: refusal.Method}
		}
		if !serve(ctx, req, refusal) || c.OverLimit {
			break
		}
	}
	conn.Finish(finishTime)
}
