package liferay_test

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

type recording struct {
	name, typ string
	data      []byte
}

func allRecorded(t *testing.T, kind string) (all []recording) {
	t.Helper()
	recordings(t, kind, func(build, method, name string, data []byte) {
		typ := returns[method]
		if build == "6.2" && method == "publishStagingRequest" {
			typ = "void"
		}
		all = append(all, recording{name, typ, data})
	})
	return all
}

// Whatever was read before in the same room, of a call nothing is different: each recording is read behind each
// other one, by several at once.
func TestCallsInRoomThatWasUsedBefore(t *testing.T) {
	calls, replies := allRecorded(t, "req"), allRecorded(t, "rep")
	backCalls, backReplies := slices.Clone(calls), slices.Clone(replies)
	slices.Reverse(backCalls)
	slices.Reverse(backReplies)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for i := range calls {
				readAgain(t, calls[i])
				answerAgain(t, replies[i%len(replies)])
				readAgain(t, backCalls[i])
				answerAgain(t, backReplies[i%len(replies)])
			}
		})
	}
	readers.Wait()
}

func readAgain(t *testing.T, r recording) {
	call, content, err := read(r.data)
	if err != nil {
		t.Errorf("%s: %v", r.name, err)
		return
	}
	var got []byte
	if content == nil {
		got, err = call.Append(nil)
	} else {
		head, tail, splitErr := call.Split()
		got, err = slices.Concat(head, content, tail), splitErr
	}
	if err != nil || !bytes.Equal(got, r.data) {
		t.Errorf("%s: written back differently, %v", r.name, err)
	}
	method, login := call.Method.Signature(), call.Principal.Login
	call.Release()
	again, _, err := read(r.data)
	if err != nil || again.Method.Signature() != method || again.Principal.Login != login {
		t.Errorf("%s: %q of %q, behind itself %q, %v", r.name, method, login, again.Method.Signature(), err)
		return
	}
	again.Release()
	if again.Method.Name != "" || again.BlankedSize() != 0 {
		t.Errorf("%s: a call that was released still says something", r.name)
	}
	again.Release() // gives nothing back that it has not
}

func answerAgain(t *testing.T, r recording) {
	lim := javaser.DefaultLimits()
	reply, err := liferay.ReadReply(source.New(bytes.NewReader(r.data), nil, lim.Held), lim, r.typ, false)
	if err != nil {
		t.Errorf("%s: %v", r.name, err)
		return
	}
	got, err := reply.Append(nil)
	if err != nil || !bytes.Equal(got, r.data) {
		t.Errorf("%s: written back differently, %v", r.name, err)
	}
	reply.Release()
	reply.Release()
}

// A stream that was refused leaves nothing behind for the next one.
func TestARefusedCallLeavesNothingBehind(t *testing.T) {
	for _, r := range allRecorded(t, "req")[:40] {
		for _, cut := range []int{4, 20, len(r.data) / 2, len(r.data) - 1} {
			if _, _, err := read(r.data[:cut]); err == nil {
				t.Errorf("%s: %d of %d bytes were read as a call", r.name, cut, len(r.data))
			}
		}
		readAgain(t, r)
	}
}

// One place reads call behind call, whatever the one before it was or left unread.
func TestCallsInOnePlace(t *testing.T) {
	lim := javaser.DefaultLimits()
	var place liferay.Call
	part := func(p liferay.Part) error { _, err := io.Copy(io.Discard, p.Content); return err }
	for i, r := range allRecorded(t, "req") {
		want, err := liferay.Read(source.New(bytes.NewReader(r.data), nil, lim.Held), lim, part)
		if err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 { // a call that is cut off
			if err := place.Read(source.New(bytes.NewReader(r.data[:len(r.data)-1-i%40]), nil, lim.Held), lim, part); err == nil {
				t.Errorf("%s: a part of it was read as a call", r.name)
			}
		}
		if err := place.Read(source.New(bytes.NewReader(r.data), nil, lim.Held), lim, part); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(place.Call, want.Call) || place.BlankedSize() != want.BlankedSize() {
			t.Errorf("%s: %+v, want %+v", r.name, place.Call, want.Call)
		}
		place.Release()
		if !reflect.DeepEqual(place.Call, tunnel.Call{}) || place.BlankedSize() != 0 {
			t.Errorf("%s: a call that was released still says something", r.name)
		}
	}
}

// The login of one call is the text of the next; the stored password, which no engine gets, is not kept.
func TestAPasswordIsNotKeptForTheNextCall(t *testing.T) {
	lim, seen := javaser.DefaultLimits(), 0
	for _, r := range allRecorded(t, "req") {
		var call liferay.Call
		read := func() (login, password string) {
			if err := call.Read(source.New(bytes.NewReader(r.data), nil, lim.Held), lim, func(p liferay.Part) error {
				_, err := io.Copy(io.Discard, p.Content)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			defer call.Release()
			return call.Principal.Login, call.Password()
		}
		login, password := read()
		if len(password) < 2 { // a text of one byte is the same for all who make it
			continue
		}
		for range 100 { // until the decoder that was released is the one that is taken
			again, same := read()
			if again != login || same != password {
				t.Fatalf("%s: another login or password", r.name)
			}
			if unsafe.StringData(same) == unsafe.StringData(password) {
				t.Fatalf("%s: the password was kept", r.name)
			}
			if unsafe.StringData(again) == unsafe.StringData(login) {
				seen++
				break
			}
		}
		if seen > 20 {
			break
		}
	}
	if seen == 0 {
		t.Error("no login was kept either: this shows nothing")
	}
}
