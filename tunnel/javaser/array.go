package javaser

import (
	"encoding/binary"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/room"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// maxGuess bounds what is allocated for elements that are only announced.
const maxGuess = 16

func (d *Decoder) array(slot *graph.Slot) (graph.Value, error) {
	class, shape, err := d.classDesc(slot)
	if err != nil {
		return nil, err
	}
	if !class.IsArray() {
		return nil, d.failf(RuleClass, "%s where an array begins", class.Name)
	}
	n, err := d.u32()
	if err != nil {
		return nil, err
	}
	a := d.arrays.One()
	a.Class, a.Mark = class, graph.Mark{Shape: shape, Weight: graph.Unfinished}
	if err := d.assign(a); err != nil {
		return nil, err
	}
	before := d.weight
	d.stack = append(d.stack, frame{a, -1})
	if err := d.elements(a, int64(n), slot); err != nil {
		return nil, err
	}
	d.stack = d.stack[:len(d.stack)-1]
	a.Weight = d.weight - before
	return a, nil
}

// elements reads the n elements of a. Nothing is allocated for more than has arrived.
func (d *Decoder) elements(a *graph.Array, n int64, slot *graph.Slot) error {
	if a.Class.Name == "[B" && slot.Bulk && n > 0 {
		return d.bulk(a, n)
	}
	if n > int64(d.lim.Array) {
		return d.failf(RuleLimit, "an array of %d elements", n)
	}
	switch a.Class.Name {
	case "[B":
		return d.bytes(a, int(n))
	case "[I":
		return d.ints(a, int(n))
	case "[J":
		return d.longs(a, int(n))
	}
	if name := a.Class.Name; len(name) == 2 && graph.Width[name[1]] > 0 {
		return d.bytes(a, graph.Width[name[1]]*int(n)) // only Any admits these: what they hold does not matter
	}
	return d.refs(a, int(n))
}

func (d *Decoder) bulk(a *graph.Array, n int64) error {
	if d.Bulk == nil || d.bulked || n > d.lim.Bulk {
		return d.failf(RuleLimit, "a byte array of %d bytes", n)
	}
	d.bulked = true
	a.Bulk = n
	return d.in.Bulk(n, func(c *source.Content) error { return d.Bulk(d.in.Held(), n, c) })
}

func (d *Decoder) bytes(a *graph.Array, n int) error {
	b, err := d.in.Take(n)
	if err != nil {
		return d.broken(err)
	}
	if err := d.in.Spend(int64(n)); err != nil {
		return err
	}
	a.Bytes = append([]byte{}, b...)
	return nil
}

func (d *Decoder) ints(a *graph.Array, n int) error {
	b, err := d.in.Take(4 * n)
	if err != nil {
		return d.broken(err)
	}
	if err := d.in.Spend(4 * int64(n)); err != nil {
		return err
	}
	a.Ints = make([]int32, n)
	for i := range a.Ints {
		a.Ints[i] = int32(binary.BigEndian.Uint32(b[4*i:]))
	}
	return nil
}

func (d *Decoder) longs(a *graph.Array, n int) error {
	b, err := d.in.Take(8 * n)
	if err != nil {
		return d.broken(err)
	}
	if err := d.in.Spend(8 * int64(n)); err != nil {
		return err
	}
	a.Longs = make([]int64, n)
	for i := range a.Longs {
		a.Longs[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
	return nil
}

func (d *Decoder) refs(a *graph.Array, n int) error {
	top := len(d.stack) - 1
	a.Refs = d.empty(min(n, maxGuess))
	for i := range n {
		d.stack[top].at = i
		v, err := d.value(a.Shape.Elem)
		if err != nil {
			return err
		}
		a.Refs = room.Push(a.Refs, v)
	}
	return nil
}
