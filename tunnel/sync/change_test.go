package sync_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// keyOf is the key of the nth server of a test.
func keyOf(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n + 1)}, ed25519.SeedSize))
}

func serverOf(n int) sync.ServerID { return sync.IDOf(keyOf(n).Public().(ed25519.PublicKey)) }

var noon = time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)

// sample is a good change of server n.
func sample(n int, edit func(c *sync.Change)) *sync.Change {
	c := &sync.Change{
		ID: sync.ID{Origin: serverOf(n), Counter: 7}, Object: "Läden/article/11-22", Op: sync.Put,
		Vector: sync.Vector{serverOf(n): 7, serverOf(n + 1): 3}, Stamp: sync.Stamp{Milli: noon.UnixMilli(), Logic: 2},
		Payload: sync.DigestOf([]byte("x")), Size: 1, Needs: []sync.Object{"Läden/article-folder/a"},
		Author: `O'Brien "<&> ` + "\u2028", Title: "Größe 日本 🎈\\", Resolves: []sync.ID{{Origin: serverOf(2), Counter: 1}},
	}
	if edit != nil {
		edit(c)
	}
	c.Sign(keyOf(n))
	return c
}

func TestChangeHasOneForm(t *testing.T) {
	for name, c := range map[string]*sync.Change{
		"full": sample(0, nil),
		"bare": sample(1, func(c *sync.Change) {
			c.Needs, c.Resolves, c.Author, c.Title = nil, nil, "", ""
		}),
		"delete": sample(2, func(c *sync.Change) { c.Op, c.Payload, c.Size = sync.Delete, sync.Digest{}, 0 }),
	} {
		t.Run(name, func(t *testing.T) {
			b := c.Append(nil)
			got, err := sync.ParseChange(b)
			if err != nil {
				t.Fatalf("%v in %s", err, b)
			}
			if err := got.Verify(noon); err != nil {
				t.Error(err)
			}
			if again := got.Append(nil); !bytes.Equal(again, b) {
				t.Errorf("%s becomes %s", b, again)
			}
			if !json.Valid(b) {
				t.Errorf("no JSON: %s", b)
			}
		})
	}
}

// TestFormIsThatOfRFC8785 has the form written out once, so that nobody changes it by accident: every
// signature there is covers it.
func TestFormIsThatOfRFC8785(t *testing.T) {
	c := sample(0, func(c *sync.Change) { c.Needs, c.Resolves = nil, nil })
	want := `{"author":"O'Brien \"<&> ` + "\u2028" + `","id":"` + string(serverOf(0)) + `-7","key":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=",` +
		`"needs":[],"object":"Läden/article/11-22","op":"put","payload":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",` +
		`"resolves":[],"signature":"`
	got := string(c.Append(nil))
	if !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s…", got, want)
	}
	tail := fmt.Sprintf(`","size":1,"stamp":[%d,2],"title":"Größe 日本 🎈\\","vector":{`, noon.UnixMilli())
	if !strings.Contains(got, tail) {
		t.Errorf("got %s, want …%s…", got, tail)
	}
}

func TestOtherFormsAreRefused(t *testing.T) {
	good := string(sample(0, nil).Append(nil))
	for _, tt := range []struct{ name, old, new string }{
		{"a blank", `{"author"`, `{ "author"`},
		{"another order", `"op":"put","payload"`, `"payload":"","op":"put","payload"`},
		{"a field twice", `"op":"put"`, `"op":"put","op":"put"`},
		{"an unknown field", `"op":"put"`, `"nop":1,"op":"put"`},
		{"another case", `"op":"put"`, `"Op":"put"`},
		{"an escape", `"op":"put"`, `"op":"p\u0075t"`},
		{"a fraction", `"size":1`, `"size":1.0`},
		{"an exponent", `"size":1`, `"size":1e0`},
		{"null", `"size":1`, `"size":null`},
		{"a leading zero", `-7"`, `-07"`},
		{"a stamp that is too long", `,2],"title"`, `,65536],"title"`},
		{"a stamp below zero", `,2],"title"`, `,-1],"title"`},
		{"capital digits", `"payload":"2d7`, `"payload":"2D7`},
		{"another op", `"op":"put"`, `"op":"cut"`},
		{"something behind", `}}`, `}} `},
		{"two values", `}}`, `}}{}`},
		{"no vector", `"vector":{`, `"vector":{"x":1,`},
		{"no text", `Größe`, "Gr\xff\xfee"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatalf("the good form has no %q", tt.old)
			}
			if _, err := sync.ParseChange([]byte(bad)); !errors.Is(err, sync.ErrMalformed) {
				t.Errorf("error %v of %s", err, bad)
			}
		})
	}
}

func TestMalformedChanges(t *testing.T) {
	long := strings.Repeat("ü", 201)
	for _, tt := range []struct {
		name string
		edit func(c *sync.Change)
		want string
	}{
		{"no counter", func(c *sync.Change) { c.ID.Counter = 0 }, "its id is none"},
		{"another's key", func(c *sync.Change) { c.ID.Origin = serverOf(3); c.Vector[serverOf(3)] = 7 }, "not its origin's"},
		{"without itself", func(c *sync.Change) { c.Vector[serverOf(0)] = 6 }, "lacks itself"},
		{"no server in the vector", func(c *sync.Change) { c.Vector["x"] = 6 }, "no counter of a server"},
		{"a zero in the vector", func(c *sync.Change) { c.Vector[serverOf(4)] = 0 }, "no counter of a server"},
		{"too many servers", func(c *sync.Change) {
			for i := range 65 {
				c.Vector[serverOf(i)] = 7
			}
		}, "too many servers"},
		{"a put of nothing", func(c *sync.Change) { c.Payload = sync.Digest{} }, "neither puts nor deletes"},
		{"a deletion with content", func(c *sync.Change) { c.Op = sync.Delete }, "neither puts nor deletes"},
		{"a size below zero", func(c *sync.Change) { c.Size = -1 }, "its size"},
		{"no time", func(c *sync.Change) { c.Stamp = sync.Stamp{} }, "its stamp"},
		{"too many needs", func(c *sync.Change) { c.Needs = make([]sync.Object, 33) }, "needs too much"},
		{"decides too much", func(c *sync.Change) { c.Resolves = make([]sync.ID, 65) }, "decides too much"},
		{"a need that is none", func(c *sync.Change) { c.Needs = []sync.Object{"x"} }, "no name of an object"},
		{"no object", func(c *sync.Change) { c.Object = "a/b" }, "no name of an object"},
		{"a line break in the title", func(c *sync.Change) { c.Title = "a\nb" }, "its title"},
		{"a long title", func(c *sync.Change) { c.Title = long }, "its title"},
		{"an author in colour", func(c *sync.Change) { c.Author = "\x1b[31m" }, "its author"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := sample(0, tt.edit)
			for what, err := range map[string]error{"Check": c.Check(), "Verify": c.Verify(noon)} {
				if !errors.Is(err, sync.ErrMalformed) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

func TestForgedChanges(t *testing.T) {
	for name, forge := range map[string]func(c *sync.Change){
		"another title":    func(c *sync.Change) { c.Title = "y" },
		"another object":   func(c *sync.Change) { c.Object = "s/article/y" },
		"another content":  func(c *sync.Change) { c.Payload = sync.DigestOf([]byte("y")) },
		"another vector":   func(c *sync.Change) { c.Vector[serverOf(5)] = 1 },
		"another time":     func(c *sync.Change) { c.Stamp.Logic++ },
		"another decision": func(c *sync.Change) { c.Resolves = nil },
		"no signature":     func(c *sync.Change) { c.Signature = nil },
		"a cut signature":  func(c *sync.Change) { c.Signature = c.Signature[:63] },
		"a stranger's":     func(c *sync.Change) { c.Signature = sample(1, nil).Signature },
		"of other use":     func(c *sync.Change) { c.Signature = ed25519.Sign(keyOf(0), c.Append(nil)) },
		"another's, re-own": func(c *sync.Change) {
			c.Signature = sample(0, func(c *sync.Change) { c.ID.Counter = 8; c.Vector[serverOf(0)] = 8 }).Signature
		},
	} {
		c := sample(0, nil)
		forge(c)
		if err := c.Verify(noon); !errors.Is(err, sync.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStampsFromTheFuture(t *testing.T) {
	c := sample(0, nil)
	if err := c.Verify(noon.Add(-sync.MaxAhead)); err != nil {
		t.Error(err)
	}
	if err := c.Verify(noon.Add(-sync.MaxAhead - time.Second)); !errors.Is(err, sync.ErrClock) {
		t.Errorf("error %v", err)
	}
}

func TestStampsNeverFall(t *testing.T) {
	s := sync.Stamp{}
	for i, now := range []time.Time{noon, noon, noon.Add(-time.Hour), noon.Add(time.Millisecond)} {
		next := s.Next(now)
		if next.Compare(s) <= 0 || s.Compare(next) >= 0 || next.Compare(next) != 0 {
			t.Errorf("step %d: %v after %v", i, next, s)
		}
		s = next
	}
	full := sync.Stamp{Milli: noon.UnixMilli(), Logic: 1<<16 - 1}
	if got := full.Next(noon); got.Compare(full) <= 0 {
		t.Errorf("%v after %v", got, full)
	}
}

func TestNamesOfObjects(t *testing.T) {
	for text, ok := range map[string]bool{
		"Läden 🛍/article/11": true, "s/page.private/a/b": true, "s/kentico.media.file/x": true,
		"": false, "s": false, "s/article": false, "s/article/": false, "/article/x": false, "s/Article/x": false, "s//x": false,
		"s/article/a\nb": false, "s/article/\xff": false, "s/a_b/x": false,
		"s/article/" + strings.Repeat("x", 301): false, strings.Repeat("s", 201) + "/a/b": false,
		strings.Repeat("ü", 200) + "/a/" + strings.Repeat("x", 111): false, // 514 bytes
	} {
		if _, err := sync.ParseObject(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	if site, kind, id := sync.Object("s/page.private/a/b").Parts(); site != "s" || kind != "page.private" || id != "a/b" {
		t.Errorf("%q, %q, %q", site, kind, id)
	}
}

func TestLineOfAnyText(t *testing.T) {
	for in, want := range map[string]string{"a\nb": "a b", "\x1b[31m": " [31m", "\xff": " ", "ü": "ü",
		strings.Repeat("ü", 300): strings.Repeat("ü", 200)} {
		if got := sync.Line(in); got != want {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

// FuzzChange: what parses writes back to the same bytes, and checks.
func FuzzChange(f *testing.F) {
	for n := range 3 {
		f.Add(sample(n, nil).Append(nil))
	}
	f.Add([]byte(`{"author":"","id":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := sync.ParseChange(b)
		if err != nil {
			if !errors.Is(err, sync.ErrMalformed) {
				t.Errorf("error %v", err)
			}
			return
		}
		if got := c.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%q becomes %q", b, got)
		}
		if err := c.Check(); err != nil {
			t.Errorf("parsed, but %v", err)
		}
	})
}
