package parts_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/archive/refusal"
)

var errDisk = errors.New("disk is gone")

func split(t testing.TB, lar string, size, buffer int64) []parts.Part {
	t.Helper()
	all, err := parts.Split(lar, size, buffer)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(all)
}

func TestSplitNamesPartsAsTheVendorDoes(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		name        string
		size        int64
		parts       int
		first, last string
		lastSize    int64
	}{
		{"1 byte", 1, 1, "00", "00", 1},
		{"a byte less than the buffer", 10*mib - 1, 1, "00", "00", 10*mib - 1},
		{"the buffer exactly", 10 * mib, 1, "00", "00", 10 * mib},
		{"a byte more", 10*mib + 1, 2, "00", "01", 1},
		{"25 MB", 25_000_000, 3, "00", "02", 25_000_000 - 20*mib},
		{"99 MiB", 99 * mib, 10, "00", "09", 9 * mib},
		{"100 MiB: the quotient has two digits", 100 * mib, 10, "000", "009", 10 * mib},
		{"1 GiB", 1024 * mib, 103, "0000", "0102", 4 * mib},
		{"100 GiB", 100 * 1024 * mib, 10240, "000000", "010239", 10 * mib},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := split(t, "20143-7.lar", tt.size, parts.DefaultBuffer)
			if len(got) != tt.parts {
				t.Fatalf("got %d parts, want %d", len(got), tt.parts)
			}
			first, last := got[0], got[len(got)-1]
			if first.Name != "20143-7.lar"+tt.first || last.Name != "20143-7.lar"+tt.last {
				t.Errorf("got names %q to %q, want endings %s to %s", first.Name, last.Name, tt.first, tt.last)
			}
			if last.Size != tt.lastSize || last.Offset+last.Size != tt.size {
				t.Errorf("last part: got %d bytes at %d, want %d at the end", last.Size, last.Offset, tt.lastSize)
			}
		})
	}
}

func TestSplitRefusesWhatTheVendorCannotSend(t *testing.T) {
	for _, buffer := range []int64{0, -1, 1 << 31} {
		if _, err := parts.Split("a.lar", 1, buffer); !errors.Is(err, parts.ErrBuffer) {
			t.Errorf("buffer %d: got %v, want %v", buffer, err, parts.ErrBuffer)
		}
	}
	if _, err := parts.Split("a.lar", 1<<40, 1); err == nil {
		t.Error("2^40 parts are accepted")
	}
	if got := split(t, "a.lar", 0, 10); len(got) != 0 {
		t.Errorf("empty archive: got %d parts, want none", len(got))
	}
}

// join puts shuffled parts of b together.
func join(b []byte, all []parts.Part, wantMD5 string) ([]byte, parts.Digests, error) {
	byName, names := map[string]parts.Part{}, []string{}
	for _, p := range all {
		byName[p.Name] = p
		names = append(names, p.Name)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var out bytes.Buffer
	d, err := parts.Join(context.Background(), &out, names, wantMD5, func(name string) (io.ReadCloser, error) {
		return io.NopCloser(byName[name].Section(bytes.NewReader(b))), nil
	})
	return out.Bytes(), d, err
}

func TestSplitAndJoinAreInverse(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 3000).Draw(r, "archive")
		buffer := rapid.Int64Range(1, 3001).Draw(r, "buffer")
		name := rapid.StringMatching(`[a-z0-9.]{1,8}`).Draw(r, "name")
		all, err := parts.Split(name, int64(len(b)), buffer)
		if err != nil {
			r.Fatal(err)
		}
		want, err := parts.Digest(context.Background(), bytes.NewReader(b))
		if err != nil {
			r.Fatal(err)
		}
		got, d, err := join(b, slices.Collect(all), want.MD5)
		if err != nil || !bytes.Equal(got, b) || d != want {
			r.Fatalf("joined %d bytes of %d, %+v, %v", len(got), len(b), d, err)
		}
	})
}

func TestDigests(t *testing.T) {
	got, err := parts.Digest(context.Background(), strings.NewReader("abc"))
	want := parts.Digests{
		Bytes: 3, MD5: "900150983cd24fb0d6963f7d28e17f72",
		SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestJoinRefusesAnotherDigest(t *testing.T) {
	b := []byte("some bytes")
	got, _, err := join(b, split(t, "a.lar", int64(len(b)), 3), "900150983cd24fb0d6963f7d28e17f72")
	if refusal.CodeOf(err) != refusal.CodeDigest || !bytes.Equal(got, b) {
		t.Errorf("got %q and %v, want the bytes and %s", got, err, refusal.CodeDigest)
	}
}

func TestJoinStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errDisk)
	_, err := parts.Join(ctx, io.Discard, []string{"a00"}, "", func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("x")), nil
	})
	if !errors.Is(err, errDisk) {
		t.Errorf("got %v, want %v", err, errDisk)
	}
}

func TestJoinNamesThePartThatBroke(t *testing.T) {
	_, err := parts.Join(context.Background(), io.Discard, []string{"a00", "a01"}, "", func(name string) (io.ReadCloser, error) {
		if name == "a01" {
			return nil, errDisk
		}
		return io.NopCloser(strings.NewReader("x")), nil
	})
	if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), `"a01"`) {
		t.Errorf("got %v, want %v about a01", err, errDisk)
	}
}

func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name  string
		names []string
		want  bool
	}{
		{"none", nil, false},
		{"one", []string{"a.lar00"}, true},
		{"out of order", []string{"a.lar02", "a.lar00", "a.lar01"}, true},
		{"wider than needed", []string{"a.lar0001", "a.lar0000"}, true},
		{"name that ends in a digit", []string{"a101", "a100", "a102"}, true},
		{"one digit", []string{"a.lar0", "a.lar1"}, false},
		{"first missing", []string{"a.lar01", "a.lar02"}, false},
		{"middle missing", []string{"a.lar00", "a.lar02"}, false},
		{"two widths", []string{"a.lar00", "a.lar001"}, false},
		{"two names", []string{"a.lar00", "b.lar01"}, false},
		{"twice", []string{"a.lar00", "a.lar00"}, false},
		{"index only", []string{"00", "01"}, false},
		{"a stray file", []string{"a.lar00", "assembled_1.lar"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parts.Order(tt.names)
			if (err == nil) != tt.want || err != nil && refusal.CodeOf(err) != refusal.CodeParts {
				t.Fatalf("got %v, %v, want success %v", got, err, tt.want)
			}
			if err == nil && !slices.IsSorted(got) {
				t.Errorf("got %q, not sorted", got)
			}
		})
	}
}
