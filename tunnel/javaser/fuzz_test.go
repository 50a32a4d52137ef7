package javaser_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/stagelock/stagelock/integration/blind"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

func decodeSeeds(f blind.Seeds) {
	for _, tt := range rules {
		f.Add(tt.data)
	}
	f.Add(box([]byte("abc")))
	f.Add(dag(3))
}

// decodes holds that what the grammar accepts is written back byte for byte, with any chunks. Around each reading, around is called.
func decodes(around func(t testing.TB, size int, read func())) func(testing.TB, []byte) {
	g := newGrammar()
	lim := javaser.DefaultLimits()
	lim.Handles, lim.Array, lim.Weight, lim.Held = 1_000, 1_000, 5_000, 64<<10
	return func(t testing.TB, data []byte) {
		var content []byte
		d := javaser.NewDecoder(source.New(bytes.NewReader(data), nil, lim.Held), lim)
		d.Bulk = func(_ []byte, _ int64, c *source.Content) (err error) {
			content, err = io.ReadAll(c)
			return err
		}
		var v graph.Value
		var err error
		around(t, len(data), func() { v, err = d.Decode(g.root) })
		if err != nil {
			if ruleOf(err) == "" {
				t.Errorf("an error without a rule: %v", err)
			}
			return
		}
		var again []byte
		if content == nil {
			again, err = graph.Append(nil, v)
		} else {
			head, tail, splitErr := graph.Split(v)
			again, err = cat(head, content, tail), splitErr
		}
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("accepted, but written back differently: %v\n got %x\nwant %x", err, again, data)
		}
	}
}

// FuzzDecode: what is accepted is written back, and nothing costs more than its limits.
func FuzzDecode(f *testing.F) {
	decodeSeeds(f)
	decode := decodes(func(t testing.TB, size int, read func()) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		read()
		runtime.ReadMemStats(&after)
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 2<<20+8*uint64(size) {
			t.Errorf("%d bytes allocated for %d", cost, size)
		}
	})
	f.Fuzz(func(t *testing.T, data []byte) { decode(t, data) })
}

// TestBlind does not measure what an input costs: the measurement stops all goroutines, and counts what they all allocate.
func TestBlind(t *testing.T) {
	decode := decodes(func(_ testing.TB, _ int, read func()) { read() })
	blind.Run(t, "FuzzDecode", decodeSeeds, func(t testing.TB, in *blind.Input) { decode(t, in.Bytes(0)) })
}

// FuzzAny: looking into any stream at all ends, within the limits.
func FuzzAny(f *testing.F) {
	for _, tt := range rules {
		f.Add(tt.data)
	}
	f.Add(stream(array(spec{name: "[C", uid: 1, flags: 2}.bytes(), u32(2), u32(0))))
	lim := javaser.DefaultLimits()
	lim.Handles, lim.Array, lim.Weight, lim.Held = 1_000, 1_000, 5_000, 64<<10
	f.Fuzz(func(t *testing.T, data []byte) {
		in := source.New(bytes.NewReader(data), nil, lim.Held)
		d := javaser.NewDecoder(in, lim)
		if _, err := d.Decode(graph.Any()); err == nil && in.Offset() != int64(len(data)) {
			t.Errorf("%d of %d bytes were read", in.Offset(), len(data))
		}
		if len(d.Open()) > lim.Depth {
			t.Errorf("%d levels open", len(d.Open()))
		}
	})
}
