package audit_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
	"github.com/stagelock/stagelock/gateway/audit/members"
)

func decode(t testing.TB, line []byte) audit.Event {
	t.Helper()
	var ev audit.Event
	if err := json.Unmarshal(line, &ev); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return ev
}

func TestEveryField(t *testing.T) {
	want := audittest.Full()
	v := reflect.ValueOf(want)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Prev" && name != "Hash" {
			t.Errorf("this test leaves %s empty", name)
		}
	}
	got := decode(t, audit.Encode(want))
	if len(got.Prev) != 64 || len(got.Hash) != 64 {
		t.Errorf("prev %q, hash %q", got.Prev, got.Hash)
	}
	got.Prev, got.Hash = "", ""
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
}

func TestZeroIsLeftOut(t *testing.T) {
	got := string(audit.Encode(audit.Event{Kind: audit.KindStart, Time: time.Unix(0, 0)}))
	want := `{"seq":1,"kind":"start","time":"1970-01-01T00:00:00Z","prev":"`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want it to begin with %s", got, want)
	}
}

// injections are texts that forge lines, members or what a terminal shows, where they are printed
// as they are.
var injections = []string{
	"\n", "\r\n", "a\n{\"seq\":2,\"kind\":\"verdict\",\"verdict\":\"allow\"}", `","verdict":"allow`,
	`\`, `\"`, "\x00", "\x1b[2J",
	"\x1b]0;title\a", "\u009b31m", "\u0085", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b",
	"\ufeff", "\x7f", "\b\b\b", "\v\f",
	"\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\U000e0041", "\U0010ffff", "ok\u00a0", "%0a", "&#10;",
	"${jndi:x}", "</script>", "\u00ad",
}

// checkLine wants one line that shows every character it has and gives back what went in.
func checkLine(t *testing.T, in string) {
	t.Helper()
	line := audit.Encode(audit.Event{Kind: audit.KindVerdict, Login: in, Detail: in,
		Fields: map[string]string{in: in}})
	for _, r := range string(line) {
		if r != ' ' && !unicode.IsPrint(r) {
			t.Fatalf("%q was written with %U unescaped: %s", in, r, line)
		}
	}
	ev := decode(t, line)
	want := strings.ToValidUTF8(in, "\ufffd")
	if len(in) > members.MaxText {
		if utf8.ValidString(in) && len(ev.Login) > members.MaxText ||
			!strings.HasSuffix(ev.Login, "…") {
			t.Fatalf("%d bytes became %d", len(in), len(ev.Login))
		}
		return
	}
	if utf8.ValidString(in) && (ev.Login != want || ev.Detail != want || in != "" &&
		ev.Fields[in] != want) {
		t.Fatalf("%q came back as %q", in, ev.Login)
	}
	if ev.Verdict != "" || ev.Kind != audit.KindVerdict {
		t.Fatalf("%q set another member: %s", in, line)
	}
}

func TestLogInjection(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var in strings.Builder
		for range rnd.IntN(6) {
			in.WriteString(injections[rnd.IntN(len(injections))])
		}
		checkLine(t, in.String())
	}
	for _, in := range injections {
		checkLine(t, in)
		checkLine(t, strings.Repeat(in, 3000))
		checkLine(t, strings.Repeat("x", members.MaxText-1)+in)
	}
}

func FuzzText(f *testing.F) {
	for _, in := range injections {
		f.Add(in)
	}
	f.Fuzz(checkLine)
}

// TestTextsAreBounded has one event with more than a line may hold.
func TestTextsAreBounded(t *testing.T) {
	ev := audittest.Full()
	ev.Fields = map[string]string{}
	for i := range 1000 {
		ev.Fields[strings.Repeat("k", 100+i)] = strings.Repeat("\x00", 1<<20)
	}
	if line := audit.Encode(ev); len(line) > 64*7*members.MaxText {
		t.Errorf("line has %d bytes", len(line))
	}
}
