package javaser

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/room"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// maxCommon is the longest text that is looked up among the common ones.
const maxCommon = 96

// utf reads text with its length in two bytes.
func (d *Decoder) utf() (string, error) {
	n, err := d.u16()
	if err != nil {
		return "", err
	}
	return d.decoded(int(n))
}

// raw reads the bytes of text with its length in two bytes. They are valid until the next read.
func (d *Decoder) raw() ([]byte, error) {
	n, err := d.u16()
	if err != nil {
		return nil, err
	}
	b, err := d.in.Take(int(n))
	if err != nil {
		return nil, d.broken(err)
	}
	return b, nil
}

func (d *Decoder) decoded(n int) (string, error) {
	b, err := d.in.Take(n)
	if err != nil {
		return "", d.broken(err)
	}
	return d.shared(b)
}

// shared returns b as text, the common one if it is among them.
func (d *Decoder) shared(b []byte) (string, error) {
	if len(b) <= maxCommon {
		if s, ok := d.Common[string(b)]; ok {
			return s, nil
		}
	}
	if err := d.in.Spend(int64(len(b))); err != nil {
		return "", err
	}
	place := -1
	if !d.secret {
		again, at, ok := d.recent.Find(b)
		if ok {
			return again, nil
		}
		place = at
	}
	s, err := graph.DecodeText(b)
	if err != nil {
		return "", d.fail(RuleText, err.Error())
	}
	if s == string(b) { // as it stands in the stream
		d.recent.Keep(place, s)
	}
	return s, nil
}

// assign gives the next handle to v.
func (d *Decoder) assign(v any) error {
	if len(d.handles) >= d.lim.Handles {
		return d.fail(RuleLimit, "too many objects")
	}
	d.handles = room.Push(d.handles, v)
	return nil
}

// handle reads a reference and returns its index in handles.
func (d *Decoder) handle() (int, error) {
	n, err := d.u32()
	if err != nil {
		return 0, err
	}
	i := int64(n) - graph.BaseHandle
	if i < 0 || i >= int64(len(d.handles)) {
		return 0, d.failf(RuleHandle, "handle %#x is not assigned", n)
	}
	return int(i), nil
}

func (d *Decoder) u8() (byte, error) {
	b, err := d.in.Take(1)
	if err != nil {
		return 0, d.broken(err)
	}
	return b[0], nil
}

func (d *Decoder) u16() (uint16, error) {
	b, err := d.in.Take(2)
	if err != nil {
		return 0, d.broken(err)
	}
	return binary.BigEndian.Uint16(b), nil
}

func (d *Decoder) u32() (uint32, error) {
	b, err := d.in.Take(4)
	if err != nil {
		return 0, d.broken(err)
	}
	return binary.BigEndian.Uint32(b), nil
}

func (d *Decoder) u64() (uint64, error) {
	b, err := d.in.Take(8)
	if err != nil {
		return 0, d.broken(err)
	}
	return binary.BigEndian.Uint64(b), nil
}

// broken turns the reader's error into one that names the place.
func (d *Decoder) broken(err error) error {
	var full *source.NoRoom
	if errors.As(err, &full) {
		return full
	}
	if errors.Is(err, source.ErrHeld) {
		return d.fail(RuleLimit, "more bytes than a call may hold besides its content")
	}
	if errors.Is(err, io.EOF) {
		err = errEnded
	}
	e := d.failure(RuleTruncated, "the stream ended too early")
	e.Err = err
	return e
}
