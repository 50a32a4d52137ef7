package directory_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/directory"
)

func TestRead(t *testing.T) {
	anna := content.User{Email: "anna@example.com", ScreenName: "anna"}
	bob := content.User{ID: 20300, Email: "bob@example.com", ScreenName: "bobby", Admin: true}
	for _, tt := range []struct {
		name, file string
		want       []content.User
	}{
		{"CSV", "email,screen_name,id,admin\nanna@example.com,,,\nbob@example.com,bobby,20300,true\n", []content.User{anna, bob}},
		{"other names and order, from a spreadsheet", "\ufeffUserId,Mail,Phone,uid\r\n,anna@example.com,\"1, 2\",anna\r\n", []content.User{anna}},
		{"LDIF", "version: 1\n\ndn: ou=people,dc=example\nou: people\n\n# Anna\ndn: uid=anna,ou=people\n dc=example\nmail: anna@exam\n ple.com\nmail: second@example.com\nuid: anna\njpegPhoto:: !!!!\n",
			[]content.User{anna}},
		{"LDIF in base64", "dn: uid=anna\nmail:: YW5uYUBleGFtcGxlLmNvbQ==\nuid;lang-de: anna\n", []content.User{anna}},
		{"LDIF with a byte order mark", "\ufeffdn: uid=anna\nmail: anna@example.com\n", []content.User{anna}},
		{"CSV with a byte order mark and quotes", "\ufeff\"email\"\nanna@example.com\n", []content.User{anna}},
		{"a byte order mark alone in front of nobody", "\ufeffemail\n", nil},
		{"nobody", "email\n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := directory.Read(strings.NewReader(tt.file))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, error %v", got, err)
			}
		})
	}
}

func TestReadTellsEveryProblemWithItsLine(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"CSV", "email,screen_name,id\nanna,a,\nb@example.com,b,x\nc@example.com\nd@example.com,d,1\nD@example.com,e,2\n",
			[]string{`line 2: "anna" is no e-mail address`, `line 3: "x" is no id`, "line 4: another number of columns",
				"line 6: the address d@example.com stands in line 5 already"}},
		{"no column", "name\nanna\n", []string{"line 1: no column email"}},
		{"one column by two names", "email,login,Mail\na@example.com,a,b@example.com\n", []string{"line 1: the columns email and Mail are both the email"}},
		{"empty", "", []string{"line 1: no line with the names"}},
		{"open quote", "email\n\"a@example.com\n", []string{"line 2: "}},
		{"LDIF", "dn: uid=a\nmail: a\n\ndn: uid=b\nnonsense\nmail:: ****\n", []string{`line 1: "a" is no e-mail`, "line 5: no attribute", "line 6: mail is no base64"}},
		{"endless line", "dn: x\n" + strings.Repeat("a", 1<<17), []string{"line 2: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := directory.Read(strings.NewReader(tt.file))
			var p *directory.Problem
			if !errors.As(err, &p) || p.Cure == "" || got != nil {
				t.Fatalf("got %+v, error %v", got, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one that says %q", err, want)
				}
			}
		})
	}
}

// FuzzRead holds: users that are returned have an address and a screen name, each once.
func FuzzRead(f *testing.F) {
	f.Add("email,screen_name,id,admin\nanna@example.com,,,\n")
	f.Add("version: 1\ndn: uid=anna\nmail:: YW5uYUBleGFtcGxlLmNvbQ==\n uid: x\n")
	f.Add("\ufeffmail\r\n\"a\"@example.com\r\n")
	f.Fuzz(func(t *testing.T, file string) {
		all, err := directory.Read(strings.NewReader(file))
		seen := map[string]bool{}
		for _, u := range all {
			if err != nil || u.Email == "" || u.ScreenName == "" || u.ID < 0 || seen[strings.ToLower(u.Email)] {
				t.Errorf("got %+v, error %v", u, err)
			}
			seen[strings.ToLower(u.Email)] = true
		}
	})
}

// TestLoginsThatStandTwice holds: whatever can be a login is told with both of its lines, before a store
// refuses the whole file without any.
func TestLoginsThatStandTwice(t *testing.T) {
	for _, tt := range []struct{ name, rows, want string }{
		{"address in another case", "a@example.com,a,\nA@example.com,b,\n", "line 3: the address a@example.com stands in line 2 already"},
		{"screen name", "a@example.com,a,\nb@example.com,a,\n", "line 3: the screen name a stands in line 2 already"},
		{"id", "a@example.com,a,7\nb@example.com,b,007\n", "line 3: the id 7 stands in line 2 already"},
		{"no id", "a@example.com,a,\nb@example.com,b,\n", ""},
		{"screen name of the address", "a@example.com,,\na@example.org,,\n", "line 3: the screen name a stands in line 2 already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, err := directory.Read(strings.NewReader("email,screen_name,id\n" + tt.rows))
			if tt.want == "" {
				if err != nil || len(all) != 2 {
					t.Errorf("got %+v, %v", all, err)
				}
				return
			}
			if err == nil || err.Error() != tt.want || all != nil {
				t.Errorf("got %+v, %v; want %s", all, err, tt.want)
			}
		})
	}
}
