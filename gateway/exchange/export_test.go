package exchange

import (
	"context"
	"time"

	"github.com/stagelock/stagelock/store/exchange"
)

// Sweep removes contents now that are as old and that nothing needs.
func (x *Exchange) Sweep(ctx context.Context, age time.Duration) error {
	return x.sweep(ctx, x.cfg.Blobs.(exchange.Removable), age)
}
