package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/stagelock/stagelock/integration/engine/control"
	"github.com/stagelock/stagelock/integration/engine/journal"
	"github.com/stagelock/stagelock/tunnel/source"
)

// drainTime is how long calls that are under way may last when the engine is told to stop.
const drainTime = 30 * time.Second

// Listeners are where an engine that runs is spoken to. Run closes them.
type Listeners struct {
	Tunnel   net.Listener // by gateways and publishers
	Commands net.Listener // by operators and authors, on this machine
	Token    string       // what commands must carry
}

// Commands returns the handler of the commands that carry the token, and of the gateway that reads the
// journal with it.
func (e *Engine) Commands(token string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(source.Path, source.Handler(journal.New(e.Store), token))
	mux.Handle("/", e.commands(token))
	return mux
}

func (e *Engine) commands(token string) http.Handler {
	return control.NewServer(control.Config{Store: e.Store, Author: e.Author, Live: e.Live, Staging: e.Staging,
		Pages: e.Pages, Token: token})
}

// Run answers calls and commands until ctx ends, lets those that are under way end, and closes the
// engine.
func (e *Engine) Run(ctx context.Context, l Listeners) error {
	servers := map[net.Listener]*http.Server{
		l.Tunnel:   {Handler: e.Handler(), ReadHeaderTimeout: 10 * time.Second},
		l.Commands: {Handler: e.Commands(l.Token), ReadHeaderTimeout: 10 * time.Second},
	}
	failed := make(chan error, len(servers)+1)
	publishing, stop := context.WithCancel(ctx)
	defer stop()
	for on, s := range servers {
		go func() { failed <- s.Serve(on) }()
	}
	go func() { failed <- e.Staging.Run(publishing) }()
	var err error
	left := len(servers) + 1
	select {
	case <-ctx.Done():
	case err = <-failed:
		left--
	}
	stop()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	for _, s := range servers {
		err = errors.Join(err, s.Shutdown(drain))
	}
	for range left {
		if ended := <-failed; ended != nil && !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	return errors.Join(err, e.Close())
}
