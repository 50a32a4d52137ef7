package relay

import (
	"context"
	"errors"
)

// liferaySteps is the way of one call of the Liferay tunnel, in order. A step that fails ends it: its
// Problem is recorded and answered. What each step may do to the engine is in the name: before
// forward nothing complete leaves, whatever a step finds.
//
// Another wire is another list: head, peer, admit, ready, record and answer are the same on each, and
// what stands between them is the wire's own.
var liferaySteps = []step{
	{"head", (*call).wellFormed},  // step 0: a request that is HTTP as the profile wants it
	{"peer", (*call).client},      // the client's address, from the socket or a trusted proxy
	{"route", (*call).route},      // the one tunnel path, byte for byte; the health paths
	{"admit", (*call).admit},      // the host allowlist
	{"verify", (*call).verify},    // the shared secret: which peer, which login; the pace of those who fail
	{"ready", (*call).ready},      // room to write; the peer's own pace
	{"inspect", (*call).inspect},  // the body through the validator; a part's content streams on, its tail is held
	{"judge", (*call).judge},      // class, method, types and arguments against the policy
	{"engine", (*call).reachable}, // an engine that is up, for what is to be carried out
	{"level", (*call).level},      // patch levels that fit, before content moves
	{"content", (*call).contents}, // a manifest that was seen, of content that the peer may publish
	{"earlier", (*call).earlier},  // an archive that is being published already
	{"repeat", (*call).repeat},    // a duplicate of a guarded call gets the first one's answer
	{"record", (*call).record},    // the verdict, on disk
	{"forward", (*call).forward},  // the rest of the call, rewritten, to a healthy node
	{"reply", (*call).receive},    // the engine's reply, validated, with heartbeats while it lasts
	{"keep", (*call).keep},        // what later calls are held against: requests and answers, on disk
	{"answer", (*call).deliver},   // to the publisher
}

type step struct {
	name string
	run  func(*call, context.Context) error
}

// errDone ends a call early without a problem: it was answered.
var errDone = errors.New("answered")

// run takes the call through the steps and returns nil if it was answered as it should, else the
// problem that was.
func (c *call) run(ctx context.Context) error {
	for _, s := range c.steps {
		err := s.run(c, ctx)
		if errors.Is(err, errDone) {
			return nil
		}
		if err != nil {
			c.stopped = s.name
			return err
		}
	}
	return nil
}
