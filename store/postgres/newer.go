package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/postgres/schema"
)

// NewerError is a schema that a later release made.
type NewerError struct {
	Has    int64 // the newest step of the schema
	Knows  int64 // the newest step that this release knows
	Lowest int64 // the oldest schema whose releases still work with it
}

func (e *NewerError) Error() string {
	text := fmt.Sprintf("the schema is at step %d, which a later release made: this one knows up to %d, and ", e.Has, e.Knows)
	if e.Works() {
		return text + "works with it"
	}
	return text + fmt.Sprintf("the database works with releases of schema %d or later", e.Lowest)
}

// Works reports whether gateways of this release may use the schema all the same.
func (e *NewerError) Works() bool { return e.Lowest <= e.Knows }

const newestStep = `SELECT coalesce(max(version_id), 0) FROM @.goose_db_version WHERE is_applied`

// newer returns how the schema is newer than this release; nil if it is not. All steps that are known are applied.
func (s *Store) newer(ctx context.Context) (*NewerError, error) {
	known, err := schema.List()
	if err != nil {
		return nil, err
	}
	e := &NewerError{Knows: known[len(known)-1].Version}
	if err := s.ask(ctx, newestStep, &e.Has); err != nil {
		return nil, err
	}
	var name []byte
	err = s.ask(ctx, readName, &name, &e.Lowest)
	switch {
	case errors.Is(err, store.ErrNotFound): // no gateway has started yet
	case err != nil:
		return nil, err
	}
	if e.Has <= e.Knows && e.Works() {
		return nil, nil
	}
	return e, nil
}
