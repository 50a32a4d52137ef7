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
		if err != nil {
			if refusal = refusalOf(err); refusal == nil {
				return
			}
			req = &http1.Request{Method: refusal.Method}
		}
		if !serve(ctx, req, refusal) || c.OverLimit {
			break
		}
	}
	conn.Finish(finishTime)
}

// refusalOf returns the refusal that err is, or nil: what is not HTTP is answered, what is broken is not.
func refusalOf(err error) *http1.Error {
	var refusal *http1.Error
	if !errors.As(err, &refusal) {
		return nil
	}
	return refusal
}
