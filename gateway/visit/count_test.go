package visit

import (
	"errors"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel"
)

var start = time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)

func TestCountersAreOfEachReason(t *testing.T) {
	var c counters
	if got := c.all(); got == nil || len(got) != 0 {
		t.Errorf("before anything was counted: %v", got)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				c.add(ReasonHost)
				c.add(ReasonRate)
				c.add(ReasonHost)
			}
		})
	}
	wg.Wait()
	got := c.all()
	if want := map[tunnel.Reason]int64{ReasonHost: 1600, ReasonRate: 800}; !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	got[ReasonHost] = 0
	if again := c.all(); again[ReasonHost] != 1600 {
		t.Error("what was returned is what is counted")
	}
}

// TestOneRecordAMinuteOfAnAddressThatIsTooFast goes through what one address, and others, do in that time.
func TestOneRecordAMinuteOfAnAddressThatIsTooFast(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	var f floods
	for _, tt := range []struct {
		name string
		addr netip.Addr
		at   time.Duration
		want bool
	}{
		{"the first", a, 0, true},
		{"at once again", a, 0, false},
		{"another address", b, time.Second, true},
		{"a moment before the minute", a, time.Minute - 1, false},
		{"a minute after the first", a, time.Minute, true},
		{"the other one's minute is its own", b, time.Minute, false},
		{"a clock that was set back", a, -time.Hour, false},
		{"the mapped form is another address here", netip.MustParseAddr("::ffff:192.0.2.1"), time.Minute, true},
		{"no address", netip.Addr{}, 0, true},
		{"no address again", netip.Addr{}, 1, false},
	} {
		if got := f.worthARecord(tt.addr, start.Add(tt.at)); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// TestFloodsOfManyAddressesTakeNoMemory: what is noted is bounded, and begins anew.
func TestFloodsOfManyAddressesTakeNoMemory(t *testing.T) {
	var f floods
	addr := netip.MustParseAddr("2001:db8::")
	for n := range 3 * maxFloods {
		addr = addr.Next()
		if !f.worthARecord(addr, start) {
			t.Fatalf("address %d is none", n)
		}
		if len(f.last) > maxFloods {
			t.Fatalf("%d addresses are noted", len(f.last))
		}
	}
}

// TestStrangersHaveABudgetOfRecords: so many a second, no more saved up than that, and what is over is counted.
func TestStrangersHaveABudgetOfRecords(t *testing.T) {
	for _, tt := range []struct {
		name      string
		perSecond float64
		at        []time.Duration
		want      string // y: a record of its own
	}{
		{"a second's worth at once", 3, []time.Duration{0, 0, 0, 0, 0}, "yyynn"},
		{"it grows", 2, []time.Duration{0, 0, 0, 500 * time.Millisecond, 500 * time.Millisecond, time.Second}, "yynyny"},
		{"a day saves no more than a second", 2, []time.Duration{0, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour}, "yyyn"},
		{"a clock that was set back gives nothing", 1, []time.Duration{0, -time.Hour, -time.Hour, -2 * time.Hour}, "ynnn"},
		{"a clock that was set back takes nothing", 3, []time.Duration{0, -time.Hour, -time.Hour, -time.Hour}, "yyyn"},
		{"none", 0, []time.Duration{0, time.Hour}, "nn"},
		{"less than one a second", 0.5, []time.Duration{0, time.Second, 3 * time.Second}, "nnn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b budget
			got := ""
			for _, at := range tt.at {
				got += map[bool]string{true: "y", false: "n"}[b.spend(ReasonHost, start.Add(at), tt.perSecond)]
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if n := int64(strings.Count(tt.want, "n")); b.take()[ReasonHost] != n {
				t.Errorf("what is over is not %d", n)
			}
			if b.take() != nil {
				t.Error("it is counted twice")
			}
		})
	}
}

func TestWhatIsOverIsCountedByReason(t *testing.T) {
	var b budget
	b.count(ReasonHost, 5)
	b.count(ReasonRate, 1)
	b.count(ReasonHost, 2)
	b.spend(ReasonConnections, start, 0)
	want := map[tunnel.Reason]int64{ReasonHost: 7, ReasonRate: 1, ReasonConnections: 1}
	if got := b.take(); !maps.Equal(got, want) {
		t.Errorf("over %v, want %v", got, want)
	}
	var many budget
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				many.spend(ReasonHost, start, 10)
			}
		})
	}
	wg.Wait()
	if got := many.take()[ReasonHost]; got != 790 {
		t.Errorf("%d of 800 are over, 10 have a record", got)
	}
}

// TestPathsAreShownHarmless: nothing that a stranger sends writes a line, a control or a long text into a record.
func TestPathsAreShownHarmless(t *testing.T) {
	for _, tt := range []struct{ name, path, want string }{
		{"plain", "/api/liferay/do", `"/api/liferay/do"`},
		{"nothing", "", `""`},
		{"quotes", `/a"b\`, `"/a\"b\\"`},
		{"line breaks", "/a\r\nb", `"/a\r\nb"`},
		{"escape sequences", "/\x1b[2J\x00", `"/\x1b[2J\x00"`},
		{"no text", "/\xff", `"/\xff"`},
		{"other letters", "/läden/日本", `"/l\u00e4den/\u65e5\u672c"`},
		{"text that runs backwards", "/\u202etxt", `"/\u202etxt"`},
		{"a query", "/a?password=b", `"/a"`},
		{"200 bytes", strings.Repeat("a", 200), `"` + strings.Repeat("a", 200) + `"`},
		{"201 bytes", strings.Repeat("a", 201), `"` + strings.Repeat("a", 200) + `"...`},
		{"a letter that is cut", strings.Repeat("a", 199) + "ä", `"` + strings.Repeat("a", 199) + `\xc3"...`},
		{"a MiB", strings.Repeat("\n", 1<<20), `"` + strings.Repeat(`\n`, 200) + `"...`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Shown(tt.path); got != tt.want {
				t.Errorf("shown as %.300s, want %.300s", got, tt.want)
			}
		})
	}
}

// TestAProblemKeepsWhatTheLogNeedsFromTheClient: the cause is not among the words.
func TestAProblemKeepsWhatTheLogNeedsFromTheClient(t *testing.T) {
	cause := errors.New("10.0.0.1 is in none of 3 prefixes")
	p := problem(tunnel.Forbidden, ReasonHost, "host not allowed", cause)
	if p.Code != tunnel.Forbidden || p.Reason != ReasonHost || p.Msg != "host not allowed" || !errors.Is(p, cause) {
		t.Errorf("%+v", p)
	}
	if strings.Contains(p.Msg, "10.0.0.1") {
		t.Errorf("the client reads %q", p.Msg)
	}
}

// TestWhatFollowsAnAnswerIsDoneOnce, also more than there are places for.
func TestWhatFollowsAnAnswerIsDoneOnce(t *testing.T) {
	var b background
	done := make([]int, 3*maxBackground)
	for n := range done {
		if !b.do(n%2 == 0, func() { done[n]++ }) {
			t.Fatalf("%d was not taken", n)
		}
	}
	b.all.Wait()
	for n, times := range done {
		if times != 1 {
			t.Fatalf("%d was done %d times", n, times)
		}
	}
	if b.queued.Load() != 0 || b.lost.Load() != 0 || len(b.places) != 0 {
		t.Errorf("left: %d queued, %d lost, %d places", b.queued.Load(), b.lost.Load(), len(b.places))
	}
}
