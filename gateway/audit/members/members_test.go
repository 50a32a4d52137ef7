package members_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit/members"
)

func TestMembers(t *testing.T) {
	many := map[string]string{}
	for i := range members.MaxFields + 9 {
		many[fmt.Sprintf("k%02d", i)] = "v"
	}
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"an empty text", members.Text(nil, "a", ""), ""},
		{"zero", members.Number(nil, "a", 0), ""},
		{"no fields", members.Fields(nil, nil), ""},
		{"a text", members.Text([]byte(`{"seq":1`), "a", "b"), `{"seq":1,"a":"b"`},
		{"a number", members.Number(nil, "a", -7), `,"a":-7`},
		{"fields in order", members.Fields(nil, map[string]string{"b": "2", "a": "1"}), `,"fields":{"a":"1","b":"2"}`},
		{"quotes", members.Text(nil, "a", `"\`), `,"a":"\"\\"`},
		{"a line feed, a bell and an escape", members.Text(nil, "a", "\n\a\x1b"), `,"a":"\u000a\u0007\u001b"`},
		{"what is escaped between what is not", members.Text(nil, "a", "b\"c\nd\x7fe\u202efäg\\"), `,"a":"b\"c\u000ad\u007fe\u202efäg\\"`},
		{"the ends of what is not", members.Text(nil, "a", " !#[]~"), `,"a":" !#[]~"`},
		{"text turned around", members.Text(nil, "a", "\u202e"), `,"a":"\u202e"`},
		{"no UTF-8", members.Text(nil, "a", "\xff"), `,"a":"\ufffd"`},
		{"letters", members.Text(nil, "a", "ä中"), `,"a":"ä中"`},
		{"an address", members.Addr(nil, netip.MustParseAddr("192.0.2.1")), `,"addr":"192.0.2.1"`},
		{"a zone that is text", members.Addr(nil, netip.MustParseAddr(`fe80::1%"`)), `,"addr":"fe80::1%\""`},
		{"a socket", members.Socket(nil, netip.MustParseAddrPort("[2001:db8::1]:8443")), `,"socket":"[2001:db8::1]:8443"`},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
	var all struct{ Fields map[string]string }
	if err := json.Unmarshal([]byte("{"+string(members.Fields(nil, many)[1:])+"}"), &all); err != nil || len(all.Fields) != members.MaxFields {
		t.Errorf("%d fields, %v", len(all.Fields), err)
	}
}

// A text that is too long is cut between two characters, and shows that it is.
func TestTextsAreBounded(t *testing.T) {
	for _, s := range []string{strings.Repeat("x", members.MaxText+1), strings.Repeat("ä", members.MaxText), "a" + strings.Repeat("中", members.MaxText)} {
		var all struct{ A string }
		if err := json.Unmarshal([]byte("{"+string(members.Text(nil, "a", s)[1:])+"}"), &all); err != nil {
			t.Fatal(err)
		}
		if cut, ok := strings.CutSuffix(all.A, "…"); !ok || len(all.A) > members.MaxText || len(all.A) < members.MaxText-3 || !strings.HasPrefix(s, cut) {
			t.Errorf("%d bytes are %d", len(s), len(all.A))
		}
	}
}
