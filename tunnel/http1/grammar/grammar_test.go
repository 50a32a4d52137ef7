package grammar_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1/grammar"
)

// TestFind holds for heads that come whole, and byte by byte: the answer is the same.
func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     int // 0: not complete, -1: refused
	}{
		{"one line", "GET / HTTP/1.1\r\n\r\n", 18},
		{"with a body", "A\r\nB: c\r\n\r\nbody\n\n", 11},
		{"nothing but an empty line", "\r\n", 2},
		{"nothing", "", 0},
		{"no end of a line", "GET / HTTP/1.1", 0},
		{"no empty line", "GET / HTTP/1.1\r\n", 0},
		{"half an empty line", "GET / HTTP/1.1\r\n\r", 0},
		{"bare line feed", "GET / HTTP/1.1\n\r\n", -1},
		{"bare line feed for the empty line", "GET / HTTP/1.1\r\n\n", -1},
		{"line feed first", "\nGET", -1},
		{"line feed twice", "A\r\n\r\n\n", 5},
		{"carriage return in a line", "A\rB\r\n\r\n", 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var whole, piecewise grammar.Scanner
			n, err := whole.Find([]byte(tt.in))
			if tt.want < 0 != (err != nil) || tt.want >= 0 && n != tt.want {
				t.Errorf("whole: %d, %v; want %d", n, err, tt.want)
			}
			for i := 1; i <= len(tt.in); i++ {
				m, failed := piecewise.Find([]byte(tt.in[:i]))
				if (failed != nil) != (err != nil) && i == len(tt.in) {
					t.Errorf("piecewise: %d, %v", m, failed)
				}
				if m > 0 {
					if m != n || m != i {
						t.Errorf("piecewise: %d after %d bytes, whole %d", m, i, n)
					}
					return
				}
				if failed != nil {
					return
				}
			}
		})
	}
}

// FuzzFind holds: a head is found where it first ends in an empty line, wherever its bytes were cut, and
// none of its line feeds is bare.
func FuzzFind(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", uint8(3))
	f.Add("\n", uint8(0))
	f.Add("a\r\n\r", uint8(3))
	f.Fuzz(func(t *testing.T, in string, cut uint8) {
		var one, two grammar.Scanner
		n, err := one.Find([]byte(in))
		at := min(int(cut), len(in))
		m, failed := two.Find([]byte(in[:at]))
		if m == 0 && failed == nil {
			m, failed = two.Find([]byte(in))
		}
		if m != n || (failed == nil) != (err == nil) {
			t.Fatalf("whole %d, %v; cut at %d: %d, %v", n, err, at, m, failed)
		}
		if err != nil || n == 0 {
			return
		}
		head := in[:n]
		if head != "\r\n" && strings.Index(head, "\r\n\r\n") != n-4 {
			t.Fatalf("head %q", head)
		}
		if strings.Count(head, "\n") != strings.Count(head, "\r\n") {
			t.Fatalf("bare line feed in %q", head)
		}
	})
}

func TestParseLength(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64 // -1: refused
	}{
		{"0", 0}, {"1", 1}, {"10", 10}, {"9223372036854775807", 1<<63 - 1},
		{"", -1}, {"00", -1}, {"01", -1}, {"+1", -1}, {"-1", -1}, {" 1", -1}, {"1 ", -1}, {"1,1", -1}, {"0x1", -1},
		{"1e3", -1}, {"1_000", -1}, {"9223372036854775808", -1}, {"99999999999999999999", -1}, {"\u0661", -1},
	} {
		t.Run(tt.in, func(t *testing.T) {
			n, ok := grammar.ParseLength(tt.in)
			if ok != (tt.want >= 0) || ok && n != tt.want {
				t.Errorf("got %d, %t", n, ok)
			}
		})
	}
}

// TestAppendFields holds: no name and no value makes a second field, and none touches the framing.
func TestAppendFields(t *testing.T) {
	for _, tt := range []struct {
		name, field, value string
		refused            bool
	}{
		{"plain", "X-A", "b", false},
		{"empty value", "X-A", "", false},
		{"tab", "X-A", "a\tb", false},
		{"longer than any rule", "X-" + strings.Repeat("a", 100), "b", false},
		{"no name", "", "b", true},
		{"blank in the name", "X A", "b", true},
		{"colon in the name", "X-A:", "b", true},
		{"underscore, which some servers take for a hyphen", "Content_Length", "0", true},
		{"line break in the name", "X\r\nY", "b", true},
		{"line break in the value", "X-A", "b\r\nY: c", true},
		{"carriage return", "X-A", "b\rc", true},
		{"line feed", "X-A", "b\nc", true},
		{"zero", "X-A", "b\x00", true},
		{"delete", "X-A", "\x7f", true},
		{"beyond ASCII", "X-A", "\xe9", true},
		{"length", "Content-Length", "0", true},
		{"length in another case", "cOnTeNt-LeNgTh", "0", true},
		{"encoding", "Transfer-Encoding", "chunked", true},
		{"connection", "Connection", "close", true},
		{"host", "HOST", "a", true},
		{"upgrade", "Upgrade", "h2c", true},
		{"te", "TE", "trailers", true},
		{"trailer", "Trailer", "X", true},
		{"expect", "Expect", "100-continue", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := grammar.AppendFields([]byte("before\r\n"), []grammar.Field{{Name: tt.field, Value: tt.value}})
			if tt.refused {
				if !errors.Is(err, grammar.ErrField) || got != nil {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if want := "before\r\n" + tt.field + ": " + tt.value + "\r\n"; err != nil || string(got) != want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestFold(t *testing.T) {
	var low grammar.Folded
	for in, want := range map[string]string{
		"": "", "Host": "host", "X-1": "x-1", "TRANSFER-ENCODING": "transfer-encoding", "TRANSFER-ENCODINGS": "",
		"\u212aey": "\u212aey", "[\\]@": "[\\]@",
	} {
		if got := string(grammar.Fold(&low, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if got := string(grammar.Fold(&low, []byte(in))); got != want {
			t.Errorf("bytes of %q: %q, want %q", in, got, want)
		}
	}
	name := []byte("Content-Length")
	if n := testing.AllocsPerRun(10, func() { grammar.Fold(&low, name) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestTrimCutsNoMoreThanBlanks(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " ": "", "\t \t": "", " a b ": "a b", "a": "a", "\u00a0a": "\u00a0a", "\va\f": "\va\f", "a\r": "a\r",
	} {
		if got := grammar.Trim(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestClassesKeepTheirBytes holds for every byte: none that ends a line or a field is in any class.
func TestClassesKeepTheirBytes(t *testing.T) {
	for b := range 256 {
		c := grammar.Classes[b]
		s := string([]byte{byte(b)})
		if strings.ContainsAny(s, "\r\n\x00\x7f") && c != 0 || b > 0x7f && c != 0 {
			t.Errorf("%q is in the classes %b", s, c)
		}
		if strings.ContainsAny(s, " \t:,;\"(){}/") && c&(grammar.InName|grammar.InToken) != 0 {
			t.Errorf("%q may stand in a name", s)
		}
		if c&grammar.InName != 0 && c&grammar.InToken == 0 {
			t.Errorf("%q may stand in a request's names only", s)
		}
		if grammar.All(s, grammar.InTarget) && (b <= ' ' || b == 0x7f) {
			t.Errorf("%q may stand in a target", s)
		}
	}
}

func TestMethodsAreThreeAndInCapitals(t *testing.T) {
	for m, want := range map[string]bool{"POST": true, "GET": true, "HEAD": true, "get": false, "PUT": false, "": false,
		"CONNECT": false, "GET ": false} {
		if got := grammar.KnownMethod(m); got != want {
			t.Errorf("%q: %t", m, got)
		}
	}
}

func TestCutLine(t *testing.T) {
	line, rest := grammar.CutLine("a\r\nb\r\n\r\n")
	if line != "a" || rest != "b\r\n\r\n" {
		t.Errorf("%q, %q", line, rest)
	}
	if line, rest = grammar.CutLine("\r\n"); line != "" || rest != "" {
		t.Errorf("%q, %q", line, rest)
	}
}
