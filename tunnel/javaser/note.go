package javaser

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/room"
)

// maxTable is the largest hash table a map of the allowed size has: a larger one is an attack on
// the reader's memory.
const maxTable = 1 << 18

// note reads what the writeObject method of a class added, up to the end mark.
func (d *Decoder) note(o *graph.Object, class *graph.Class, shape *graph.Shape) error {
	var err error
	switch shape.Data {
	case graph.NoData:
		return nil
	case graph.MapData:
		err = d.mapData(o, shape)
	case graph.TreeData:
		err = d.treeData(o, shape)
	case graph.ListData:
		err = d.listData(o, shape)
	case graph.TimeData:
		err = d.timeData(o)
	case graph.AnyData:
		return d.anyNote(o, class, shape)
	}
	if err != nil {
		return err
	}
	return d.endNote()
}

func (d *Decoder) endNote() error {
	tag, err := d.u8()
	if err != nil {
		return err
	}
	if tag != graph.TagEndBlock {
		return d.failf(RuleTag, "type code %#02x behind the data of an object", tag)
	}
	return nil
}

// empty returns an empty slice for n values.
func (d *Decoder) empty(n int) []graph.Value { return d.places.Many(n)[:0] }

// block reads one short block of exactly n bytes.
func (d *Decoder) block(n int) (graph.Block, error) {
	head, err := d.in.Take(2)
	if err != nil {
		return nil, d.broken(err)
	}
	if head[0] != graph.TagBlockData || int(head[1]) != n {
		return nil, d.failf(RuleLength, "not one block of %d bytes", n)
	}
	return d.blockBytes(n)
}

func (d *Decoder) blockBytes(n int) (graph.Block, error) {
	b, err := d.in.Take(n)
	if err != nil {
		return nil, d.broken(err)
	}
	if err := d.in.Spend(int64(n)); err != nil {
		return nil, err
	}
	return d.pieces.Copy(b), nil
}

func (d *Decoder) timeData(o *graph.Object) error {
	block, err := d.block(8)
	o.Note = append(d.empty(1), block)
	return err
}

// external reads the one block of an externalizable class. Java's writer begins a second one only
// behind 1,024 bytes.
func (d *Decoder) external(o *graph.Object) error {
	tag, err := d.u8()
	if err != nil {
		return err
	}
	var n uint32
	switch tag {
	case graph.TagBlockData:
		short, err := d.u8()
		if err != nil {
			return err
		}
		n = uint32(short)
	case graph.TagBlockLong:
		if n, err = d.u32(); err != nil {
			return err
		}
	}
	if n == 0 || n > graph.MaxBlock || (n <= graph.MaxShortBlock) != (tag == graph.TagBlockData) {
		return d.failf(RuleLength, "a block of %d bytes with type code %#02x", n, tag)
	}
	block, err := d.blockBytes(int(n))
	if err != nil {
		return err
	}
	o.Note = append(d.empty(1), block)
	return d.endNote()
}

func (d *Decoder) mapData(o *graph.Object, shape *graph.Shape) error {
	factor := math.Float32frombits(uint32(o.Bits("loadFactor")))
	if !(factor >= 0.5 && factor <= 1) {
		return d.failf(RuleMap, "a load factor of %v", factor)
	}
	if t := int64(o.Bits("threshold")); t < 0 || t > maxTable {
		return d.failf(RuleMap, "a threshold of %d", t)
	}
	block, err := d.block(8)
	if err != nil {
		return err
	}
	buckets := binary.BigEndian.Uint32(block)
	if buckets == 0 || buckets > maxTable || buckets&(buckets-1) != 0 {
		return d.failf(RuleMap, "a table of %d buckets", buckets)
	}
	return d.entries(o, shape, block, binary.BigEndian.Uint32(block[4:]))
}

func (d *Decoder) treeData(o *graph.Object, shape *graph.Shape) error {
	block, err := d.block(4)
	if err != nil {
		return err
	}
	return d.entries(o, shape, block, binary.BigEndian.Uint32(block))
}

// entries reads the n entries of a map behind the block that says how many there are.
func (d *Decoder) entries(o *graph.Object, shape *graph.Shape, block graph.Block, n uint32) error {
	if int64(n) > int64(d.lim.Array) {
		return d.failf(RuleLimit, "a map of %d entries", n)
	}
	o.Note = append(d.empty(1+2*int(min(n, maxGuess))), block)
	keys := keySet{size: int(min(n, maxGuess))}
	for range n {
		if err := d.entry(o, shape, &keys); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) entry(o *graph.Object, shape *graph.Shape, keys *keySet) error {
	top := len(d.stack) - 1
	d.stack[top].at = -1 - len(o.Note)
	key, err := d.value(shape.Key)
	if err != nil {
		return err
	}
	if err := d.in.Spend(keyCost); err != nil {
		return err
	}
	if msg := keys.add(key); msg != "" {
		return d.fail(RuleMap, msg)
	}
	o.Note = room.Push(o.Note, key)
	d.stack[top].at = -1 - len(o.Note)
	v, err := d.value(shape.Elem)
	if err != nil {
		return err
	}
	o.Note = room.Push(o.Note, v)
	return nil
}

// keyCost is the memory of a key among those of its map.
const keyCost = 64

// keySet holds the keys of one map: all strings or all Longs, each once. Mixed keys of one hash
// cost the engine minutes.
type keySet struct {
	size  int // to begin with
	texts map[string]struct{}
	longs map[uint64]struct{}
}

func (k *keySet) add(v graph.Value) (msg string) {
	switch v := v.(type) {
	case *graph.String:
		if k.texts == nil {
			k.texts = make(map[string]struct{}, k.size)
		}
		if _, twice := k.texts[v.Text]; twice {
			return fmt.Sprintf("key %q stands twice", clip(v.Text))
		}
		k.texts[v.Text] = struct{}{}
	case *graph.Object:
		bits := v.Bits("value")
		if k.longs == nil {
			k.longs = make(map[uint64]struct{}, k.size)
		}
		if _, twice := k.longs[bits]; twice {
			return fmt.Sprintf("key %d stands twice", int64(bits))
		}
		k.longs[bits] = struct{}{}
	default:
		return "a key that is neither text nor a number"
	}
	if k.texts != nil && k.longs != nil {
		return "keys of different types"
	}
	return ""
}

func (d *Decoder) listData(o *graph.Object, shape *graph.Shape) error {
	size := uint32(o.Bits("size"))
	block, err := d.block(4)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(block) != size {
		return d.fail(RuleMap, "a list with two sizes")
	}
	if int64(size) > int64(d.lim.Array) {
		return d.failf(RuleLimit, "a list of %d elements", size)
	}
	o.Note = append(d.empty(1+int(min(size, maxGuess))), block)
	top := len(d.stack) - 1
	for range size {
		d.stack[top].at = -1 - len(o.Note)
		v, err := d.value(shape.Elem)
		if err != nil {
			return err
		}
		o.Note = room.Push(o.Note, v)
	}
	return nil
}

// anyNote reads whatever a class added, up to the end mark.
func (d *Decoder) anyNote(o *graph.Object, class *graph.Class, shape *graph.Shape) error {
	if class.Flags&(graph.FlagWriteMethod|graph.FlagExternal) == 0 {
		return nil
	}
	for {
		if err := d.in.Need(1); err != nil {
			return d.broken(err)
		}
		switch d.in.Next() {
		case graph.TagEndBlock:
			d.in.Skip()
			return nil
		case graph.TagBlockData, graph.TagBlockLong:
			if err := d.anyBlock(o); err != nil {
				return err
			}
			continue
		}
		v, err := d.value(shape.Elem)
		if err != nil {
			return err
		}
		o.Note = room.Push(o.Note, v)
	}
}

func (d *Decoder) anyBlock(o *graph.Object) error {
	tag, err := d.u8()
	if err != nil {
		return err
	}
	n := uint32(0)
	if tag == graph.TagBlockLong {
		n, err = d.u32()
	} else {
		var short byte
		short, err = d.u8()
		n = uint32(short)
	}
	if err != nil {
		return err
	}
	if int64(n) > d.lim.Held {
		return d.failf(RuleLimit, "a block of %d bytes", n)
	}
	block, err := d.blockBytes(int(n))
	o.Note = append(o.Note, block)
	return err
}
