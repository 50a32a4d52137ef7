package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/store"
)

// Database is a store that several gateways share.
type Database interface {
	store.Database
	Logs() store.Logs
}

// Gateway is what the store knows of one gateway.
type Gateway struct {
	Node    string            `json:"node"`
	State   store.MemberState `json:"state"` // gone if its life is over
	Version string            `json:"version,omitempty"`
	Life    string            `json:"life,omitempty"`
	Since   time.Time         `json:"since,omitzero"`
	Left    time.Duration     `json:"lease_left_ns"`
	Offset  time.Duration     `json:"clock_offset_ns"` // of its clock to the database's
	Config  string            `json:"config,omitempty"`
	Calls   int               `json:"calls_under_way"`
	Records store.Seq         `json:"records"` // of its audit log
	Last    time.Time         `json:"last_record,omitzero"`
	Noted   store.Seq         `json:"noted"` // records that the newest note over all logs covers
}

// Gone is the state of a gateway whose life is over.
const Gone store.MemberState = "gone"

// Note is the newest note over all logs.
type Note struct {
	N       uint64    `json:"n"`
	Time    time.Time `json:"time"`
	Signers int       `json:"signers"`
}

// Status is what the gateways that share a store are told of each other.
type Status struct {
	Gateways []Gateway `json:"gateways"` // by name
	Note     *Note     `json:"newest_note,omitempty"`
	Findings []string  `json:"findings"` // what an operator should look at
}

// Bounds of a clock's offset to the database's.
const (
	// MaxOffset is beyond what signatures bear: such a gateway takes no calls.
	MaxOffset = 30 * time.Second
	// WarnOffset is more than a clock that is kept in time has.
	WarnOffset = time.Second
)

// Read returns the status of the gateways that share db.
func Read(ctx context.Context, db Database) (Status, error) {
	members, err := db.Members().Members(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Findings: []string{}}
	for _, m := range members { // the last life of each counts
		g := Gateway{Node: m.Node, State: m.State, Version: m.Version, Life: m.ID, Since: m.StartedAt, Left: m.Left,
			Offset: m.Offset, Config: m.ConfigDigest, Calls: m.Calls}
		if m.Over {
			g.State, g.Left, g.Calls = Gone, 0, 0
		}
		if i := s.index(m.Node); i < 0 {
			s.Gateways = append(s.Gateways, g)
		} else if s.Gateways[i].State == Gone {
			s.Gateways[i] = g
		}
	}
	if err := s.readLogs(ctx, db.Logs()); err != nil {
		return Status{}, err
	}
	slices.SortFunc(s.Gateways, func(a, b Gateway) int {
		if a.Node < b.Node {
			return -1
		}
		return 1
	})
	s.find()
	return s, nil
}

func (s *Status) index(node string) int {
	return slices.IndexFunc(s.Gateways, func(g Gateway) bool { return g.Node == node })
}

// readLogs adds how far the logs go.
func (s *Status) readLogs(ctx context.Context, logs store.Logs) error {
	heads, err := logs.Heads(ctx)
	if err != nil {
		return err
	}
	n, text, err := logs.Newest(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	note, signers := witness.Peek(text)
	if n > 0 {
		s.Note = &Note{N: n, Time: note.At, Signers: signers}
	}
	for _, h := range heads {
		i := s.index(h.Log)
		if i < 0 {
			s.Gateways = append(s.Gateways, Gateway{Node: h.Log, State: Gone})
			i = len(s.Gateways) - 1
		}
		var ev audit.Event
		_ = json.Unmarshal(h.Record.Body, &ev) // audit verify tells of damage
		s.Gateways[i].Records, s.Gateways[i].Last = h.Record.Seq, ev.Time
		for _, e := range note.Logs {
			if e.Log == h.Log {
				s.Gateways[i].Noted = e.Size
			}
		}
	}
	return nil
}
