package source

import (
	"errors"
	"io"
)

// minBuffer is what a buffer begins with. A full one doubles, so it is never larger than twice what
// has arrived.
const minBuffer = 1 << 10

// Input is the body of one call: it keeps what was parsed until it is known where it may go.
// It is not safe for concurrent use.
type Input struct {
	src  io.Reader
	buf  []byte
	pos  int   // next byte to parse
	base int64 // stream offset of buf[0]
	max  int64 // bytes that may be kept from here on; falls by what was given up at a bulk array
	next [1]byte

	room        func(n int64) error // asked before more is kept; nil: nobody counts
	spent, paid int64               // bytes kept, and those of them that room was asked for
}

// New returns an Input that reads src and keeps up to max bytes, in buf's capacity as long as
// it is enough. The caller gets the buffer back, grown or not, from Buffer.
func New(src io.Reader, buf []byte, max int64) *Input {
	in := &Input{}
	in.Begin(src, buf, max)
	return in
}

// Begin is New in a place of the caller's.
func (in *Input) Begin(src io.Reader, buf []byte, max int64) {
	*in = Input{src: src, buf: buf[:0], max: max}
}

const (
	// minStep is the least that room is asked for at a time: most calls ask once.
	minStep = 32 << 10
	// ownCost is what an Input and its decoder take before they read anything.
	ownCost = 10 << 10
)

// NoRoom is the error of the func that was given to Charge.
type NoRoom struct{ Err error }

// Error returns what the func said.
func (e *NoRoom) Error() string { return e.Err.Error() }

// Unwrap returns what the func returned.
func (e *NoRoom) Unwrap() error { return e.Err }

// Charge has room asked before memory is taken for the body, from now on: for the bytes that are kept and
// for what is made of them. Its error ends the reading as a *NoRoom.
func (in *Input) Charge(room func(n int64) error) error {
	in.room = room
	return in.Spend(ownCost + int64(cap(in.buf)))
}

// Spend counts n bytes of memory that the body takes.
func (in *Input) Spend(n int64) error {
	in.spent += n
	if in.room == nil || in.spent <= in.paid {
		return nil
	}
	step := max(minStep, in.spent-in.paid)
	if err := in.room(step); err != nil {
		return &NoRoom{err}
	}
	in.paid += step
	return nil
}

// Held returns the bytes parsed since the beginning or since the bulk content. They stay valid
// until Buffer is reused.
func (in *Input) Held() []byte { return in.buf[:in.pos] }

// Buffer returns the buffer for reuse, when nothing of it is needed any more.
func (in *Input) Buffer() []byte { return in.buf[:0] }

// Offset returns the stream offset of the next byte to parse.
func (in *Input) Offset() int64 { return in.base + int64(in.pos) }

// Need makes n bytes available at pos.
func (in *Input) Need(n int) error {
	if int64(in.pos)+int64(n) > in.max {
		return ErrHeld
	}
	for len(in.buf)-in.pos < n {
		if len(in.buf) == cap(in.buf) {
			if err := in.grow(); err != nil {
				return err
			}
		}
		m, err := in.src.Read(in.buf[len(in.buf):cap(in.buf)])
		if m == 0 && err == nil {
			err = io.ErrNoProgress // one empty read is enough: no reader of ours returns it
		}
		in.buf = in.buf[:len(in.buf)+m]
		if err != nil && len(in.buf)-in.pos < n {
			return err
		}
	}
	return nil
}

func (in *Input) grow() error {
	size := max(minBuffer, 2*cap(in.buf))
	if err := in.Spend(int64(size - cap(in.buf))); err != nil {
		return err
	}
	grown := make([]byte, len(in.buf), size)
	copy(grown, in.buf)
	in.buf = grown
	return nil
}

// Take returns the next n bytes, valid until the next call, and moves behind them.
func (in *Input) Take(n int) ([]byte, error) {
	end := in.pos + n
	if end > len(in.buf) || int64(end) > in.max {
		if err := in.Need(n); err != nil {
			return nil, err
		}
	}
	b := in.buf[in.pos:end]
	in.pos = end
	return b, nil
}

// Next returns the next byte, which Need made available.
func (in *Input) Next() byte { return in.buf[in.pos] }

// Skip moves behind the next byte, which Need made available.
func (in *Input) Skip() { in.pos++ }

// End returns nil if nothing follows.
func (in *Input) End() error {
	if in.pos < len(in.buf) {
		return ErrTrailing
	}
	n, err := in.src.Read(in.next[:])
	if n > 0 {
		return ErrTrailing
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// Sentinels for the decoder.
var (
	ErrHeld     = errors.New("too many bytes")
	ErrTrailing = errors.New("bytes follow")
	// errBulkUnread is the fault of a Bulk func that left content behind.
	errBulkUnread = errors.New("javaser: Bulk returned before the content was read")
)

// Content is the content of a bulk array, which streams by. It is valid until Bulk returns.
type Content struct {
	in   *Input
	left int64
}

// Len returns how many bytes are left to read.
func (c *Content) Len() int64 { return c.left }

// Read reads content, first what has arrived already.
func (c *Content) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	if ready := c.in.buf[c.in.pos:]; len(ready) > 0 {
		n := copy(p, ready)
		c.in.pos += n
		c.left -= int64(n)
		return n, nil
	}
	n, err := c.in.src.Read(p)
	c.left -= int64(n)
	c.in.base += int64(n)
	if errors.Is(err, io.EOF) && c.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Bulk gives the content to fn, and forgets what was held before it.
func (in *Input) Bulk(size int64, fn func(*Content) error) error {
	in.max -= int64(in.pos)
	c := &Content{in: in, left: size}
	if err := fn(c); err != nil {
		return err
	}
	if c.left > 0 {
		return errBulkUnread
	}
	in.base += int64(in.pos)
	rest := copy(in.buf, in.buf[in.pos:])
	in.buf, in.pos = in.buf[:rest], 0
	return nil
}

// Gather reads the source to its end and returns all bytes that are kept, parsed or not.
func (in *Input) Gather() ([]byte, error) {
	for {
		err := in.Need(len(in.buf) - in.pos + 1)
		if errors.Is(err, io.EOF) {
			return in.buf, nil
		}
		if err != nil {
			return in.buf, err
		}
	}
}

// Arrived returns how many bytes were read from the source so far, as a stream offset.
func (in *Input) Arrived() int64 { return in.base + int64(len(in.buf)) }

// Everything returns all bytes that have arrived and are kept, parsed or not.
func (in *Input) Everything() []byte { return in.buf }
