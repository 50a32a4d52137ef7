package archive_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
)

// with is plain with one thing changed.
func with(change func(*crafted)) []byte {
	c := plain()
	change(c)
	return c.bytes()
}

// named is plain with one more entry, of this name in both records.
func named(name string) []byte {
	return with(func(c *crafted) {
		c.items = append(c.items, stored(name, "x").both(func(r *rec) { r.flags = 0x800 }))
	})
}

func zip64Extra(values ...uint64) []byte {
	b := le.AppendUint16(le.AppendUint16(nil, 1), uint16(8*len(values)))
	for _, v := range values {
		b = le.AppendUint64(b, v)
	}
	return b
}

// unicodePath is the extra field that names an entry, for readers that look at it.
func unicodePath(of, name string) []byte {
	b := le.AppendUint16(le.AppendUint16(nil, 0x7075), uint16(5+len(name)))
	return append(le.AppendUint32(append(b, 1), crc32.ChecksumIEEE([]byte(of))), name...)
}

func ntfsTimes(tag byte) []byte {
	return append([]byte{0x0a, 0, 32, 0, 0, 0, 0, 0, tag, 0, 24, 0}, make([]byte, 24)...)
}

type crafting struct {
	name string
	code refusal.Code
	data []byte
}

// differing are the archives that the three readers were seen to read differently, and those that
// all of them read but no importer should.
func differing() []crafting {
	return []crafting{
		{"local name is another", refusal.CodeLocal, with(func(c *crafted) {
			c.items[2].local.name = "group/3.bin"
		})},
		{"local entry is not in the directory", refusal.CodeGap, with(func(c *crafted) { c.items[2].noEntry = true })},
		{"first local entry is not in the directory", refusal.CodePrefix, with(func(c *crafted) { c.items[0].noEntry = true })},
		{"last local entry is not in the directory", refusal.CodeGap, with(func(c *crafted) { c.items[3].noEntry = true })},
		{"archive in the comment of another", refusal.CodeDirectory, with(func(c *crafted) {
			c.comment = string(craft(stored("manifest.xml", "inner")).bytes())
		})},
		{"bytes before the first entry", refusal.CodeDirectory, append([]byte("#!/bin/sh\n"), plain().bytes()...)},
		{"bytes before the first entry, offsets right", refusal.CodePrefix, with(func(c *crafted) {
			c.items[0].before = []byte("#!/bin/sh\n")
		})},
		{"declared 10, real 10 MiB", refusal.CodeSize, with(func(c *crafted) {
			c.items = append(c.items, newItem("big", "", 8, deflate(strings.Repeat("0123456789abcdef", 10<<16))).
				both(func(r *rec) { r.size = 10 }))
		})},
		{"declared more than real", refusal.CodeSize, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.size++ })
		})},
		{"wrong checksum", refusal.CodeCRC, with(func(c *crafted) { c.items[2].both(func(r *rec) { r.crc++ }) })},
		{"checksum differs in the two records", refusal.CodeLocal, with(func(c *crafted) { c.items[2].local.crc++ })},
		{"encryption flag", refusal.CodeFlags, with(func(c *crafted) {
			c.items[2].both(func(r *rec) { r.flags |= 1 })
		})},
		{"count too high", refusal.CodeDirectory, with(func(c *crafted) { c.count = 5 })},
		{"count too low", refusal.CodeDirectory, with(func(c *crafted) { c.count = 3 })},
		{"count here differs", refusal.CodeEnd, with(func(c *crafted) { c.countHere = 3 })},
		{"stored locally, deflated centrally", refusal.CodeLocal, with(func(c *crafted) { c.items[1].local.method = 0 })},
		{"deflated locally, stored centrally", refusal.CodeSize, with(func(c *crafted) { c.items[1].central.method = 0 })},
		{"two central records on one local header", refusal.CodeOverlap, with(func(c *crafted) {
			twin := stored("group/9.bin", "two")
			twin.noLocal, twin.fixedOffset = true, true
			twin.central.offset = uint32(bytes.Index(plain().bytes(), []byte("group/2.bin")) - 30)
			c.items = append(c.items[:3], twin, c.items[3])
		})},
		{"directory with data", refusal.CodeSize, with(func(c *crafted) { c.items[0] = stored("group/", "12345") })},
		{"invalid UTF-8", refusal.CodeName, named("a\xff")},
		{"overlong UTF-8", refusal.CodeName, named("a\xc0\xaf")},
		{"path leaves", refusal.CodePath, named("../a")},
		{"path leaves in the middle", refusal.CodePath, named("group/../../a")},
		{"absolute", refusal.CodePath, named("/etc/passwd")},
		{"backslash", refusal.CodeName, named(`group\..\a`)},
		{"drive", refusal.CodeName, named("C:/a")},
		{"NUL", refusal.CodeName, named("a\x00.xml")},
		{"CR LF", refusal.CodeName, named("a\r\nb")},
		{"C1 control", refusal.CodeName, named("a\u0085b")},
		{"duplicate", refusal.CodeDuplicate, named("group/2.bin")},
		{"duplicate by case", refusal.CodeDuplicate, named("GROUP/2.BIN")},
		{"duplicate by case beyond ASCII", refusal.CodeDuplicate, with(func(c *crafted) {
			for _, n := range []string{"straße", "STRASSE"} {
				c.items = append(c.items, stored(n, n).both(func(r *rec) { r.flags = 0x800 }))
			}
		})},
		{"file and directory of one name", refusal.CodeDuplicate, named("group")},
		{"file as parent", refusal.CodeDuplicate, named("Group/2.bin/a")},
		{"empty name", refusal.CodeName, named("")},
		{"name of one slash", refusal.CodePath, named("/")},
		{"empty segment", refusal.CodePath, named("group//a")},
		{"segment of a dot", refusal.CodePath, named("./a")},
		{"not NFC", refusal.CodeName, named("a\u0301.xml")},
		{"name of 1,025 bytes", refusal.CodeName, named(strings.Repeat("a", 1025))},
		{"name of 60,000 bytes", refusal.CodeName, named(strings.Repeat("a", 60000))},
		{"symbolic link", refusal.CodeMode, with(func(c *crafted) {
			c.items[2].inCentral(func(r *rec) { r.madeBy, r.external = 3<<8|20, 0xa1ff<<16 })
		})},
		{"symbolic link, made by DOS", refusal.CodeMode, with(func(c *crafted) { c.items[2].central.external = 0xa1ff << 16 })},
		{"device", refusal.CodeMode, with(func(c *crafted) { c.items[2].central.external = 0x2180 << 16 })},
		{"file marked as directory", refusal.CodeMode, with(func(c *crafted) { c.items[2].central.external = 0x10 })},
	}
}

// malformed are further deviations from the canonical form.
func malformed() []crafting {
	return []crafting{
		{"empty file", refusal.CodeEnd, nil},
		{"not a zip", refusal.CodeForeign, []byte("this is certainly not an archive, not at all")},
		{"trailing byte", refusal.CodeEnd, with(func(c *crafted) { c.trailing = []byte{'x'} })},
		{"bytes behind the comment", refusal.CodeComment, with(func(c *crafted) { c.comment, c.trailing = "hello", []byte{'x'} })},
		{"end record begins in the comment", refusal.CodeEnd, with(func(c *crafted) { c.comment = "PK\x05\x06" })},
		{"zeros behind a comment", refusal.CodeComment, with(func(c *crafted) { c.comment, c.trailing = "hello", []byte{0} })},
		{"version 6.4", refusal.CodeVersion, with(func(c *crafted) { c.items[1].both(func(r *rec) { r.version = 64 }) })},
		{"Unicode path is another", refusal.CodeExtra, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = unicodePath(r.name, "evil.xml") })
		})},
		{"Unicode path of an old name", refusal.CodeExtra, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = unicodePath("old.xml", r.name) })
		})},
		{"descriptor without signature, checksum like one", refusal.CodeOverlap, with(func(c *crafted) {
			c.items[3].both(func(r *rec) { r.crc = 0x08074b50 })
			c.items[3].local.crc, c.items[3].descriptor = 0, descriptor(0x08074b50, c.items[3].central)[4:]
		})},
		{"comment that ends like a record", refusal.CodeComment, with(func(c *crafted) { c.commentLen = 3 })},
		{"disk", refusal.CodeEnd, with(func(c *crafted) { c.disk = 1 })},
		{"entry on another disk", refusal.CodeCentral, with(func(c *crafted) { c.items[1].central.disk = 1 })},
		{"gap between entries", refusal.CodeGap, with(func(c *crafted) { c.items[2].before = []byte("gap") })},
		{"gap before the directory", refusal.CodeGap, with(func(c *crafted) { c.beforeDir = []byte("gap") })},
		{"gap after the directory", refusal.CodeDirectory, with(func(c *crafted) { c.afterDir = []byte("gap") })},
		{"directory counts the gap", refusal.CodeDirectory, with(func(c *crafted) {
			c.afterDir = []byte("gap")
			c.dirSize = int64(bytes.Index(c.bytes(), []byte("gap"))-bytes.Index(c.bytes(), []byte("PK\x01\x02"))) + 3
		})},
		{"directory offset too high", refusal.CodeDirectory, with(func(c *crafted) { c.dirOffset = 1 << 30 })},
		{"no central record", refusal.CodeCentral, with(func(c *crafted) { c.items[1].central.sig = 0x02014b51 })},
		{"no local header", refusal.CodeLocal, with(func(c *crafted) { c.items[1].local.sig = 0x04034b51 })},
		{"method 12", refusal.CodeMethod, with(func(c *crafted) { c.items[1].both(func(r *rec) { r.method = 12 }) })},
		{"strong encryption", refusal.CodeFlags, with(func(c *crafted) { c.items[1].both(func(r *rec) { r.flags |= 0x40 }) })},
		{"masked headers", refusal.CodeFlags, with(func(c *crafted) { c.items[1].both(func(r *rec) { r.flags |= 0x2000 }) })},
		{"flags differ", refusal.CodeLocal, with(func(c *crafted) { c.items[1].local.flags = 0x800 })},
		{"local size differs", refusal.CodeLocal, with(func(c *crafted) { c.items[1].local.size++ })},
		{"stored with two sizes", refusal.CodeSize, with(func(c *crafted) { c.items[2].both(func(r *rec) { r.size++ }) })},
		{"stored with descriptor", refusal.CodeDescriptor, with(func(c *crafted) {
			it := c.items[2].both(func(r *rec) { r.flags |= 8 })
			it.descriptor = descriptor(0x08074b50, it.central)
			it.local.crc, it.local.packed, it.local.size = 0, 0, 0
		})},
		{"descriptor with another checksum", refusal.CodeDescriptor, with(func(c *crafted) { c.items[3].descriptor[4]++ })},
		{"descriptor with another size", refusal.CodeDescriptor, with(func(c *crafted) { c.items[3].descriptor[12]++ })},
		{"descriptor with 8-byte sizes", refusal.CodeDescriptor, with(func(c *crafted) {
			d := c.items[3].descriptor
			wide := append(append(append(append([]byte{}, d[:12]...), 0, 0, 0, 0), d[12:]...), 0, 0, 0, 0)
			c.items[3].descriptor = wide
		})},
		{"descriptor runs into the directory", refusal.CodeOverlap, with(func(c *crafted) { c.items[3].descriptor = nil })},
		{"content runs into the directory", refusal.CodeOverlap, with(func(c *crafted) {
			c.items[2], c.items[3] = c.items[3], c.items[2]
			c.items[3].both(func(r *rec) { r.packed, r.size = 400, 400 })
		})},
		{"deflate stream ends early", refusal.CodeData, with(func(c *crafted) {
			c.items[1].body = append(c.items[1].body, "hidden"...)
			c.items[1].both(func(r *rec) { r.packed += 6 })
		})},
		{"two deflate streams", refusal.CodeData, with(func(c *crafted) {
			c.items[1].body = append(c.items[1].body, deflate("more")...)
			c.items[1].both(func(r *rec) { r.packed = uint32(len(c.items[1].body)) })
		})},
		{"deflate stream is cut", refusal.CodeData, with(func(c *crafted) {
			b := c.items[1].body
			c.items[1].body = b[:len(b)-2]
			c.items[1].both(func(r *rec) { r.packed -= 2 })
		})},
		{"no deflate stream", refusal.CodeData, with(func(c *crafted) {
			copy(c.items[1].body, "\xff\xff\xff\xff")
		})},
		{"extra field of AES", refusal.CodeExtra, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = []byte{0x01, 0x99, 2, 0, 0, 0} })
		})},
		{"extra field with another name", refusal.CodeExtra, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = append([]byte{0x75, 0x70, 9, 0, 1}, "\x00\x00\x00\x00evil"...) })
		})},
		{"extra field cut", refusal.CodeExtra, with(func(c *crafted) {
			c.items[1].local.extra = []byte{0x55, 0x54, 9, 0, 1}
		})},
		{"extra field of 3 bytes", refusal.CodeExtra, with(func(c *crafted) { c.items[1].central.extra = []byte{1, 2, 3} })},
		{"extra field twice", refusal.CodeExtra, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = bytes.Repeat([]byte{0x55, 0x54, 5, 0, 1, 0, 0, 0, 0}, 2) })
		})},
		{"extra field runs into the directory", refusal.CodeOverlap, with(func(c *crafted) {
			c.items[3].local.extraLen = 60000
		})},
		{"ZIP64 field without need, locally", refusal.CodeZIP64, with(func(c *crafted) {
			c.items[1].local.extra = zip64Extra(160, uint64(c.items[1].local.packed))
		})},
		{"ZIP64 field without need, centrally", refusal.CodeZIP64, with(func(c *crafted) {
			c.items[1].central.extra = zip64Extra(160, uint64(c.items[1].local.packed))
		})},
		{"ZIP64 field of nothing", refusal.CodeZIP64, with(func(c *crafted) { c.items[1].central.extra = zip64Extra() })},
		{"ZIP64 sizes that fit 32 bits", refusal.CodeZIP64, with(func(c *crafted) {
			c.items[1].inCentral(func(r *rec) { r.extra, r.size = zip64Extra(160), 0xffffffff })
		})},
		{"ZIP64 size missing", refusal.CodeZIP64, with(func(c *crafted) { c.items[1].central.size = 0xffffffff })},
		{"ZIP64 size negative", refusal.CodeZIP64, with(func(c *crafted) {
			c.items[1].inCentral(func(r *rec) { r.extra, r.size = zip64Extra(1<<63), 0xffffffff })
		})},
		{"ZIP64 end record without need", refusal.CodeZIP64, with(func(c *crafted) { c.zip64 = true })},
		{"ZIP64 end record without need, used", refusal.CodeZIP64, with(func(c *crafted) { c.zip64, c.magic = true, true })},
		{"ZIP64 locator points elsewhere", refusal.CodeZIP64, with(func(c *crafted) {
			c.zip64, c.zip64Locate = true, -1
		})},
		{"ZIP64 numbers without record", refusal.CodeZIP64, with(func(c *crafted) { c.magic = true })},
		{"entry larger than allowed", refusal.CodeEntrySize, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.size = 1<<30 + 1 })
		})},
		{"content larger than allowed", refusal.CodeTotalSize, with(func(c *crafted) {
			c.items = nil
			for i := range 5 {
				c.items = append(c.items, streamed(fmt.Sprint(i), "").inCentral(func(r *rec) { r.size, r.packed = 1<<30, 6<<20 }))
			}
			for _, it := range c.items {
				it.descriptor = descriptor(0x08074b50, it.central)
				it.body = make([]byte, 6<<20)
			}
		})},
		{"declared ratio", refusal.CodeRatio, with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.size = 64 << 20 })
		})},
		{"ratio of zeros", refusal.CodeRatio, with(func(c *crafted) {
			c.items = append(c.items, packed("zeros", strings.Repeat("\x00", 4<<20)))
		})},
	}
}

func TestPlainIsAccepted(t *testing.T) {
	b := plain().bytes()
	a, err := accept(b)
	if err != nil {
		t.Fatal(err)
	}
	sameAsGo(t, b, a)
}

func TestCraftedArchivesAreRefused(t *testing.T) {
	for _, tt := range append(differing(), malformed()...) {
		t.Run(tt.name, func(t *testing.T) {
			_, err := accept(tt.data)
			if err == nil {
				t.Fatalf("accepted, want %s", tt.code)
			}
			if got := refusal.CodeOf(err); got != tt.code {
				t.Errorf("refused as %q (%v), want %q", got, err, tt.code)
			}
		})
	}
}

// TestLegalTwins shows that what stands next to a refused shape and is legal does pass.
func TestLegalTwins(t *testing.T) {
	unixTimes := []byte{0x55, 0x54, 9, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8}
	for _, tt := range []struct {
		name string
		data []byte
	}{
		{"no entries", craft().bytes()},
		{"descriptor without signature", with(func(c *crafted) { c.items[3].descriptor = c.items[3].descriptor[4:] })},
		{"zero behind the end", with(func(c *crafted) { c.trailing = []byte{0} })},
		{"block of zeros behind the end", with(func(c *crafted) { c.trailing = make([]byte, 10240) })},
		{"directory listed twice", with(func(c *crafted) { c.items = append(c.items, stored("group/", "")) })},
		{"records in another order", with(func(c *crafted) { c.listFrom = 2 })},
		{"system in the version", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.version = 3<<8 | 20 }) })},
		{"effort in the flags", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.flags |= 6 }) })},
		{"Unicode path of the name itself", with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = unicodePath(r.name, r.name) })
		})},
		{"times of a Mac", with(func(c *crafted) {
			c.items[1].local.extra = []byte{0x55, 0x58, 12, 0, 1, 2, 3, 4, 5, 6, 7, 8, 245, 1, 20, 0}
			c.items[1].central.extra = []byte{0x55, 0x58, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8}
		})},
		{"mark of jar", with(func(c *crafted) { c.items[0].both(func(r *rec) { r.extra = []byte{0xfe, 0xca, 0, 0} }) })},
		{"comment", with(func(c *crafted) { c.comment = "hello" })},
		{"entry comment", with(func(c *crafted) { c.items[1].central.comment = "c" })},
		{"version 6.3", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.version = 63 }) })},
		{"version differs", with(func(c *crafted) { c.items[1].local.version = 10 })},
		{"time differs", with(func(c *crafted) { c.items[1].local.clock++ })},
		{"descriptor and local sizes", with(func(c *crafted) {
			c.items[3].local.size, c.items[3].local.packed = c.items[3].central.size, c.items[3].central.packed
		})},
		{"name not marked as UTF-8", with(func(c *crafted) {
			c.items[2].both(func(r *rec) { r.name = "group/\u00e9" })
		})},
		{"extra field of times in an unknown form", with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = ntfsTimes(2) })
		})},
		{"extra field of times with unknown flags", with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = []byte{0x55, 0x54, 5, 0, 9, 0, 0, 0, 0} })
		})},
		{"extra field of an owner with bytes left over", with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = []byte{0x75, 0x78, 6, 0, 1, 1, 0, 1, 0, 9} })
		})},
		{"extra field of an owner, empty", with(func(c *crafted) {
			c.items[1].both(func(r *rec) { r.extra = []byte{0x75, 0x78, 0, 0} })
		})},
		{"UTF-8 name", named("group/\u00e9.xml")},
		{"name of 1024 bytes", named(strings.Repeat("a", 1024))},
		{"dots that leave nothing", named("group/..a/.b./...")},
		{"Unix modes", with(func(c *crafted) {
			c.items[0].inCentral(func(r *rec) { r.madeBy, r.external = 3<<8|20, 0x41ed0010 })
			c.items[2].inCentral(func(r *rec) { r.madeBy, r.external, r.internal = 3<<8|20, 0x81a40000, 1 })
		})},
		{"Unix times and owner", with(func(c *crafted) {
			owner := []byte{0x75, 0x78, 11, 0, 1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0}
			c.items[1].local.extra = append(unixTimes, owner...)
			c.items[1].central.extra = append([]byte{0x55, 0x54, 5, 0, 3, 1, 2, 3, 4}, owner...)
		})},
		{"NTFS times", with(func(c *crafted) { c.items[1].both(func(r *rec) { r.extra = ntfsTimes(1) }) })},
		{"deflated directory", with(func(c *crafted) { c.items[0] = newItem("group/", "", 8, []byte{3, 0}) })},
		{"empty file, deflated", with(func(c *crafted) { c.items[2] = streamed("group/2.bin", "") })},
		{"archive inside, stored", with(func(c *crafted) {
			c.items[2] = stored("group/2.zip", string(plain().bytes()))
		})},
		{"zeros up to the window", with(func(c *crafted) {
			c.items = append(c.items, packed("zeros", strings.Repeat("\x00", 1<<20-1)))
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := accept(tt.data)
			if err != nil {
				t.Fatal(err)
			}
			sameAsGo(t, tt.data, a)
		})
	}
}

func TestRefusalTellsThePlace(t *testing.T) {
	_, err := accept(named("../a"))
	var r *refusal.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if r.Index != 4 || r.Entry != "../a" || r.Offset <= 0 {
		t.Errorf("got entry %d %q at %d, want entry 4 %q at its header", r.Index, r.Entry, r.Offset, "../a")
	}
	if got, want := err.Error(), "entry 4: path leaves the archive"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTooManyEntries(t *testing.T) {
	lim, b := archive.DefaultLimits(), plain().bytes()
	lim.Entries = 3
	_, err := archive.Open(bytes.NewReader(b), int64(len(b)), lim)
	if refusal.CodeOf(err) != refusal.CodeEntries {
		t.Errorf("got %v, want %s", err, refusal.CodeEntries)
	}
}

func TestZeroLimitsDeny(t *testing.T) {
	b := plain().bytes()
	if _, err := archive.Open(bytes.NewReader(b), int64(len(b)), archive.Limits{}); refusal.CodeOf(err) == "" {
		t.Errorf("got %v, want a refusal", err)
	}
}

// failing breaks reads at an offset.
type failing struct {
	io.ReaderAt
	from int64
}

var errDisk = errors.New("disk is gone")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestReadErrorsAreNotRefusals(t *testing.T) {
	b := plain().bytes()
	_, err := archive.Open(failing{bytes.NewReader(b), 10}, int64(len(b)), archive.DefaultLimits())
	if !errors.Is(err, errDisk) || refusal.CodeOf(err) != "" {
		t.Errorf("open: got %v, want %v", err, errDisk)
	}
	r := &failing{bytes.NewReader(b), int64(len(b))}
	a, err := archive.Open(r, int64(len(b)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	r.from = 0
	err = a.Verify(context.Background(), nil)
	if !errors.Is(err, errDisk) || refusal.CodeOf(err) != "" {
		t.Errorf("verify: got %v, want %v", err, errDisk)
	}
}

func TestReadErrorsInTheDirectory(t *testing.T) {
	b := plain().bytes()
	start := int64(bytes.Index(b, []byte("PK\x01\x02")))
	r := failingRange{bytes.NewReader(b), start, int64(len(b)) - 98}
	_, err := archive.Open(r, int64(len(b)), archive.DefaultLimits())
	if !errors.Is(err, errDisk) || refusal.CodeOf(err) != "" {
		t.Errorf("got %v, want %v", err, errDisk)
	}
}

// failingRange breaks reads that begin in a range.
type failingRange struct {
	io.ReaderAt
	from, to int64
}

func (f failingRange) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.from && off < f.to {
		return 0, errDisk
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestContentIsGoneAfterClose(t *testing.T) {
	a, err := open(plain().bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.Open(a.Entries()[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("got %v, want %v", err, fs.ErrClosed)
	}
}

func TestRefusalTellsItsCause(t *testing.T) {
	_, err := accept(with(func(c *crafted) { copy(c.items[1].body, "\xff\xff\xff\xff") }))
	var corrupt flate.CorruptInputError
	if !errors.As(err, &corrupt) || !strings.HasPrefix(err.Error(), "entry 1: inflate: ") {
		t.Errorf("got %v, want the place and the inflater's own words", err)
	}
}

func TestShortFileIsNotRead(t *testing.T) {
	b := plain().bytes()
	if _, err := archive.Open(bytes.NewReader(b[:20]), int64(len(b)), archive.DefaultLimits()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
