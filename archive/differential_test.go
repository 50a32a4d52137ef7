package archive_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// mutants are generated with this seed; another one is another test.
const (
	mutantSeed = 20240301
	mutants    = 6000
)

// fieldMutations set one field of a record to something that matters to one reader or another.
var fieldMutations = []func(*rand.Rand, *rec){
	func(r *rand.Rand, x *rec) { x.version = pick[uint16](r, 0, 10, 20, 45, 46, 51, 63, 3<<8|20, 0xffff) },
	func(r *rand.Rand, x *rec) { x.flags ^= 1 << r.IntN(16) },
	func(r *rand.Rand, x *rec) { x.method = pick[uint16](r, 0, 8, 9, 12, 14, 93, 99) },
	func(r *rand.Rand, x *rec) { x.clock = uint16(r.Uint32()) },
	func(r *rand.Rand, x *rec) { x.date = uint16(r.Uint32()) },
	func(r *rand.Rand, x *rec) { x.crc = pick(r, 0, x.crc+1, 0xffffffff) },
	func(r *rand.Rand, x *rec) {
		x.packed = pick(r, 0, x.packed+1, x.packed-1, 1<<31, 0xfffffffe, 0xffffffff)
	},
	func(r *rand.Rand, x *rec) { x.size = pick(r, 0, x.size+1, x.size-1, 10, 1<<31, 0xffffffff) },
	func(r *rand.Rand, x *rec) { x.name = pick(r, names...) },
	func(r *rand.Rand, x *rec) { x.extra = pick(r, extras...) },
	func(r *rand.Rand, x *rec) { x.comment = pick(r, "", "c", "PK\x05\x06") },
	func(r *rand.Rand, x *rec) { x.nameLen = pick(r, 0, 1, len(x.name)-1, len(x.name)+1, 65535) },
	func(r *rand.Rand, x *rec) { x.extraLen = pick(r, 0, 1, 4, 65535) },
	func(r *rand.Rand, x *rec) { x.commentLen = pick(r, 0, 1, 22, 65535) },
	func(r *rand.Rand, x *rec) { x.madeBy = pick[uint16](r, 0, 20, 3<<8|20, 19<<8, 0xffff) },
	func(r *rand.Rand, x *rec) {
		x.external = pick[uint32](r, 0x10, 0x08, 0x41ed<<16, 0x81a4<<16, 0xa1ff<<16, 1<<16)
	},
	func(r *rand.Rand, x *rec) { x.internal = pick[uint16](r, 0, 1, 2, 0xffff) },
	func(r *rand.Rand, x *rec) { x.disk = pick[uint16](r, 0, 1, 0xffff) },
}

var names = []string{
	"", "/", "a", "A", "group", "group/", "group/1.xml", "group/1.xml/", "GROUP/1.XML", "../a", "a/../b", `a\b`,
	"a:b", "a\x00b", "a\xff", "\u00e1", "a\u0301", "manifest.xml", "manifest.xml\x00", "PK\x03\x04", "a//b", "./a",
}

var extras = [][]byte{
	nil, {0}, {0x55, 0x54, 5, 0, 1, 0, 0, 0, 0}, {0x55, 0x54, 9, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0},
	{0x75, 0x78, 11, 0, 1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0}, {0xfe, 0xca, 0, 0}, zip64Extra(), zip64Extra(160),
	zip64Extra(160, 20), zip64Extra(1<<32, 1<<32), zip64Extra(1<<63, 0), zip64Extra(160, 20, 0), {1, 0, 255, 255},
	{0x01, 0x99, 7, 0, 1, 0, 65, 69, 3, 8, 0}, {0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 97}, unicodePath("group/1.xml", "group/1.xml"),
	{0x55, 0x58, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8}, {0x55, 0x54, 3, 0, 7, 1, 2}, {0x0a, 0, 5, 0, 1, 2, 3, 4, 5}, {0x99, 0x99, 1, 0, 7},
}

// shapeMutations change the archive as a whole.
var shapeMutations = []func(*rand.Rand, *crafted){
	func(r *rand.Rand, c *crafted) { c.count = pick(r, 0, 3, 5, 0xffff) },
	func(r *rand.Rand, c *crafted) { c.countHere = pick(r, 0, 3, 5, 0xffff) },
	func(r *rand.Rand, c *crafted) { c.dirSize = pick[int64](r, 0, 46, 200, 0xffffffff) },
	func(r *rand.Rand, c *crafted) { c.dirOffset = pick[int64](r, 0, 1, 100, 0xffffffff) },
	func(r *rand.Rand, c *crafted) { c.comment = pick(r, "c", string(plain().bytes()), "PK\x05\x06") },
	func(r *rand.Rand, c *crafted) { c.commentLen = pick(r, 0, 1, 22, 65535) },
	func(r *rand.Rand, c *crafted) {
		c.trailing = pick(r, []byte{0}, make([]byte, 600), []byte("PK\x05\x06"), plain().bytes())
	},
	func(r *rand.Rand, c *crafted) { c.listFrom = r.IntN(4) },
	func(r *rand.Rand, c *crafted) {
		c.beforeDir = pick(r, []byte{0}, make([]byte, 20), []byte("PK\x03\x04"))
	},
	func(r *rand.Rand, c *crafted) {
		c.afterDir = pick(r, []byte{0}, make([]byte, 20), []byte("PK\x06\x07"))
	},
	func(r *rand.Rand, c *crafted) {
		c.zip64, c.magic, c.zip64Locate = true, r.IntN(2) == 0, pick[int64](r, 0, -1, 1)
	},
	func(r *rand.Rand, c *crafted) { c.items[r.IntN(len(c.items))].noLocal = true },
	func(r *rand.Rand, c *crafted) { c.items[r.IntN(len(c.items))].noEntry = true },
	func(r *rand.Rand, c *crafted) {
		c.items[r.IntN(len(c.items))].before = pick(r, []byte{0}, make([]byte, 40))
	},
	func(r *rand.Rand, c *crafted) {
		it := c.items[r.IntN(len(c.items))]
		it.body = append(slices.Clone(it.body), pick(r, []byte{0}, deflate("more"), plain().bytes())...)
	},
	func(r *rand.Rand, c *crafted) {
		it := c.items[r.IntN(len(c.items))]
		it.descriptor = pick(r, nil, descriptor(0x08074b50, it.central), descriptor(1, it.central), descriptor(0x08074b50, it.central)[4:])
	},
	func(r *rand.Rand, c *crafted) {
		it := c.items[r.IntN(len(c.items))]
		it.fixedOffset, it.central.offset = true, pick(r, 0, 1, 36, c.items[len(c.items)-1].central.offset)
	},
	func(r *rand.Rand, c *crafted) {
		r.Shuffle(len(c.items), func(i, j int) { c.items[i], c.items[j] = c.items[j], c.items[i] })
	},
	func(r *rand.Rand, c *crafted) { c.items = append(c.items, c.items[r.IntN(len(c.items))]) },
	func(_ *rand.Rand, c *crafted) { c.items = c.items[:len(c.items)-1] },
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// structural changes one to three fields or shapes of plain.
func structural(r *rand.Rand) []byte {
	c := plain()
	for range 1 + r.IntN(3) {
		if r.IntN(4) == 0 {
			pick(r, shapeMutations...)(r, c)
			continue
		}
		change, it, seed := pick(r, fieldMutations...), c.items[r.IntN(len(c.items))], r.Uint64()
		where := r.IntN(3)
		if where != 0 {
			change(rand.New(rand.NewPCG(seed, 0)), &it.local)
		}
		if where != 1 { // where is 2: the same choice in both
			change(rand.New(rand.NewPCG(seed, 0)), &it.central)
		}
		if len(c.items) == 0 {
			break
		}
	}
	return c.bytes()
}

// byteMutations change bytes where they stand, mostly inside records.
var byteMutations = []func(*rand.Rand, []byte) []byte{
	func(r *rand.Rand, b []byte) []byte { b[r.IntN(len(b))] ^= 1 << r.IntN(8); return b },
	func(r *rand.Rand, b []byte) []byte { b[inRecord(r, b)] = byte(r.Uint32()); return b },
	func(r *rand.Rand, b []byte) []byte { b[inRecord(r, b)] ^= 1 << r.IntN(8); return b },
	func(r *rand.Rand, b []byte) []byte { b[inRecord(r, b)]++; return b },
	func(r *rand.Rand, b []byte) []byte { return slices.Insert(b, r.IntN(len(b)), byte(r.Uint32())) },
	func(r *rand.Rand, b []byte) []byte { i := r.IntN(len(b)); return slices.Delete(b, i, i+1) },
	func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b)-1)+1] },
	func(r *rand.Rand, b []byte) []byte {
		i, j := r.IntN(len(b)), r.IntN(len(b))
		return slices.Insert(b, j, slices.Clone(b[min(i, j):max(i, j)])...)
	},
	func(_ *rand.Rand, b []byte) []byte { return append(b, plain().bytes()...) },
	func(_ *rand.Rand, b []byte) []byte { return append(plain().bytes(), b...) },
}

func inRecord(r *rand.Rand, b []byte) int {
	sig := pick(r, "PK\x03\x04", "PK\x01\x02", "PK\x05\x06", "PK\x07\x08")
	n := bytes.Count(b, []byte(sig))
	if n == 0 {
		return r.IntN(len(b))
	}
	at := 0
	for range r.IntN(n) + 1 {
		at += bytes.Index(b[at:], []byte(sig)) + 4
	}
	return min(at+r.IntN(50), len(b)-1)
}

func byteLevel(r *rand.Rand, seeds [][]byte) []byte {
	b := slices.Clone(pick(r, seeds...))
	for range 1 + r.IntN(2) {
		b = pick(r, byteMutations...)(r, b)
	}
	return b
}

// specimens are all crafted archives, and mutants of legal ones.
func specimens(t *testing.T) [][]byte {
	var all [][]byte
	for _, c := range append(differing(), malformed()...) {
		if len(c.data) > 0 && len(c.data) < 16<<20 {
			all = append(all, c.data)
		}
	}
	seeds := [][]byte{plain().bytes(), craft(streamed("manifest.xml", manifestText)).bytes()}
	for name, b := range realArchives(t) {
		if strings.HasPrefix(name, "blogs") || strings.HasPrefix(name, "site-map") || strings.HasPrefix(name, "bookmarks-d") {
			seeds = append(seeds, b)
		}
	}
	slices.SortFunc(seeds, bytes.Compare)
	r := rand.New(rand.NewPCG(mutantSeed, 1))
	for i := range mutants {
		if i%2 == 0 {
			all = append(all, structural(r))
			continue
		}
		all = append(all, byteLevel(r, seeds))
	}
	return all
}

// TestNothingAcceptedThatReadersReadDifferently holds what we accept against three other readers.
// What we refuse counts too: a comparison in which nothing differs would prove nothing.
func TestNothingAcceptedThatReadersReadDifferently(t *testing.T) {
	all := specimens(t)
	ours, std := make([]view, len(all)), make([]view, len(all))
	accepted := 0
	for i, b := range all {
		ours[i], std[i] = ourView(b), goView(b)
		if ours[i] != unreadable {
			accepted++
		}
	}
	if accepted < len(all)/50 {
		t.Errorf("only %d of %d archives are accepted: the comparison has no teeth", accepted, len(all))
	}
	t.Run("archive/zip", func(t *testing.T) {
		for i := range all {
			if ours[i] != unreadable && ours[i] != std[i] {
				t.Errorf("archive %d is accepted and archive/zip reads something else", i)
			}
		}
	})
	t.Run("JDK", func(t *testing.T) {
		file, stream := javaViews(t, all)
		differ, taken := 0, 0
		for i := range all {
			if std[i] == file[i] && std[i] == stream[i] {
				continue
			}
			differ++
			if ours[i] != unreadable {
				taken++
				t.Errorf("archive %d is accepted; archive/zip reads %.8s, ZipFile %.8s, ZipInputStream %.8s",
					i, std[i], file[i], stream[i])
			}
		}
		t.Logf("%d accepted, %d read differently by the three readers", accepted, differ)
		t.Logf("prove: %d crafted archives, %d accepted that readers read differently", len(all), taken)
		if differ < len(all)/10 {
			t.Errorf("only %d are read differently: the comparison has no teeth", differ)
		}
	})
}
