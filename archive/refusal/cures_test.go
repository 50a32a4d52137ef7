package refusal_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive/refusal"
)

// codes are all codes that the source of the package declares.
func codes(t *testing.T) map[string]refusal.Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]refusal.Code{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all[spec.Names[0].Name] = refusal.Code(s)
		return true
	})
	if len(all) < 30 {
		t.Fatalf("only %d codes were found", len(all))
	}
	return all
}

// TestCodes: a code is one word for alarms, no two are the same, and each has a cure in one line.
func TestCodes(t *testing.T) {
	word, seen := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`), map[refusal.Code]string{}
	for name, code := range codes(t) {
		if !word.MatchString(string(code)) {
			t.Errorf("%s is %q", name, code)
		}
		if other := seen[code]; other != "" {
			t.Errorf("%s and %s are both %q", name, other, code)
		}
		seen[code] = name
		cure := refusal.New(code, "x").Cure()
		if code == refusal.CodeForeign {
			if cure != "" {
				t.Errorf("%s has the cure %q: who refuses it knows what the file is", name, cure)
			}
			continue
		}
		if cure == "" || strings.ContainsAny(cure, "\n\t") || strings.HasSuffix(cure, ".") || strings.TrimSpace(cure) != cure {
			t.Errorf("%s: cure %q", name, cure)
		}
	}
}

// TestCures: the cure names the command that heals.
func TestCures(t *testing.T) {
	for code, want := range map[refusal.Code]string{
		refusal.CodeComment:   "stagelock archive repack FILE --out NEW.lar",
		refusal.CodeZIP64:     "stagelock archive repack FILE --out NEW.lar",
		refusal.CodePrefix:    "stagelock archive repack FILE --out NEW.lar",
		refusal.CodePath:      "stagelock archive repack FILE --out NEW.lar",
		refusal.CodeMethod:    "7z a -tzip -mm=Deflate",
		refusal.CodeMode:      "zip -r without -y",
		refusal.CodeEntries:   "--max-entries",
		refusal.CodeEntrySize: "--max-size",
		refusal.CodeTotalSize: "--max-size",
		refusal.CodeRatio:     "--max-ratio",
		refusal.CodeDuplicate: "zip -d",
		refusal.CodeCRC:       "damaged on its way",
		refusal.CodeDigest:    "get the parts again",
	} {
		if got := refusal.New(code, "x").Cure(); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want one with %q", code, got, want)
		}
	}
	if got := refusal.New("unheard-of", "x").Cure(); got != "" {
		t.Errorf("a code of nobody has the cure %q", got)
	}
}

// TestHealIsOfOneRefusal: advice for one refusal changes no other.
func TestHealIsOfOneRefusal(t *testing.T) {
	r, other := refusal.New(refusal.CodeName, "x"), refusal.New(refusal.CodeName, "x")
	before := other.Cure()
	if got := r.Heal("rename it"); got != r || r.Cure() != "rename it" || other.Cure() != before {
		t.Errorf("cures %q and %q", r.Cure(), other.Cure())
	}
	if got := r.Heal("").Cure(); got != before {
		t.Errorf("advice taken back: %q, want %q", got, before)
	}
}

// TestErrorText: the entry is told by its index and never by its name, which may be the attack.
func TestErrorText(t *testing.T) {
	cause := errors.New("cause")
	for _, tt := range []struct {
		name string
		r    *refusal.Refusal
		want string
	}{
		{"of no entry", refusal.New(refusal.CodeEnd, "no end"), "no end"},
		{"with values", refusal.New(refusal.CodeEntries, "%d entries are more than %d", 3, 2), "3 entries are more than 2"},
		{"of the first entry", refusal.New(refusal.CodeName, "bad").At(0, "a", 5), "entry 0: bad"},
		{"of an entry with an evil name", refusal.New(refusal.CodeName, "bad").At(7, "\x1b[2Jevil\n", 5), "entry 7: bad"},
		{"with a cause", &refusal.Refusal{Code: refusal.CodeXML, Index: -1, Msg: "parse", Err: cause}, "parse: cause"},
		{"with a cause, of an entry", &refusal.Refusal{Code: refusal.CodeXML, Index: 2, Msg: "parse", Err: cause}, "entry 2: parse: cause"},
		{"a percent sign in a value", refusal.New(refusal.CodeName, "name %q", "%s%n"), `name "%s%n"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.r.Error(); got != tt.want || strings.Contains(got, "evil") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAt: the last step knows the entry, the deepest knows the place.
func TestAt(t *testing.T) {
	r := refusal.New(refusal.CodeLocal, "x")
	if r.Index != -1 || r.Offset != -1 || r.Entry != "" {
		t.Errorf("new, it is at %d, %d, %q", r.Index, r.Offset, r.Entry)
	}
	for _, tt := range []struct {
		index  int
		entry  string
		offset int64
		want   int64
	}{{3, "a", -1, -1}, {3, "a", 0, 0}, {4, "b", 9, 0}, {5, "c", -1, 0}} {
		if got := r.At(tt.index, tt.entry, tt.offset); got != r || r.Index != tt.index || r.Entry != tt.entry || r.Offset != tt.want {
			t.Errorf("at %d, %d, %q, want %d, %d, %q", r.Index, r.Offset, r.Entry, tt.index, tt.want, tt.entry)
		}
	}
}

// TestCodeOf: the code is found through whatever wraps a refusal, and nothing else has one.
func TestCodeOf(t *testing.T) {
	r := refusal.New(refusal.CodeGap, "x")
	for _, tt := range []struct {
		name string
		err  error
		want refusal.Code
	}{
		{"nothing", nil, ""},
		{"itself", r, refusal.CodeGap},
		{"wrapped", fmt.Errorf("a: %w", fmt.Errorf("b: %w", r)), refusal.CodeGap},
		{"joined", errors.Join(io.EOF, r), refusal.CodeGap},
		{"the outer of two", &refusal.Refusal{Code: refusal.CodeXML, Err: r}, refusal.CodeXML},
		{"its text alone", errors.New(r.Error()), ""},
		{"wrapped by its text", fmt.Errorf("a: %v", r), ""},
		{"an error of reading", io.ErrUnexpectedEOF, ""},
	} {
		if got := refusal.CodeOf(tt.err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	cause := &refusal.Refusal{Code: refusal.CodeXML, Index: -1, Msg: "parse", Err: io.ErrUnexpectedEOF}
	if !errors.Is(cause, io.ErrUnexpectedEOF) || errors.Is(r, io.EOF) || r.Unwrap() != nil {
		t.Error("causes are not told apart")
	}
}
