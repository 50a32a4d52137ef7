package directory_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/directory"
)

// problems are what is wrong with a file, a line of text each.
func problems(t *testing.T, file string) []string {
	t.Helper()
	all, err := directory.Read(strings.NewReader(file))
	if err == nil {
		return nil
	}
	if all != nil {
		t.Errorf("users %+v beside %v", all, err)
	}
	return strings.Split(err.Error(), "\n")
}

// TestWordsOfEachProblem holds the whole text of a refusal and that nothing else is told.
func TestWordsOfEachProblem(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"no address", "email,id\n,1\n", []string{`line 2: "" is no e-mail address`}},
		{"address with a name", "email\nAnna <anna@example.com>\n", []string{`line 2: "Anna <anna@example.com>" is no e-mail address`}},
		{"address with angles only", "email\n<anna@example.com>\n", []string{`line 2: "<anna@example.com>" is no e-mail address`}},
		{"two addresses", "email\n\"a@example.com,b@example.com\"\n", []string{`line 2: "a@example.com,b@example.com" is no e-mail address`}},
		{"address with a line break", "email\n\"a@example.com\nb\"\n", []string{`line 2: "a@example.com\nb" is no e-mail address`}},
		{"id 0", "email,id\na@example.com,0\n", []string{`line 2: "0" is no id`}},
		{"id below 0", "email,id\na@example.com,-1\n", []string{`line 2: "-1" is no id`}},
		{"id beyond 64 bits", "email,id\na@example.com,9223372036854775808\n", []string{`line 2: "9223372036854775808" is no id`}},
		{"id in hex", "email,id\na@example.com,0x10\n", []string{`line 2: "0x10" is no id`}},
		{"admin yes", "email,admin\na@example.com,yes\n", []string{`line 2: admin is "yes"`}},
		{"both columns of one", "login,email,uid\n", []string{"line 1: the columns login and uid are both the screen_name"}},
		{"too many columns", "email\na@example.com,b\n", []string{"line 2: another number of columns than the first line"}},
		{"all of them", "email,id,admin\nx,,\na@example.com,x,\nb@example.com,,x\nc@example.com\n",
			[]string{`line 2: "x" is no e-mail address`, `line 3: "x" is no id`, `line 4: admin is "x"`,
				"line 5: another number of columns than the first line"}},
		{"nothing", "", []string{"line 1: no line with the names of the columns: EOF"}},
		{"a byte order mark alone", "\ufeff", []string{"line 1: no line with the names of the columns: EOF"}},
		{"LDIF without a name", "dn: x\n: value\n", []string{"line 2: no attribute: want name: value"}},
		{"LDIF of a bad id", "dn: x\nmail: a@example.com\nuidNumber: -3\n", []string{`line 1: "-3" is no id`}},
		{"LDIF that is cut", "dn: x\nmail: a@example.com\nuid", []string{"line 3: no attribute: want name: value"}},
		{"LDIF of a broken uid", "dn: x\nmail: a@example.com\nuid:: =\n", []string{"line 3: uid is no base64"}},
		{"LDIF that begins with a fold", "dn:x\n\n goes on\n", []string{"line 3: no attribute: want name: value"}},
		{"a uid of another alphabet's bytes", "email,uid\na@example.com,jos\xe9\n", []string{`line 2: "a@example.com", "jos\xe9" is no UTF-8`}},
		{"LDIF of such a uid", "dn: x\nmail: a@example.com\nuid:: am9z6Q==\n", []string{`line 1: "a@example.com", "jos\xe9" is no UTF-8`}},
		{"UTF-16 of one order", "\xff\xfee\x00m\x00", []string{"line 1: the file is of UTF-16"}},
		{"UTF-16 of the other", "\xfe\xff\x00e\x00m", []string{"line 1: the file is of UTF-16"}},
		{"LDIF of changes", "dn: x\nchangetype: delete\n\ndn: y\nchangetype: modify\nreplace: mail\nmail: a@example.com\n",
			[]string{"line 2: a change (delete), no user", "line 5: a change (modify), no user"}},
		{"another separator in one line only", "email;id\na@example.com,1\n", []string{"line 2: another number of columns than the first line"}},
		{"LDIF of one address twice", "dn: x\nmail: a@example.com\n\ndn: y\nmail: A@EXAMPLE.com\nuid: b\n",
			[]string{"line 4: the address a@example.com stands in line 1 already"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := problems(t, tt.file); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCuresOfProblems(t *testing.T) {
	for file, want := range map[string]string{
		"email\nx\n":                     "give every user its address",
		"email,id\na@example.com,x\n":    "an id is a number above 0; leave it out for the next one",
		"email,admin\na@example.com,x\n": "write true or false",
		"email\na@example.com,x\n":       "quote what holds a comma",
		"email,mail\n":                   "leave one of them out",
		"name\n":                         "begin with email,screen_name",
		"":                               "begin with email,screen_name",
		"dn: x\nx\n":                     "export the directory as LDIF again",
		"email\n\"a\n":                   "save the file as CSV again",
		"dn: x\n" + strings.Repeat("a", 64<<10+1) + "\n": "no line is longer than 64 KiB",
	} {
		_, err := directory.Read(strings.NewReader(file))
		var p *directory.Problem
		if !errors.As(err, &p) || p.Cure != want || p.Line < 1 || p.Line > 3 {
			t.Errorf("%.20q: %+v, want the cure %q", file, err, want)
		}
	}
}

// TestFormsOfLDIF are what directories write.
func TestFormsOfLDIF(t *testing.T) {
	anna := content.User{Email: "anna@example.com", ScreenName: "anna"}
	for _, tt := range []struct {
		name, file string
		want       []content.User
	}{
		{"no blank behind the colon", "dn:x\nmail:anna@example.com\n", []content.User{anna}},
		{"names in capitals", "DN: x\nMAIL: anna@example.com\nUIDNUMBER: 7\n", []content.User{{ID: 7, Email: anna.Email, ScreenName: "anna"}}},
		{"line ends of Windows", "version: 1\r\n\r\ndn: x\r\nmail: anna@exam\r\n ple.com\r\n\r\n", []content.User{anna}},
		{"no line end at the end", "dn: x\nmail: anna@example.com", []content.User{anna}},
		{"many empty lines", "\n\n\ndn: x\nmail: anna@example.com\n\n\n\n", []content.User{anna}},
		{"a comment before", "# export\n#\ndn: x\nmail: anna@example.com\n", []content.User{anna}},
		{"a comment in an entry", "dn: x\n# mail: b@example.com\nmail: anna@example.com\n", []content.User{anna}},
		{"a comment that goes on", "dn: x\nmail: anna@example.com\n# a long\n  comment\nuid: anna\n", []content.User{anna}},
		{"a comment that goes on between entries", "dn: x\nmail: anna@example.com\n\n# uid=bob,ou=people,dc=exam\n ple, com\ndn: y\nou: people\n",
			[]content.User{anna}},
		{"base64 that goes on", "dn: x\nmail:: YW5uYUBleGFt\n cGxlLmNvbQ==\n", []content.User{anna}},
		{"an option", "dn: x\nmail;lang-en: anna@example.com\n", []content.User{anna}},
		{"what ldapsearch ends with", "dn: x\nmail: anna@example.com\n\n# search result\nsearch: 2\nresult: 0 Success\n", []content.User{anna}},
		{"a value with colons", "dn: x\nmail: anna@example.com\ndescription: a: b: c\n", []content.User{anna}},
		{"nobody", "version: 1\n", nil},
		{"an entry to be added", "dn: x\nchangetype: add\nmail: anna@example.com\n", []content.User{anna}},
		{"CSV of a spreadsheet that parts by semicolons", "\ufeffemail;screen_name;admin\r\nanna@example.com;anna;false\r\n", []content.User{anna}},
		{"CSV that is parted by tabs", "email\tscreen_name\nanna@example.com\tanna\n", []content.User{anna}},
		{"one column", "email\nanna@example.com\n", []content.User{anna}},
		{"a separator in quotes", "email,screen_name\nanna@example.com,\"anna\"\n", []content.User{anna}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := directory.Read(strings.NewReader(tt.file))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, error %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestLineOf64KiBIsRead(t *testing.T) {
	for _, tt := range []struct {
		length int
		fits   bool
	}{{64<<10 - 1, true}, {64 << 10, false}} {
		file := "dn: x\nmail: a@example.com\n" + "description: " + strings.Repeat("a", tt.length-len("description: ")) + "\n"
		all, err := directory.Read(strings.NewReader(file))
		if (err == nil) != tt.fits || (len(all) == 1) != tt.fits {
			t.Errorf("a line of %d bytes: %d users, %v", tt.length, len(all), err)
		}
	}
}

// TestReaderThatBreaks: half a directory is none.
func TestReaderThatBreaks(t *testing.T) {
	for _, file := range []string{"", "email\na@example.com\n", "dn: x\nmail: a@example.com\n"} {
		cut := errors.New("the disk is gone")
		all, err := directory.Read(iotest.TimeoutReader(&broken{strings.NewReader(file), cut}))
		if err == nil || all != nil {
			t.Errorf("%q: got %+v, %v", file, all, err)
		}
	}
}

// broken ends with an error in the place of EOF.
type broken struct {
	r   *strings.Reader
	err error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.r.Len() == 0 {
		return 0, b.err
	}
	return b.r.Read(p[:1])
}

// TestBothFormsSayTheSame: the same users in CSV and in LDIF, folded anywhere, are the same users.
func TestBothFormsSayTheSame(t *testing.T) {
	x := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var csv, ldif strings.Builder
		csv.WriteString("Email, Login ,User_ID\n")
		var want []content.User
		for i := range x.IntN(5) {
			u := content.User{Email: fmt.Sprintf("u%d@example.com", i), ScreenName: fmt.Sprintf("näme %d, the %dth", i, i), ID: int64(x.IntN(2) * (i + 1))}
			want = append(want, u)
			id, fold := "", 1+x.IntN(20)
			attributes := []string{"dn: uid=x", "mail:: " + base64.StdEncoding.EncodeToString([]byte(u.Email)),
				"uid:: " + base64.StdEncoding.EncodeToString([]byte(u.ScreenName))}
			if u.ID != 0 {
				id = fmt.Sprint(u.ID)
				attributes = append(attributes, "uidNumber: "+id)
			}
			fmt.Fprintf(&csv, "%s,%q,%s\n", u.Email, u.ScreenName, id)
			for _, a := range attributes {
				if fold < len(a) {
					a = a[:fold] + "\n " + a[fold:]
				}
				ldif.WriteString(a + "\n")
			}
			ldif.WriteString("\n")
		}
		for _, file := range []string{csv.String(), "version: 1\n\n" + ldif.String()} {
			got, err := directory.Read(iotest.OneByteReader(strings.NewReader(file)))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s\ngot %+v, %v, want %+v", file, got, err, want)
			}
		}
	}
}
