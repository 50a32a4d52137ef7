package format

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestReadValue(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string // nil: none
		wrong    string
	}{
		{"a text", `"abc"`, []string{"abc"}, ""}, {"an empty text", `""`, []string{""}, ""}, {"with its type", `T"abc"`, []string{"abc"}, ""},
		{"blanks in front", "\t \"abc\"", []string{"abc"}, ""}, {"something behind", `"abc" and more`, []string{"abc"}, ""},
		{"a text without an end", `"abc`, []string{"abc"}, ""}, {"no quotes", `abc`, nil, ""}, {"nothing", ``, nil, ""}, {"a type alone", `B`, nil, ""},
		{"true", `B"true"`, []string{"true"}, ""}, {"true in capitals", `B"TRUE"`, []string{"true"}, ""}, {"what is not true", `B"yes"`, []string{"false"}, ""},
		{"a small type", `b"true"`, []string{"true"}, ""},
		{"an int", `I"42"`, []string{"42"}, ""}, {"a negative one", `I"-42"`, []string{"-42"}, ""}, {"a largest int", `I"2147483647"`, []string{"2147483647"}, ""},
		{"too large an int", `I"2147483648"`, nil, "no number"}, {"a long", `L"2147483648"`, []string{"2147483648"}, ""},
		{"too large a long", `L"9223372036854775808"`, nil, "no number"}, {"a short", `S"32767"`, []string{"32767"}, ""}, {"too large a short", `S"32768"`, nil, "no number"},
		{"a byte", `X"127"`, []string{"127"}, ""}, {"too large a byte", `X"128"`, nil, "no number"}, {"a word for an int", `I"many"`, nil, "no number"},
		{"an empty int", `I""`, nil, "no number"}, {"a float that is none", `F"many"`, nil, "no number"},
		{"a float", `f"1.5"`, []string{"1.5"}, ""}, {"a float by its bits", `F"1065353216"`, []string{"1.0"}, ""}, {"a small one", `F"872415232"`, []string{"1.1920929E-7"}, ""},
		{"a double by its bits", `D"-4616189618054758400"`, []string{"-1.0"}, ""}, {"a large one", `d"4711630319722168320"`, []string{"1.0E7"}, ""},
		{"without an end", `D"9218868437227405312"`, []string{"Infinity"}, ""}, {"no double", `D"1e3"`, nil, "no number"}, {"an exponent behind a dot", `D"1.0e3"`, []string{"1000.0"}, ""},
		{"a character of two", `C"xy"`, []string{"x"}, ""}, {"no character", `c""`, nil, ""},
		{"an array", `["a","b"]`, []string{"a", "b"}, ""}, {"a list", `("a","b")`, []string{"a", "b"}, ""}, {"an empty array", `[]`, []string{}, ""},
		{"an array with blanks", `[ "a" , "b" ]`, []string{"a", "b"}, ""}, {"with a comma at its end", `["a",]`, []string{"a"}, ""}, {"with commas only", `[,,]`, []string{}, ""},
		{"of ints", `I["1","2"]`, []string{"1", "2"}, ""}, {"of ints and a word", `I["1","x"]`, nil, "no number"},
		{"over lines", "[\\\n\"a\",\\\r\n\"b\"]", []string{"a", "b"}, ""}, {"with a backslash inside", `[\"a"]`, nil, ""}, {"that does not end", `["a"`, nil, ""},
		{"closed as a list", `["a")`, nil, ""}, {"with a bare word", `[a]`, nil, ""}, {"two texts without a comma", `["a" "b"]`, nil, ""},
		{"a set", `{"a"}`, nil, ""},
		{"escapes", `"a\"b\\c\n\t"`, []string{"a\"b\\c\n\t"}, ""}, {"an escaped letter", `"a\=b\qc"`, []string{"a=bqc"}, ""},
		{"a number of a letter", `"\u0041"`, []string{"A"}, ""}, {"a bad one", `"\u00zz"`, nil, `a bad \u`}, {"a bad one in an array", `["\u00zz"]`, nil, `a bad \u`},
		{"a pair", `"\ud83d\ude00"`, []string{"\U0001f600"}, ""}, {"half a pair", `"\ud83d"`, []string{"\ufffd"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok, wrong := ReadValue(tt.in)
			if wrong != tt.wrong || ok != (tt.want != nil) || ok && !slices.Equal(got, tt.want) {
				t.Errorf("%q, %t, %q, want %q, %q", got, ok, wrong, tt.want, tt.wrong)
			}
		})
	}
}

// A value that a later line replaces is never converted: what is wrong with it harms nothing.
func TestReplacedValuesAreNotLookedAt(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, tt := range []struct {
		name string
		c    *OSGi
		want string
	}{
		{"7.4", ParseConfig("a=I\"x\"\na=\"1\"\n", none), "1"},
		{"Felix", ParseFelix("a=I\"x\"\na=\"1\"\n", false), "1"},
		{"Felix, as plain texts", ParseFelix("a=\\u00zz\na=1\n", false), "1"},
	} {
		if len(tt.c.Values) != 1 || !slices.Equal(tt.c.Values[0].Texts, []string{tt.want}) {
			t.Errorf("%s: %v", tt.name, tt.c.Values)
		}
	}
	if c := ParseConfig("a=\"1\"\nb=D\"1e3\"\n", none); len(c.Values) > 0 {
		t.Errorf("a number that is none does not lose the file: %v", c.Values)
	}
}

// read writes what was read in one line a key, and the notes by their lines, fatal ones with a mark.
func read(c *OSGi) (values, notes string) {
	for _, v := range c.Values {
		values += fmt.Sprintf("%s=%q@%d ", v.Key, v.Texts, v.Line)
	}
	for _, n := range c.Notes {
		mark := ""
		if n.Fatal {
			mark = "!"
		}
		notes += fmt.Sprintf("%d%s ", n.Line, mark)
	}
	return strings.TrimSpace(values), strings.TrimSpace(notes)
}

// says reports whether a note and its cure are there.
func says(c *OSGi, want string) bool {
	return want == "" || slices.ContainsFunc(c.Notes, func(n Note) bool { return strings.Contains(n.Msg+"; "+n.Cure, want) && n.Cure != "" })
}

// vars are the variables that the test's files refer to.
func vars(name string) (string, bool) {
	switch name {
	case "secret":
		return "s3cret", true
	case "loop":
		return "${loop}", true
	case "inner":
		return "secret", true
	case "env:HOST":
		return "h", true
	}
	return "", false
}

func TestConfigAsLaterBuildsReadIt(t *testing.T) {
	for _, tt := range []struct{ name, body, values, notes, says string }{
		{"nothing", "", "", "", ""},
		{"one key", `enabled=B"true"`, `enabled=["true"]@1`, "", ""},
		{"blanks around", ` enabled = B"true" `, `enabled=["true"]@1`, "", ""},
		{"empty lines and comments", "\n# comment\n\nk=\"v\"\n", `k=["v"]@4`, "", ""},
		{"two keys", "a=\"1\"\nb=[\"2\",\"3\"]", `a=["1"]@1 b=["2" "3"]@2`, "", ""},
		{"over lines", "k=[\\\n  \"a\",\\\n  \"b\"\\\n]", `k=["a" "b"]@1`, "", ""},
		{"one key twice", "a=\"1\"\na=\"2\"", `a=["2"]@2`, "2", "a stands twice, first in line 1"},
		{"a line of blanks", "a=\"1\"\n  \nb=\"2\"", "", "2!", "holds blanks only"},
		{"no quotes", "a=\"1\"\nb=2\nc=\"3\"", `a=["1"]@1`, "2!", "reads nothing of the file from here on"},
		{"no key", "=\"1\"", "", "1!", "is no key with a quoted value"},
		{"a key with a blank", "a b=\"1\"", "", "1!", "is no key"},
		{"a set", `a={"1"}`, `a=[]@1`, "1!", "takes for none"},
		{"a bad number", "a=\"1\"\nb=I\"x\"", "", "2!", "no number: the engine's reader fails on it"},
		{"an array of a primitive type", `a=i["1"]`, "", "1!", "an array of a primitive type"},
		{"a backslash at the end", "a=\"1\"\nb=\"2\"\\", `a=["1"]@1`, "2!", "the file ends behind a backslash"},
		{"a variable", `a="${secret}"`, `a=["s3cret"]@1`, "", ""},
		{"a variable in the name of another", `a="${${inner}}"`, `a=["s3cret"]@1`, "", ""},
		{"one that nobody knows", `a="x${nowhere}y"`, `a=["xy"]@1`, "1", "refers to ${nowhere}, for which the engine puts nothing in unless"},
		{"one of the environment", `a="${env:HOST}"`, `a=["h"]@1`, "1", "name the variable LIFERAY_"},
		{"one that stands for itself", `a="${loop}"`, "", "1!", "never comes back"},
		{"one that does not end", `a="${secret"`, `a=["${secret"]@1`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ParseConfig(tt.body, vars)
			if values, notes := read(c); values != tt.values || notes != tt.notes || !says(c, tt.says) {
				t.Errorf("read  %s | %s | %+v\nwant  %s | %s | %s", values, notes, c.Notes, tt.values, tt.notes, tt.says)
			}
		})
	}
}

func TestCfgAsLaterBuildsReadIt(t *testing.T) {
	for _, tt := range []struct{ name, body, values, notes, says string }{
		{"nothing", "", "", "", ""},
		{"plain", "a=1\nb = 2 ", `a=["1"]@1 b=["2"]@2`, "", ""},
		{"comments", "# c\n! d\na=1", `a=["1"]@3`, "", ""},
		{"an equals sign in the value", "a=b=c", `a=["b=c"]@1`, "", ""},
		{"an empty value", "a=", `a=[""]@1`, "", ""},
		{"quotes stay", `a=it "is"`, `a=["it \"is\""]@1`, "", ""},
		{"over lines", "a=1,\\\n  2", `a=["1,2"]@1`, "", ""},
		{"quoted as in the other form", "a=1\nb=\"2\"", "", "2!", "take the quotes away"},
		{"no equals sign", "a=1\nb", "", "2!", "has no equals sign"},
		{"a line of blanks", "a=1\n  \nb=2", "", "2!", "has no equals sign"},
		{"a backslash at the end", "a=1\nb=2\\", `a=["1"]@1`, "2!", "behind a backslash"},
		{"a variable", "a=${secret}", `a=["s3cret"]@1`, "", ""},
		{"one that stands for itself", "a=1\nb=${loop}", "", "2!", "never comes back"},
		{"one key twice", "a=1\na=2", `a=["2"]@2`, "2", "a stands twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ParseCfg(tt.body, vars)
			if values, notes := read(c); values != tt.values || notes != tt.notes || !says(c, tt.says) {
				t.Errorf("read  %s | %s | %+v\nwant  %s | %s | %s", values, notes, c.Notes, tt.values, tt.notes, tt.says)
			}
		})
	}
}

func TestFilesAsFelixReadsThem(t *testing.T) {
	for _, tt := range []struct {
		name, body, values, notes, says string
		cfg                             bool
	}{
		{"nothing", "", "", "", "", false},
		{"strict", `enabled=B"true"`, `enabled=["true"]@1`, "", "", false},
		{"an array", `a=["1","2"]`, `a=["1" "2"]@1`, "", "", false},
		{"plain, in a .cfg", "a=1\nb=2", `a=["1"]@1 b=["2"]@2`, "", "", true},
		{"plain, in a .config", "a=1", `a=["1"]@1`, "1", "is not quoted", false},
		{"one of two plain", "a=\"1\"\nb=2", `a=["\"1\""]@1 b=["2"]@2`, "2", "is not quoted", false},
		{"blanks around the sign", `a = "1"`, `a=["1"]@1`, "1", "an older Felix File Install reads the file otherwise", false},
		{"a comment", "# c\na=\"1\"", `a=["1"]@2`, "2", "and no comments", false},
		{"a colon for the sign", "a:1", `a=["1"]@1`, "", "", true},
		{"a blank for the sign", "a 1", `a=["1"]@1`, "", "", true},
		{"an escaped sign in the key", `a\=b=1`, `a=b=["1"]@1`, "", "", true},
		{"an escaped letter", `a=\u0041`, `a=["A"]@1`, "", "", true},
		{"a bad one in the value", "a=1\nb=\\u00zz", "", "2!", "mend the value", true},
		{"a bad one in the key", `\u00zz=1`, "", "1!", "mend the key", true},
		{"over lines", "a=1,\\\n   2", `a=["1,2"]@1`, "", "", true},
		{"two backslashes at the end", `a=1\\`, `a=["1\\"]@1`, "", "", true},
		{"a backslash at the end", `a=1\`, "", "1!", "behind a backslash", true},
		{"a bad number", `a=I"x"`, "", "1!", "no number", false},
		{"a set", `a={"1"}`, `a=[]@1`, "1! 1", "takes for none", false},
		{"one key twice", "a=1\na=2", `a=["2"]@2`, "2", "a stands twice", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := ParseFelix(tt.body, tt.cfg)
			if values, notes := read(c); values != tt.values || notes != tt.notes || !says(c, tt.says) {
				t.Errorf("read  %s | %s | %+v\nwant  %s | %s | %s", values, notes, c.Notes, tt.values, tt.notes, tt.says)
			}
		})
	}
}

// A file of a million keys takes the memory of a thousand.
func TestKeysAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3 * maxKeys {
		fmt.Fprintf(&b, "k%d=\"v\"\n", i)
	}
	for name, c := range map[string]*OSGi{"config": ParseConfig(b.String(), vars), "felix": ParseFelix(b.String(), false),
		"cfg": ParseCfg(strings.ReplaceAll(b.String(), `"`, ""), vars)} {
		if n := len(c.Values); n > maxKeys || n < maxKeys-1 {
			t.Errorf("%s: %d keys", name, n)
		}
	}
}

// A text that doubles with every variable ends before memory does.
func TestTextsAreBounded(t *testing.T) {
	double := func(string) (string, bool) { return strings.Repeat("${x}", 2), true }
	c := ParseConfig(`a="${x}"`, double)
	if len(c.Values) > 0 || !says(c, "never comes back") {
		t.Errorf("%d values, %v", len(c.Values), c.Notes)
	}
	large := func(string) (string, bool) { return strings.Repeat("x", maxText), true }
	if c := ParseConfig(`a="${x}"`, large); len(c.Values) > 0 {
		t.Errorf("a text of %d", len(c.Values[0].Texts[0]))
	}
}

func TestVariableIsTheInnermost(t *testing.T) {
	for _, tt := range []struct {
		in    string
		want  string // what stands between the braces; - for none, ! for one that is looked for for ever
		start int
	}{
		{"abc", "-", 0}, {"${a}", "a", 0}, {"x${a}y", "a", 1}, {"${a${b}}", "b", 3}, {"${a}${b}", "a", 0}, {"}${a}", "a", 1}, {"${}", "", 0},
		{`$\{a}`, "-", 0}, {"$a}", "-", 0}, {"${a", "-", 0}, {`${a\}b}`, `a\}b`, 0}, {`${a\}`, "!", 0}, {"}", "-", 0}, {"", "-", 0},
	} {
		start, stop, found := variable(tt.in)
		got := "-"
		switch {
		case found && stop < 0:
			got = "!"
		case found:
			got = tt.in[start+2 : stop]
		}
		if got != tt.want || found && tt.want != "!" && start != tt.start {
			t.Errorf("%q: %q at %d, want %q at %d", tt.in, got, start, tt.want, tt.start)
		}
	}
}
