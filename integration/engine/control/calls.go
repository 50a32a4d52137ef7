package control

import (
	"context"
	"database/sql"
	"time"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// Call is one call or command about a site that was carried out or refused, as the ledger keeps it.
type Call struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Login   string    `json:"login"` // of an unlock: the account of the operator
	Method  string    `json:"method"`
	Request int64     `json:"request,omitempty"`
	Outcome string    `json:"outcome"`
}

// CallsOf is the input of site.calls.
type CallsOf struct {
	Site int64 `json:"site"`
	Last int   `json:"last,omitempty"` // at most so many; 0 means 100
}

// calls are the newest calls about a site, newest first: who locked it, who published, who ended the lock.
func (s *Server) calls(ctx context.Context, in CallsOf) ([]Call, error) {
	if _, err := s.cfg.Store.Site(ctx, in.Site); err != nil {
		return nil, err
	}
	if in.Last <= 0 {
		in.Last = 100
	}
	all, err := content.Collect(ctx, s.cfg.Store, func(r *sql.Rows) (c Call, err error) {
		var at string
		if err := r.Scan(&c.Seq, &at, &c.Login, &c.Method, &c.Request, &c.Outcome); err != nil {
			return c, err
		}
		c.At, err = time.Parse(time.RFC3339Nano, at)
		return c, err
	}, `SELECT seq, at, login, method, request, outcome FROM ledger WHERE site = ? ORDER BY seq DESC LIMIT ?`, in.Site, in.Last)
	return append([]Call{}, all...), err
}
