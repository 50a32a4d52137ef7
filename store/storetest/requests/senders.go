package requests

import (
	"context"
	"testing"

	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/storetest/place"
)

func sentBy(login, name string, size int64) store.Part {
	p := piece(name, size)
	p.Login = login
	return p
}

// requestSenders: whose parts are in it, in the order of the logins.
func requestSenders(t *testing.T, p *place.Place[store.Requests]) {
	want := made(5, "first", "second", "third")
	create(t, p.Store, want)
	create(t, p.Store, made(6, "second"))
	add(t, p.Store, 5, sentBy("second", "x.zip00", 9), sentBy("nobody", "x.zip01", 1), sentBy("", "x.zip02", 1))
	want.Senders = []string{"second"}
	checkMade(t, p.Store, want, piece("x.zip00", 9), piece("x.zip01", 1), piece("x.zip02", 1))
	checkMade(t, p.Another(), made(6, "second"))
	add(t, p.Another(), 5, sentBy("first", "x.zip00", 9), sentBy("second", "x.zip00", 9))
	want.Senders = []string{"first", "second"}
	checkMade(t, p.Reopen(), want, piece("x.zip00", 9), piece("x.zip01", 1), piece("x.zip02", 1))
}

// requestSendersAgain: one that lives again is its new creators', with nobody's parts in it.
func requestSendersAgain(t *testing.T, p *place.Place[store.Requests]) {
	create(t, p.Store, made(5, "first", "second"))
	add(t, p.Store, 5, sentBy("first", "x.zip00", 9))
	place.Must(t, p.Store.CleanUp(context.Background(), 5))
	cleaned, err := p.Store.Request(context.Background(), 5)
	place.Must(t, err)
	if len(cleaned.Logins) != 2 || len(cleaned.Senders) != 1 {
		t.Errorf("cleaned up: %+v", cleaned)
	}
	want := made(5, "second")
	create(t, p.Store, want)
	checkMade(t, p.Store, want)
	create(t, p.Store, made(5, "first"))
	want.Logins = []string{"second", "first"}
	checkMade(t, p.Reopen(), want)
}
