package sync

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The canonical form is that of RFC 8785: sorted keys, no blanks, no escapes but those that must be.
// Numbers are whole and below 2^53.

// Append appends the canonical form of c to b.
func (c *Change) Append(b []byte) []byte { return c.append(b, true) }

// unsigned is what the signature covers.
func (c *Change) unsigned() []byte { return c.append(nil, false) }

func (c *Change) append(b []byte, signed bool) []byte {
	b = appendString(append(b, `{"author":`...), c.Author)
	b = appendString(append(b, `,"id":`...), c.ID.String())
	b = appendString(append(b, `,"key":`...), base64.StdEncoding.EncodeToString(c.Key))
	b = append(b, `,"needs":[`...)
	for i, o := range c.Needs {
		b = appendString(comma(b, i), string(o))
	}
	b = appendString(append(b, `],"object":`...), string(c.Object))
	b = appendString(append(b, `,"op":`...), string(c.Op))
	b = appendString(append(b, `,"payload":`...), c.Payload.String())
	b = append(b, `,"resolves":[`...)
	for i, id := range c.Resolves {
		b = appendString(comma(b, i), id.String())
	}
	b = append(b, ']')
	if signed {
		b = appendString(append(b, `,"signature":`...), base64.StdEncoding.EncodeToString(c.Signature))
	}
	b = strconv.AppendInt(append(b, `,"size":`...), c.Size, 10)
	b = strconv.AppendInt(append(b, `,"stamp":[`...), c.Stamp.Milli, 10)
	b = strconv.AppendUint(append(b, ','), uint64(c.Stamp.Logic), 10)
	b = appendString(append(b, `],"title":`...), c.Title)
	b = append(b, `,"vector":{`...)
	for i, s := range c.Vector.servers() {
		b = append(appendString(comma(b, i), string(s)), ':')
		b = strconv.AppendUint(b, c.Vector[s], 10)
	}
	return append(b, `}}`...)
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

const hexDigits = "0123456789abcdef"

// shortEscapes has the letter of each character with one of its own.
var shortEscapes = [256]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// appendString appends s as RFC 8785 writes a string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	written := 0 // of s
	for i := range len(s) {
		c := s[i]
		short := shortEscapes[c]
		if short == 0 && c >= 0x20 {
			continue
		}
		b = append(b, s[written:i]...)
		if written = i + 1; short != 0 {
			b = append(b, '\\', short)
		} else {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(b, s[written:]...), '"')
}

// form is a change as JSON has it.
type form struct {
	Author    string              `json:"author"`
	ID        ID                  `json:"id"`
	Key       []byte              `json:"key"`
	Needs     []Object            `json:"needs"`
	Object    Object              `json:"object"`
	Op        Op                  `json:"op"`
	Payload   Digest              `json:"payload"`
	Resolves  []ID                `json:"resolves"`
	Signature []byte              `json:"signature"`
	Size      int64               `json:"size"`
	Stamp     [2]int64            `json:"stamp"`
	Title     string              `json:"title"`
	Vector    map[ServerID]uint64 `json:"vector"`
}

var errNotCanonical = errors.New("it is not in canonical form")

// ParseChange reads the canonical form of a change, and nothing else: what it accepts, Append writes
// back to the same bytes. Its error is an ErrMalformed. The signature is not verified.
func ParseChange(b []byte) (*Change, error) {
	if len(b) > MaxChange {
		return nil, fmt.Errorf("%w: %d bytes are more than %d", ErrMalformed, len(b), MaxChange)
	}
	var f form
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if f.Stamp[1] < 0 || f.Stamp[1] >= 1<<16 || !utf8.Valid(b) {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, errNotCanonical)
	}
	c := &Change{
		ID: f.ID, Key: f.Key, Object: f.Object, Vector: f.Vector, Op: f.Op, Payload: f.Payload, Size: f.Size,
		Stamp: Stamp{f.Stamp[0], uint16(f.Stamp[1])}, Needs: f.Needs, Author: f.Author, Title: f.Title,
		Resolves: f.Resolves, Signature: f.Signature,
	}
	if !bytes.Equal(c.Append(nil), b) {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, errNotCanonical)
	}
	return c, c.Check()
}

// MarshalJSON writes the canonical form.
func (c *Change) MarshalJSON() ([]byte, error) { return c.Append(nil), nil }

// UnmarshalJSON reads the canonical form.
func (c *Change) UnmarshalJSON(b []byte) error {
	p, err := ParseChange(b)
	if err == nil {
		*c = *p
	}
	return err
}
