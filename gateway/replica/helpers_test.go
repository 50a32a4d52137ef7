package replica_test

import (
	"time"

	"github.com/stagelock/stagelock/tunnel/source"
)

var errMoved = source.ErrMoved

// clock is that of a world.
type clock struct{ w *world }

func (c clock) now() time.Time { return c.w.now }

// journal is one of which every kind travels.
func journal() (string, func(string) bool) { return "engine", func(string) bool { return true } }
