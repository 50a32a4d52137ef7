package replica_test

import (
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/gateway/replica"
	"github.com/stagelock/stagelock/store/exchange"
	"github.com/stagelock/stagelock/tunnel/source"
	"github.com/stagelock/stagelock/tunnel/sync"
)

// TestAnIntentThatAnotherGatewayIsAtStaysOpen: were it given up, what that one delivers would be taken for an edit, and who
// sends it next would stand beside it as a conflict. Nothing else waits for it.
func TestAnIntentThatAnotherGatewayIsAtStaysOpen(t *testing.T) {
	w := newRecorded(t)
	w.from.edit("s/article/b", "other", "", false)
	c, _ := w.made("theirs")
	in := sync.Intent{Object: page, Tag: c.ID.String(), Change: c, Via: serverOf(1)}
	if err := w.book.Intend(t.Context(), exchange.Fence{}, in); err != nil {
		t.Fatal(err)
	}
	w.from.fails = fmt.Errorf("%w: for a minute", source.ErrUnderWay)
	read := w.from.read
	for range 3 {
		w.pull()
		if a := w.Receive(t.Context(), serverOf(1), []sync.Offered{{Change: c}})[0]; a.Status != sync.StatusLater || a.Reason != replica.ReasonMoved {
			t.Fatalf("the change once more: %+v", a)
		}
	}
	if open, err := w.book.Intents(t.Context()); err != nil || len(open) != 1 {
		t.Fatalf("%d open, %v", len(open), err)
	}
	if w.from.read > read+1 { // the edit: nobody looks through the journal again and again for what is open
		t.Errorf("%d rows of the journal were read", w.from.read-read)
	}
	if fmt.Sprint(w.notes) != "[made]" {
		t.Errorf("noted %v", w.notes)
	}
	w.from.write(source.Row{Object: page, Tag: in.Tag}, "theirs") // the other has carried it out, and died
	w.pull()
	w.wants("theirs*")
	if v := w.state().Versions; v[0].ID != c.ID || fmt.Sprint(w.notes) != "[made applied]" {
		t.Errorf("shown is %s, noted %v", v[0].ID, w.notes)
	}
}

// TestADeliveryBesideOneOfAnotherGateway: whoever finds it changes nothing, and is asked again later.
func TestADeliveryBesideOneOfAnotherGateway(t *testing.T) {
	w := newRecorded(t)
	w.from.fails = source.ErrUnderWay
	if _, a := w.receive("theirs"); a.Status != sync.StatusLater || a.Reason != replica.ReasonAway {
		t.Errorf("%+v", a)
	}
	if open, err := w.book.Intents(t.Context()); err != nil || len(open) > 0 {
		t.Errorf("%d open, %v", len(open), err)
	}
}
