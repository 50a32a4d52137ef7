package archive_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// rec is what one record of an entry says; crafted archives set fields freely.
type rec struct {
	sig                           uint32
	version, flags, method        uint16
	clock, date                   uint16
	crc, packed, size             uint32
	name                          string
	extra                         []byte
	madeBy, disk, internal        uint16
	external, offset              uint32
	comment                       string
	nameLen, extraLen, commentLen int // -1: as long as it is
}

// item is one entry: both records, its bytes, and whether it appears at all.
type item struct {
	local, central   rec
	before           []byte // bytes in front of the local header
	body             []byte
	descriptor       []byte
	noLocal, noEntry bool
	fixedOffset      bool // central.offset is as set, not computed
}

// crafted is an archive that can be wrong in any place.
type crafted struct {
	items       []*item
	listFrom    int // the item that the directory begins with
	beforeDir   []byte
	afterDir    []byte
	endSig      uint32
	count       int // -1: right
	countHere   int
	dirSize     int64 // -1: right
	dirOffset   int64
	disk        uint16
	comment     string
	commentLen  int
	trailing    []byte
	zip64       bool
	zip64Locate int64 // added to the locator's offset
	magic       bool  // end record leaves its numbers to ZIP64
}

func craft(items ...*item) *crafted {
	return &crafted{items: items, endSig: 0x06054b50, count: -1, countHere: -1, dirSize: -1, dirOffset: -1, commentLen: -1}
}

func deflate(s string) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

func newItem(name, content string, method uint16, body []byte) *item {
	r := rec{
		version: 20, method: method, clock: 0x6000, date: 0x5861, crc: crc32.ChecksumIEEE([]byte(content)),
		packed: uint32(len(body)), size: uint32(len(content)), name: name,
		nameLen: -1, extraLen: -1, commentLen: -1, madeBy: 20,
	}
	it := &item{local: r, central: r, body: body}
	it.local.sig, it.central.sig = 0x04034b50, 0x02014b50
	return it
}

func stored(name, content string) *item  { return newItem(name, content, 0, []byte(content)) }
func packed(name, content string) *item  { return newItem(name, content, 8, deflate(content)) }
func (it *item) both(f func(*rec)) *item { f(&it.local); f(&it.central); return it }
func (it *item) inCentral(f func(*rec)) *item {
	f(&it.central)
	return it
}

// streamed gives the item a data descriptor, as writers of streams do.
func streamed(name, content string) *item {
	it := packed(name, content)
	it.both(func(r *rec) { r.flags |= 8 })
	it.descriptor = descriptor(0x08074b50, it.central)
	it.local.crc, it.local.packed, it.local.size = 0, 0, 0
	return it
}

func descriptor(sig uint32, r rec) []byte {
	b := le.AppendUint32(nil, sig)
	return le.AppendUint32(le.AppendUint32(le.AppendUint32(b, r.crc), r.packed), r.size)
}

var le = binary.LittleEndian

func orLen(n, length int) uint16 {
	if n < 0 {
		n = length
	}
	return uint16(n)
}

func (r rec) common(b []byte) []byte {
	for _, v := range []uint16{r.version, r.flags, r.method, r.clock, r.date} {
		b = le.AppendUint16(b, v)
	}
	for _, v := range []uint32{r.crc, r.packed, r.size} {
		b = le.AppendUint32(b, v)
	}
	b = le.AppendUint16(b, orLen(r.nameLen, len(r.name)))
	return le.AppendUint16(b, orLen(r.extraLen, len(r.extra)))
}

func (it *item) appendLocal(b []byte) []byte {
	if it.noLocal {
		return b
	}
	b = append(b, it.before...)
	if !it.fixedOffset {
		it.central.offset = uint32(len(b))
	}
	b = it.local.common(le.AppendUint32(b, it.local.sig))
	b = append(append(b, it.local.name...), it.local.extra...)
	return append(append(b, it.body...), it.descriptor...)
}

func (it *item) appendCentral(b []byte) []byte {
	if it.noEntry {
		return b
	}
	r := it.central
	b = r.common(le.AppendUint16(le.AppendUint32(b, r.sig), r.madeBy))
	b = le.AppendUint16(b, orLen(r.commentLen, len(r.comment)))
	b = le.AppendUint16(le.AppendUint16(b, r.disk), r.internal)
	b = le.AppendUint32(le.AppendUint32(b, r.external), r.offset)
	return append(append(append(b, r.name...), r.extra...), r.comment...)
}

func (c *crafted) bytes() []byte {
	var b []byte
	for _, it := range c.items {
		b = it.appendLocal(b)
	}
	b = append(b, c.beforeDir...)
	start, n := len(b), 0
	for i := range c.items {
		it := c.items[(i+c.listFrom)%len(c.items)]
		b = it.appendCentral(b)
		if !it.noEntry {
			n++
		}
	}
	size, offset := int64(len(b)-start), int64(start)
	if c.dirSize >= 0 {
		size = c.dirSize
	}
	if c.dirOffset >= 0 {
		offset = c.dirOffset
	}
	b = append(b, c.afterDir...)
	if c.zip64 {
		b = c.appendEnd64(b, int64(n), size, offset)
	}
	count, here := orLen(c.count, n), orLen(c.countHere, int(orLen(c.count, n)))
	if c.magic {
		count, here, size, offset = 0xffff, 0xffff, 0xffffffff, 0xffffffff
	}
	b = le.AppendUint32(b, c.endSig)
	for _, v := range []uint16{c.disk, 0, here, count} {
		b = le.AppendUint16(b, v)
	}
	b = le.AppendUint32(le.AppendUint32(b, uint32(size)), uint32(offset))
	b = le.AppendUint16(b, orLen(c.commentLen, len(c.comment)))
	return append(append(b, c.comment...), c.trailing...)
}

func (c *crafted) appendEnd64(b []byte, n, size, offset int64) []byte {
	at := int64(len(b)) + c.zip64Locate
	b = le.AppendUint64(le.AppendUint32(b, 0x06064b50), 44)
	b = append(le.AppendUint16(le.AppendUint16(b, 45), 45), make([]byte, 8)...)
	for _, v := range []int64{n, n, size, offset} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = append(le.AppendUint32(b, 0x07064b50), make([]byte, 4)...)
	return le.AppendUint32(le.AppendUint64(b, uint64(at)), 1)
}

// plain is the legal archive that the crafted ones deviate from.
func plain() *crafted {
	return craft(stored("group/", ""), packed("group/1.xml", strings.Repeat("<a/>", 40)), stored("group/2.bin", "two"),
		streamed("manifest.xml", manifestText))
}

const manifestText = `<?xml version="1.0" encoding="UTF-8"?>
<root><header build-number="7413" type="layout-set" group-id="1"/></root>`
