package logs

import (
	"context"
	"fmt"

	"github.com/stagelock/stagelock/store"
)

// cutAtOnce is how many records one transaction forgets: each is short, and nobody waits long for it.
const cutAtOnce = 5000

const (
	cutEvents = `DELETE FROM @.events WHERE log = $1 AND seq < $2::bigint
		AND seq < (SELECT min(seq) FROM @.events WHERE log = $1) + $3::bigint
		AND EXISTS (SELECT FROM @.events WHERE log = $1 AND seq = $2)`
	cutCheckpoints = `DELETE FROM @.checkpoints WHERE n < $1::bigint
		AND n < (SELECT min(n) FROM @.checkpoints) + $2::bigint AND EXISTS (SELECT FROM @.checkpoints WHERE n = $1)`
	hasEvent      = `SELECT FROM @.events WHERE log = $1 AND seq = $2`
	hasCheckpoint = `SELECT FROM @.checkpoints WHERE n = $1`
)

// Cut implements store.Logs.
func (s Logs) Cut(ctx context.Context, log string, seq store.Seq) (int, error) {
	name := []byte(log)
	return s.cut(ctx, fmt.Sprintf("cut log %q before record %d", log, seq), asked{hasEvent, []any{name, int64(seq)}},
		asked{cutEvents, []any{name, int64(seq), cutAtOnce}})
}

// CutCheckpoints implements store.Logs.
func (s Logs) CutCheckpoints(ctx context.Context, n uint64) (int, error) {
	return s.cut(ctx, fmt.Sprintf("cut the checkpoints before %d", n), asked{hasCheckpoint, []any{int64(n)}},
		asked{cutCheckpoints, []any{int64(n), cutAtOnce}})
}

// asked is a statement and what it is asked with.
type asked struct {
	query string
	args  []any
}

// cut forgets piece by piece what is not to be kept, if what is to stay is there.
func (s Logs) cut(ctx context.Context, what string, stays, forget asked) (int, error) {
	err := s.Runner.Read(ctx, what, func(ctx context.Context) error {
		return s.Calls.QueryRow(ctx, s.SQL(stays.query), stays.args...).Scan()
	})
	if err != nil {
		return 0, err
	}
	for all := 0; ; {
		n, err := s.Count(ctx, what, forget.query, forget.args...)
		if all += n; err != nil || n == 0 {
			return all, err
		}
	}
}
