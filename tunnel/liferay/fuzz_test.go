package liferay_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stagelock/stagelock/integration/blind"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// small are limits that a fuzzer can reach.
func small() javaser.Limits {
	lim := javaser.DefaultLimits()
	lim.Held, lim.Bulk, lim.Handles, lim.Array, lim.Weight = 256<<10, 64<<10, 5_000, 1_000, 10_000
	return lim
}

func readSeeds(f blind.Seeds) {
	recordings(f, "req", func(_, _, _ string, data []byte) { f.Add(data) })
}

// reads: a request that is accepted is written back byte for byte, and blanked it is the same call, shorter by what was said.
func reads(t testing.TB, data []byte) {
	lim := small()
	in := source.New(bytes.NewReader(data), nil, lim.Held)
	var content, head []byte
	part := false
	call, err := liferay.Read(in, lim, func(p liferay.Part) (err error) {
		part, head = true, bytes.Clone(p.Held)
		content, err = io.ReadAll(p.Content)
		return err
	})
	if err != nil {
		return
	}
	var again []byte
	if part {
		first, last, splitErr := call.Split()
		again, err = joined(first, content, last), splitErr
	} else {
		head = bytes.Clone(in.Held())
		again, err = call.Append(nil)
	}
	if err != nil || !bytes.Equal(again, data) {
		t.Fatalf("accepted, but written back differently: %v\n got %x\nwant %x", err, again, data)
	}
	blanked := append(call.Blank(head), data[len(head):]...)
	if int64(len(data)-len(blanked)) != call.BlankedSize() {
		t.Fatalf("%d bytes shorter, said %d", len(data)-len(blanked), call.BlankedSize())
	}
	same, _, err := read(blanked)
	if err != nil || same.Method.Signature() != call.Method.Signature() || same.BlankedSize() != 0 {
		t.Fatalf("blanked it is another call: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	readSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { reads(t, data) })
}

// asked are types of answers.
var asked = []string{
	"void", "long", "boolean", "java.lang.String", "com.liferay.portal.kernel.model.Group",
	"com.liferay.portal.kernel.model.Layout", "com.liferay.exportimport.kernel.lar.MissingReferences",
}

func replySeeds(f blind.Seeds) {
	recordings(f, "rep", func(_, _, _ string, data []byte) {
		for i := range asked {
			f.Add(byte(i), data)
		}
	})
}

// readsReply: a reply that is accepted is written back byte for byte, whatever was asked; a refused one can be looked into.
func readsReply(t testing.TB, typ byte, data []byte) {
	lim := small()
	in := source.New(bytes.NewReader(data), nil, lim.Held)
	r, err := liferay.ReadReply(in, lim, asked[int(typ)%len(asked)], false)
	if err != nil {
		return
	}
	if again, err := r.Append(nil); err != nil || !bytes.Equal(again, data) {
		t.Errorf("accepted, but written back differently: %v\n got %x\nwant %x", err, again, data)
	}
	r.MissingReferences()
	if thrown, ok := liferay.Glimpse(data, lim, nil); ok != (r.Thrown != nil) || ok && thrown.Error() != r.Thrown.Error() {
		t.Errorf("a glimpse shows %v, the reply is %v", thrown, r.Thrown)
	}
}

func FuzzReply(f *testing.F) {
	replySeeds(f)
	f.Fuzz(func(t *testing.T, typ byte, data []byte) { readsReply(t, typ, data) })
}

func TestBlind(t *testing.T) {
	blind.Run(t, "FuzzRead", readSeeds, func(t testing.TB, in *blind.Input) { reads(t, in.Bytes(0)) })
	blind.Run(t, "FuzzReply", replySeeds, func(t testing.TB, in *blind.Input) { readsReply(t, in.Byte(0), in.Bytes(1)) })
	blind.Run(t, "FuzzMethodKey", keySeeds, func(t testing.TB, in *blind.Input) { readsKey(t, in.Bytes(0)) })
}

// FuzzGlimpse: no body makes a look into it fail.
func FuzzGlimpse(f *testing.F) {
	recordings(f, "rep", func(_, _, _ string, data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		if thrown, ok := liferay.Glimpse(data, small(), nil); ok && thrown.Class == "" {
			t.Error("an exception without a class")
		}
	})
}
