package javaser_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// dense are the legal streams that make the most of their bytes.
func dense() map[string][]byte {
	const n = 60_000
	key := spec{name: "t.Long", uid: 3, flags: 2, fields: [][]byte{prim('J', "value")}}
	var lists, texts, numbers [][]byte
	for i := range n {
		class := ref(2) // behind the array's class and the array, or the map's
		lists = append(lists, list(class, 0))
		if i < n/2 {
			texts = append(texts, str(fmt.Sprint(i)), null)
			numbers = append(numbers, object(class, u64(int64(i))), null)
		}
	}
	lists[0], numbers[0] = list(listSpec.bytes(), 0), object(key.bytes(), u64(0))
	return map[string][]byte{
		"nulls":          stream(array(objectsSpec.bytes(), u32(n), bytes.Repeat(null, n))),
		"empty texts":    stream(array(objectsSpec.bytes(), u32(n), bytes.Repeat(str(""), n))),
		"one long text":  stream(longStr(4_000_000, many('x', 4_000_000))),
		"references":     stream(array(objectsSpec.bytes(), u32(n), str("x"), bytes.Repeat(ref(2), n-1))),
		"lists":          stream(array(objectsSpec.bytes(), u32(n), cat(lists...))),
		"a map of texts": stream(hashMap(n/2, texts...)),
		"a map of Longs": stream(hashMap(n/2, numbers...)),
		"longs":          stream(array(longsSpec.bytes(), u32(n), make([]byte, 8*n))),
	}
}

// TestWhatIsChargedIsWhatIsKept holds what room is asked for against what the heap has when everything else is
// gone: never less, and not so much more that legal calls could not be carried out beside each other.
func TestWhatIsChargedIsWhatIsKept(t *testing.T) {
	for name, data := range dense() {
		t.Run(name, func(t *testing.T) {
			asked := int64(0)
			before := heap()
			in := source.New(bytes.NewReader(data), nil, 8<<20)
			if err := in.Charge(func(n int64) error { asked += n; return nil }); err != nil {
				t.Fatal(err)
			}
			lim := javaser.DefaultLimits()
			lim.Held = 8 << 20
			d := javaser.NewDecoder(in, lim)
			v, err := d.Decode(newGrammar().root)
			if err != nil {
				t.Fatal(err)
			}
			kept := heap() - before
			runtime.KeepAlive(v)
			runtime.KeepAlive(d)
			runtime.KeepAlive(in)
			t.Logf("%d bytes: %d kept, %d asked for", len(data), kept, asked)
			if asked < kept {
				t.Errorf("%d bytes are kept and %d were asked for", kept, asked)
			}
			if asked > 3*kept {
				t.Errorf("%d bytes were asked for and %d are kept", asked, kept)
			}
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what a pool had
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

var errFull = errors.New("no room")

// TestNoRoom: wherever room ends, the reading ends with what room said, never as a fault of the stream.
func TestNoRoom(t *testing.T) {
	for name, data := range dense() {
		t.Run(name, func(t *testing.T) {
			asks := 0
			for allowed := 0; ; allowed += 1 + allowed/4 {
				asks = 0
				in := source.New(bytes.NewReader(data), nil, 8<<20)
				err := in.Charge(func(int64) error {
					if asks++; asks > allowed {
						return errFull
					}
					return nil
				})
				lim := javaser.DefaultLimits()
				lim.Held = 8 << 20
				if err == nil {
					_, err = javaser.NewDecoder(in, lim).Decode(newGrammar().root)
				}
				if err == nil {
					break
				}
				var full *source.NoRoom
				var stream *javaser.Error
				if !errors.Is(err, errFull) || !errors.As(err, &full) || errors.As(err, &stream) {
					t.Fatalf("with room for %d: %v", allowed, err)
				}
				if asks != allowed+1 {
					t.Fatalf("asked %d times after a refusal", asks-allowed-1)
				}
			}
			if asks < 3 {
				t.Errorf("asked %d times in all", asks)
			}
		})
	}
}

// TestNobodyCounts: an Input without Charge reads as before, and a small stream asks once.
func TestNobodyCounts(t *testing.T) {
	data := stream(str("text"))
	in := source.New(bytes.NewReader(data), nil, 1<<20)
	if _, err := javaser.NewDecoder(in, javaser.DefaultLimits()).Decode(newGrammar().root); err != nil {
		t.Error(err)
	}
	asked := []int64{}
	in = source.New(bytes.NewReader(data), make([]byte, 0, 4<<10), 1<<20)
	if err := in.Charge(func(n int64) error { asked = append(asked, n); return nil }); err != nil {
		t.Fatal(err)
	}
	v, err := javaser.NewDecoder(in, javaser.DefaultLimits()).Decode(newGrammar().root)
	if text, ok := graph.Text(v); err != nil || !ok || text != "text" || len(asked) != 1 || asked[0] != 32<<10 {
		t.Errorf("%q, %v, asked for %v", text, err, asked)
	}
}
