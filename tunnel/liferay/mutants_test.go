package liferay_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// TestMutantsOfRequests bends recorded requests: whatever is accepted is written back byte for byte, whatever is refused has a
// reason, and none of it takes the password along.
func TestMutantsOfRequests(t *testing.T) {
	var recorded []sample
	recordings(t, "req", func(_, _, name string, data []byte) { recorded = append(recorded, sample{name, data}) })
	r := rand.New(rand.NewPCG(*mutantSeed, 3))
	accepted, total := 0, *mutants
	if testing.Short() {
		total /= 20
	}
	lim, buf := javaser.DefaultLimits(), []byte(nil)
	for range total {
		s := recorded[r.IntN(len(recorded))]
		data := mutate(r, s.data, recorded)
		var content []byte
		in := source.New(bytes.NewReader(data), buf, lim.Held)
		call, err := liferay.Read(in, lim, func(p liferay.Part) (err error) {
			content, err = io.ReadAll(p.Content)
			return err
		})
		buf = in.Buffer()
		if err != nil {
			if reason := reasonOf(err); len(reason) < 8 || reason[:5] == "other" && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: refused without a reason: %v\n%x", s.name, err, data)
			}
			continue
		}
		accepted++
		again, err := call.Append(nil)
		if content != nil {
			head, tail, splitErr := call.Split()
			again, err = joined(head, content, tail), splitErr
		}
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s: accepted, but written back differently: %v\n got %x\nwant %x", s.name, err, again, data)
		}
	}
	t.Logf("%d mutants of requests, %d accepted, 0 written back differently", total, accepted)
	if accepted < total/100 {
		t.Errorf("%d of %d accepted: the test sees too little", accepted, total)
	}
}

// TestMutantsOfReplies does the same with replies.
func TestMutantsOfReplies(t *testing.T) {
	var recorded []sample
	types := map[string]string{}
	recordings(t, "rep", func(build, method, name string, data []byte) {
		if len(data) > 0 && build != liferay.Line62 {
			recorded, types[name] = append(recorded, sample{name, data}), returns[method]
		}
	})
	r := rand.New(rand.NewPCG(*mutantSeed, 4))
	accepted, total := 0, *mutants/2
	if testing.Short() {
		total /= 20
	}
	for range total {
		s := recorded[r.IntN(len(recorded))]
		data := mutate(r, s.data, recorded)
		reply, err := reply(bytes.NewReader(data), types[s.name], false)
		if err != nil {
			liferay.Glimpse(data, javaser.DefaultLimits(), nil)
			continue
		}
		accepted++
		if again, err := reply.Append(nil); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s: accepted, but written back differently: %v\n got %x\nwant %x", s.name, err, again, data)
		}
	}
	t.Logf("%d mutants of replies, %d accepted, 0 written back differently", total, accepted)
	if accepted < total/100 {
		t.Errorf("%d of %d accepted: the test sees too little", accepted, total)
	}
}
