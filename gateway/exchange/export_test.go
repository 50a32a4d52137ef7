package exchange

import (
	"context"
	"time"
)

// Sweep removes contents now that are as old and that nothing needs.
func (x *Exchange) Sweep(ctx context.Context, age time.Duration) error {
	return x.collector.Sweep(ctx, age)
}
