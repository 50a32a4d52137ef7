package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// Book keeps Changes and Deliveries in a database.
type Book struct{ db store.Transactor }

var (
	_ Changes    = Book{}
	_ Deliveries = Book{}
)

// NewBook returns the Book of a database, whose schema has the tables of this package.
func NewBook(db store.Transactor) Book { return Book{db} }

const (
	readObject = `SELECT rev, first_origin, first_counter, first_milli, first_logic, shown_origin, shown_counter, seq
		FROM @.sync_objects WHERE object = $1`
	readVersions = `SELECT c.body FROM @.sync_versions v JOIN @.sync_changes c
		ON c.origin = v.origin AND c.counter = v.counter WHERE v.object = $1 ORDER BY v.origin, v.counter`
	readIntent  = `SELECT object, tag, expect, body, via, listed FROM @.sync_intents WHERE object = $1`
	readIntents = `SELECT object, tag, expect, body, via, listed FROM @.sync_intents ORDER BY object`
	readChange  = `SELECT body, via, at, position FROM @.sync_changes WHERE origin = $1 AND counter = $2`
	readListed  = `SELECT p.origin, p.counter, p.server
		FROM @.sync_changes c JOIN @.sync_processed p ON p.origin = c.origin AND p.counter = c.counter
		WHERE c.position >= $1 AND c.position <= $2 AND ($3 = '' OR c.object = $3) ORDER BY p.server`
	isKnown     = `SELECT 1 FROM @.sync_changes WHERE origin = $1 AND counter = $2`
	readCursor  = `SELECT seq FROM @.sync_cursors WHERE source = $1`
	readHave    = `SELECT origin, counter FROM @.sync_have WHERE counter > 0`
	conflicts   = `SELECT object FROM @.sync_objects WHERE conflict = 1 ORDER BY object`
	someObjects = `SELECT object FROM @.sync_objects WHERE object > $1 ORDER BY object LIMIT $2`
	history     = `SELECT body, via, at, position FROM @.sync_changes
		WHERE ($1 = '' OR object = $1) ORDER BY position DESC LIMIT $2`
)

// Object implements Changes.
func (b Book) Object(ctx context.Context, o sync.Object) (s sync.State, err error) {
	err = b.db.View(ctx, fmt.Sprintf("object %q", o), func(tx store.Tx) error {
		s, err = object(tx, o)
		return err
	})
	return s, err
}

// States implements Changes.
func (b Book) States(ctx context.Context, names ...sync.Object) (all []sync.State, err error) {
	err = b.db.View(ctx, fmt.Sprintf("%d objects", len(names)), func(tx store.Tx) error {
		all = make([]sync.State, len(names))
		for i, o := range names {
			if all[i], err = object(tx, o); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func object(tx store.Tx, o sync.Object) (sync.State, error) {
	s := sync.State{Object: o}
	err := tx.Query(readObject, []any{string(o)}, func(scan func(...any) error) error {
		var first, shown string
		var firstN, logic, shownN int64
		err := scan(&s.Rev, &first, &firstN, &s.FirstStamp.Milli, &logic, &shown, &shownN, &s.Seq)
		s.FirstStamp.Logic = uint16(logic)
		s.First = sync.ID{Origin: sync.ServerID(first), Counter: uint64(firstN)}
		s.Shown = sync.ID{Origin: sync.ServerID(shown), Counter: uint64(shownN)}
		return err
	})
	if err == nil && s.Rev > 0 { // else it has none
		err = versions(tx, &s)
	}
	if err != nil {
		return s, err
	}
	all, err := intents(tx, readIntent, string(o))
	if len(all) > 0 {
		s.Intent = &all[0]
	}
	return s, err
}

func versions(tx store.Tx, s *sync.State) error {
	return tx.Query(readVersions, []any{string(s.Object)}, func(scan func(...any) error) error {
		var body []byte
		if err := scan(&body); err != nil {
			return err
		}
		c, err := sync.ParseChange(body)
		s.Versions = append(s.Versions, c)
		return err
	})
}

func intents(tx store.Tx, query string, args ...any) (all []sync.Intent, err error) {
	err = tx.Query(query, args, func(scan func(...any) error) error {
		var in sync.Intent
		var o, via, listed string
		var body []byte
		if err := scan(&o, &in.Tag, &in.Expect, &body, &via, &listed); err != nil {
			return err
		}
		in.Object, in.Via, in.Listed = sync.Object(o), sync.ServerID(via), split(listed)
		in.Change, err = sync.ParseChange(body)
		all = append(all, in)
		return err
	})
	return all, err
}

// join writes servers as one text, and split reads it.
func join(all []sync.ServerID) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return strings.Join(out, " ")
}

func split(text string) (all []sync.ServerID) {
	for _, s := range strings.Fields(text) {
		all = append(all, sync.ServerID(s))
	}
	return all
}

// Change implements Changes.
func (b Book) Change(ctx context.Context, id sync.ID) (e Entry, err error) {
	err = b.db.View(ctx, "change "+id.String(), func(tx store.Tx) error {
		all, err := entries(tx, "", readChange, string(id.Origin), int64(id.Counter))
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return store.ErrNotFound
		}
		e = all[0]
		return nil
	})
	return e, err
}

// entries reads changes, newest first, of one object unless it is empty, and then who has them: a transaction reads
// one thing at a time.
func entries(tx store.Tx, o sync.Object, query string, args ...any) (all []Entry, err error) {
	at := map[sync.ID]int{} // in all
	err = tx.Query(query, args, func(scan func(...any) error) error {
		var e Entry
		var body []byte
		var via string
		var when int64
		if err := scan(&body, &via, &when, &e.Position); err != nil {
			return err
		}
		e.Via, e.At = sync.ServerID(via), micros(when)
		if e.Change, err = sync.ParseChange(body); err == nil {
			at[e.Change.ID] = len(all)
		}
		all = append(all, e)
		return err
	})
	if err != nil || len(all) == 0 {
		return all, err
	}
	between := []any{all[len(all)-1].Position, all[0].Position, string(o)}
	return all, tx.Query(readListed, between, func(scan func(...any) error) error {
		var origin, server string
		var counter int64
		err := scan(&origin, &counter, &server)
		if i, ok := at[sync.ID{Origin: sync.ServerID(origin), Counter: uint64(counter)}]; ok {
			all[i].Listed = append(all[i].Listed, sync.ServerID(server))
		}
		return err
	})
}

func servers(tx store.Tx, query string, args ...any) (all []sync.ServerID, err error) {
	err = tx.Query(query, args, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		all = append(all, sync.ServerID(s))
		return err
	})
	return all, err
}

// micros reads a time as it is kept: 0 for the zero one.
func micros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// Known implements Changes.
func (b Book) Known(ctx context.Context, ids []sync.ID) (known []bool, err error) {
	err = b.db.View(ctx, "known changes", func(tx store.Tx) error {
		known = make([]bool, len(ids))
		for i, id := range ids {
			if known[i], err = some(tx, isKnown, string(id.Origin), int64(id.Counter)); err != nil {
				return err
			}
		}
		return nil
	})
	return known, err
}

// some reports whether a query has a row.
func some(tx store.Tx, query string, args ...any) (found bool, err error) {
	err = tx.Query(query, args, func(func(...any) error) error {
		found = true
		return nil
	})
	return found, err
}

// Intents implements Changes.
func (b Book) Intents(ctx context.Context) (all []sync.Intent, err error) {
	err = b.db.View(ctx, "intents", func(tx store.Tx) error {
		all, err = intents(tx, readIntents)
		return err
	})
	return all, err
}

// Cursor implements Changes.
func (b Book) Cursor(ctx context.Context, source string) (seq int64, err error) {
	err = b.db.View(ctx, "cursor of "+source, func(tx store.Tx) error {
		return tx.Query(readCursor, []any{source}, func(scan func(...any) error) error { return scan(&seq) })
	})
	return seq, err
}

// Have implements Changes.
func (b Book) Have(ctx context.Context) (have map[sync.ServerID]uint64, err error) {
	err = b.db.View(ctx, "what is had", func(tx store.Tx) error {
		have = map[sync.ServerID]uint64{}
		return tx.Query(readHave, nil, func(scan func(...any) error) error {
			var origin string
			var n int64
			err := scan(&origin, &n)
			have[sync.ServerID(origin)] = uint64(n)
			return err
		})
	})
	return have, err
}

// Conflicts implements Changes.
func (b Book) Conflicts(ctx context.Context) (all []sync.State, err error) {
	err = b.db.View(ctx, "conflicts", func(tx store.Tx) error {
		all = nil
		names, err := objects(tx, conflicts)
		if err != nil {
			return err
		}
		for _, o := range names {
			s, err := object(tx, o)
			if err != nil {
				return err
			}
			all = append(all, s)
		}
		return nil
	})
	return all, err
}

func objects(tx store.Tx, query string, args ...any) (all []sync.Object, err error) {
	err = tx.Query(query, args, func(scan func(...any) error) error {
		var o string
		err := scan(&o)
		all = append(all, sync.Object(o))
		return err
	})
	return all, err
}

// Objects implements Changes.
func (b Book) Objects(ctx context.Context, after sync.Object, limit int) (all []sync.Object, err error) {
	err = b.db.View(ctx, "objects", func(tx store.Tx) error {
		all, err = objects(tx, someObjects, string(after), limit)
		return err
	})
	return all, err
}

// History implements Changes.
func (b Book) History(ctx context.Context, o sync.Object, limit int) (all []Entry, err error) {
	err = b.db.View(ctx, "history", func(tx store.Tx) error {
		all, err = entries(tx, o, history, string(o), limit)
		return err
	})
	return all, err
}

// links writes servers as JSON.
func links(all []sync.ServerID) string {
	b, _ := json.Marshal(all) // strings always marshal
	return string(b)
}
