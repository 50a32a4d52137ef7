package liferay_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

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

// One small call behind another costs what it says: texts and arguments, no graph.
func TestASmallCallReadAgainAllocatesLittle(t *testing.T) {
	i := slices.IndexFunc(allRecorded(t, "req"), func(r recording) bool { return r.name == "7.4.3.112/003-createStagingRequest" })
	if i < 0 {
		t.Fatal("the recording is not there")
	}
	data := allRecorded(t, "req")[i].data
	lim, buf := javaser.DefaultLimits(), make([]byte, 0, 16<<10)
	body := bytes.NewReader(data)
	var err error
	n := testing.AllocsPerRun(200, func() {
		body.Reset(data)
		call, fault := liferay.Read(source.New(body, buf, lim.Held), lim, nil)
		if fault != nil {
			err = errors.Join(err, fault)
			return
		}
		call.Release()
	})
	if err != nil || n > 16 {
		t.Errorf("%v allocations, %v", n, err)
	}
}
