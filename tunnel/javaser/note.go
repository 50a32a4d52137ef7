package javaser

import (
	"encoding/binary"
	"fmt"
	"math"
)

// maxTable is the largest hash table a map of the allowed size has: a larger one is an attack on
// the reader's memory.
const maxTable = 1 << 18

// note reads what the writeObject method of a class added, up to the end mark.
func (d *Decoder) note(o *Object, class *Class, shape *Shape) error {
	var err error
	switch shape.Data {
	case NoData:
		return nil
	case MapData:
		err = d.mapData(o, shape)
	case TreeData:
		err = d.treeData(o, shape)
	case ListData:
		err = d.listData(o, shape)
	case TimeData:
		err = d.timeData(o)
	case anyData:
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
	if tag != tcEndBlock {
		return d.failf(RuleTag, "type code %#02x behind the data of an object", tag)
	}
	return nil
}

// room returns an empty slice for n values.
func (d *Decoder) room(n int) []Value { return d.places.many(n)[:0] }

// block reads one short block of exactly n bytes.
func (d *Decoder) block(n int) (Block, error) {
	head, err := d.in.take(2)
	if err != nil {
		return nil, d.broken(err)
	}
	if head[0] != tcBlockData || int(head[1]) != n {
		return nil, d.failf(RuleLength, "not one block of %d bytes", n)
	}
	return d.blockBytes(n)
}

func (d *Decoder) blockBytes(n int) (Block, error) {
	b, err := d.in.take(n)
	if err != nil {
		return nil, d.broken(err)
	}
	return append(Block{}, b...), nil
}

func (d *Decoder) timeData(o *Object) error {
	block, err := d.block(8)
	o.Note = append(d.room(1), block)
	return err
}

// external reads the one block of an externalizable class. Java's writer begins a second one only
// behind 1,024 bytes.
func (d *Decoder) external(o *Object) error {
	tag, err := d.u8()
	if err != nil {
		return err
	}
	var n uint32
	switch tag {
	case tcBlockData:
		short, err := d.u8()
		if err != nil {
			return err
		}
		n = uint32(short)
	case tcBlockLong:
		if n, err = d.u32(); err != nil {
			return err
		}
	}
	if n == 0 || n > maxBlock || (n <= maxShortBlock) != (tag == tcBlockData) {
		return d.failf(RuleLength, "a block of %d bytes with type code %#02x", n, tag)
	}
	block, err := d.blockBytes(int(n))
	if err != nil {
		return err
	}
	o.Note = append(d.room(1), block)
	return d.endNote()
}

func (d *Decoder) mapData(o *Object, shape *Shape) error {
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

func (d *Decoder) treeData(o *Object, shape *Shape) error {
	block, err := d.block(4)
	if err != nil {
		return err
	}
	return d.entries(o, shape, block, binary.BigEndian.Uint32(block))
}

// entries reads the n entries of a map behind the block that says how many there are.
func (d *Decoder) entries(o *Object, shape *Shape, block Block, n uint32) error {
	if int64(n) > int64(d.lim.Array) {
		return d.failf(RuleLimit, "a map of %d entries", n)
	}
	o.Note = append(d.room(1+2*int(min(n, maxGuess))), block)
	keys := keySet{size: int(min(n, maxGuess))}
	for range n {
		if err := d.entry(o, shape, &keys); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) entry(o *Object, shape *Shape, keys *keySet) error {
	top := len(d.stack) - 1
	d.stack[top].at = -1 - len(o.Note)
	key, err := d.value(shape.Key)
	if err != nil {
		return err
	}
	if msg := keys.add(key); msg != "" {
		return d.fail(RuleMap, msg)
	}
	o.Note = push(o.Note, key)
	d.stack[top].at = -1 - len(o.Note)
	v, err := d.value(shape.Elem)
	if err != nil {
		return err
	}
	o.Note = push(o.Note, v)
	return nil
}

// keySet holds the keys of one map: all strings or all Longs, each once. Mixed keys of one hash
// cost the engine minutes.
type keySet struct {
	size  int // to begin with
	texts map[string]struct{}
	longs map[uint64]struct{}
}

func (k *keySet) add(v Value) (msg string) {
	switch v := v.(type) {
	case *String:
		if k.texts == nil {
			k.texts = make(map[string]struct{}, k.size)
		}
		if _, twice := k.texts[v.Text]; twice {
			return fmt.Sprintf("key %q stands twice", clip(v.Text))
		}
		k.texts[v.Text] = struct{}{}
	case *Object:
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

func (d *Decoder) listData(o *Object, shape *Shape) error {
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
	o.Note = append(d.room(1+int(min(size, maxGuess))), block)
	top := len(d.stack) - 1
	for range size {
		d.stack[top].at = -1 - len(o.Note)
		v, err := d.value(shape.Elem)
		if err != nil {
			return err
		}
		o.Note = push(o.Note, v)
	}
	return nil
}

// anyNote reads whatever a class added, up to the end mark.
func (d *Decoder) anyNote(o *Object, class *Class, shape *Shape) error {
	if class.Flags&(FlagWriteMethod|FlagExternal) == 0 {
		return nil
	}
	for {
		if err := d.in.need(1); err != nil {
			return d.broken(err)
		}
		switch d.in.buf[d.in.pos] {
		case tcEndBlock:
			d.in.pos++
			return nil
		case tcBlockData, tcBlockLong:
			if err := d.anyBlock(o); err != nil {
				return err
			}
			continue
		}
		v, err := d.value(shape.Elem)
		if err != nil {
			return err
		}
		o.Note = push(o.Note, v)
	}
}

func (d *Decoder) anyBlock(o *Object) error {
	tag, err := d.u8()
	if err != nil {
		return err
	}
	n := uint32(0)
	if tag == tcBlockLong {
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
