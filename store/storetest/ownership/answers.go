package ownership

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

// accept adds one part to request 5, with what calls were answered.
func accept(ctx context.Context, s store.Database, answers ...store.Answer) error {
	return s.Requests().AddPart(ctx, 5, store.Part{Name: "a.zip00", Size: 7, Width: 2, Login: "a"}, answers...)
}

// theirs is the answer of rep.
func theirs(rep store.Repeat, body string) store.Answer {
	return store.Answer{Key: rep.Key, Reference: rep.Reference, Body: []byte(body)}
}

func request(t *testing.T, s store.Database) {
	t.Helper()
	place.Must(t, s.Requests().Create(context.Background(), store.Request{ID: 5, Site: 20121, Checksum: "c", Logins: []string{"a"}}))
}

// checkParts wants that many parts of accept in request 5.
func checkParts(t *testing.T, s store.Database, want int) {
	t.Helper()
	got, err := s.Requests().Request(context.Background(), 5)
	place.Must(t, err)
	if got.PartCount != want || got.PartBytes != int64(7*want) || len(got.Senders) != want {
		t.Errorf("want %d parts: %+v", want, got)
	}
}

// answerWith: a part and what its call was answered are kept together.
func answerWith(t *testing.T, p *place.Place[store.Database]) {
	ctx := context.Background()
	rep, other := claim("a", "life"), claim("b", "life")
	alive(t, p.Store, "life")
	request(t, p.Store)
	first(t, p.Store, rep)
	first(t, p.Store, other)
	place.Must(t, accept(ctx, p.Store, theirs(rep, "yes"), theirs(other, "")))
	checkClaim(t, p.Another(), answered(rep, "yes"))
	p.Reopen()
	checkClaim(t, p.Store, answered(rep, "yes"))
	checkClaim(t, p.Store, answered(other, ""))
	checkParts(t, p.Store, 1)
	place.Must(t, accept(ctx, p.Store, theirs(rep, "no"))) // after an answer that was lost
	checkClaim(t, p.Store, answered(rep, "yes"))
	checkParts(t, p.Store, 1)
}

// answerFenced: a repeat that is gone, or another one's, is left, and the part is kept all the same.
func answerFenced(t *testing.T, p *place.Place[store.Database]) {
	rep, gone := claim("a", "life"), claim("gone", "life")
	alive(t, p.Store, "life")
	request(t, p.Store)
	first(t, p.Store, rep)
	late := theirs(rep, "late")
	late.Reference = "ref of another"
	place.Must(t, accept(context.Background(), p.Store, late, theirs(gone, "late")))
	checkClaim(t, p.Store, rep)
	noClaim(t, p.Store, gone.Key)
	checkParts(t, p.Reopen(), 1)
}

// answerLate: a dead owner's call, of which its twins are told that nobody knows, has an answer after all.
func answerLate(t *testing.T, p *place.Place[store.Database]) {
	rep := claim("a", "life")
	alive(t, p.Store, "life")
	request(t, p.Store)
	first(t, p.Store, rep)
	place.Must(t, p.Store.Members().Leave(context.Background(), "life"))
	place.Must(t, accept(context.Background(), p.Store, theirs(rep, "yes")))
	checkClaim(t, p.Store, answered(rep, "yes"))
	checkParts(t, p.Store, 1)
}

// answerNothing: of a part that is not kept no answer is.
func answerNothing(t *testing.T, p *place.Place[store.Database]) {
	rep := claim("a", "life")
	alive(t, p.Store, "life")
	first(t, p.Store, rep)
	err := accept(context.Background(), p.Store, theirs(rep, "yes"))
	place.WantErr(t, "a part of an unknown request", err, store.ErrNotFound)
	checkClaim(t, p.Store, rep)
	request(t, p.Store)
	place.WantErr(t, "cancelled", accept(place.Cancelled(), p.Store, theirs(rep, "yes")), context.Canceled)
	checkClaim(t, p.Store, rep)
	checkParts(t, p.Reopen(), 0)
}

// answerMany: the parts of one request, and of another process, with their answers at once.
func answerMany(t *testing.T, p *place.Place[store.Database]) {
	const parts = 24
	ctx := context.Background()
	alive(t, p.Store, "life")
	request(t, p.Store)
	places := []store.Database{p.Store, p.Another()}
	rep := func(i int) store.Repeat { return claim(fmt.Sprintf("a%02d", i), "life") }
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() {
			s := places[i%2]
			if _, fresh, err := s.Repeats().Begin(ctx, rep(i), 0); err != nil || !fresh {
				t.Errorf("begin %d: first %v, %v", i, fresh, err)
			}
			part := store.Part{Name: fmt.Sprintf("a.zip%02d", i), Size: 1, Width: 2}
			if err := s.Requests().AddPart(ctx, 5, part, theirs(rep(i), part.Name)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := p.Reopen()
	for i := range parts {
		checkClaim(t, s, answered(rep(i), fmt.Sprintf("a.zip%02d", i)))
	}
	if r, err := s.Requests().Request(ctx, 5); err != nil || r.PartCount != parts || r.PartBytes != parts {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestAnswers runs the conformance suite of parts that are kept with the answers of their calls.
func TestAnswers(t *testing.T, open place.Opener[store.Database]) {
	place.Run(t, open, []place.Row[store.Database]{
		{Name: "kept with its answer", Run: answerWith},
		{Name: "another call's answer is left", Run: answerFenced},
		{Name: "of a dead owner", Run: answerLate},
		{Name: "one that is not kept has no answer", Run: answerNothing},
		{Name: "many at once, in two processes", Run: answerMany},
	})
}
