package node

import (
	"context"
	"fmt"
	"net/http"

	"github.com/stagelock/stagelock/gateway/audit/chain"
	"github.com/stagelock/stagelock/gateway/exchange"
	"github.com/stagelock/stagelock/gateway/native"
	"github.com/stagelock/stagelock/gateway/node/servers"
	"github.com/stagelock/stagelock/gateway/relay/rules"
	"github.com/stagelock/stagelock/gateway/tasks"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// openExchange makes the gateway one of several servers that are kept alike, if it is.
func (n *Node) openExchange(ctx context.Context, _ *rules.Policy) error {
	if !servers.Enabled(n.conf()) {
		return nil
	}
	key, err := chain.LoadKey(n.data().SyncKey())
	if err != nil {
		return fmt.Errorf("the key of sync cannot be read: %w", err)
	}
	n.exchange, n.keeper, err = servers.New(ctx, servers.Config{
		Owner: n.named, Conf: n.conf, Key: key, Database: n.database, Contents: n.data().Contents(), Audit: n.audit, Log: n.cfg.Log,
		Now: n.cfg.Now, Pause: n.cfg.Pause, Tasks: func() *tasks.Policy { return n.tasks.Policy() },
	})
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

// routes are what is answered over HTTP/2 beside health.
func (n *Node) routes() map[string]native.Route {
	if n.exchange == nil {
		return nil
	}
	return map[string]native.Route{sync.Path: func(w http.ResponseWriter, r *http.Request, v *visit.Visit) error {
		return n.exchange.Serve(w, r, func(name string) { v.Authenticated(name, "", name) })
	}}
}

// runExchange keeps the servers alike until ctx ends.
func (n *Node) runExchange(ctx context.Context) error {
	if n.exchange == nil {
		<-ctx.Done()
		return nil
	}
	return n.exchange.Run(ctx)
}

// orders answers what is asked of the exchange at the admin listener.
func (n *Node) orders() (path string, h http.Handler) { //nolint:unparam // the admin listener takes any
	if n.exchange == nil {
		return exchange.Path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"code":"off","message":"sync.name is empty: this gateway keeps no servers alike"}`, http.StatusConflict)
		})
	}
	return exchange.Path, n.exchange.Handler()
}
