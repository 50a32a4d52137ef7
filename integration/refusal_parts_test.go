package integration_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
)

// size is that of most parts here: more than a buffer on the way.
const size = 40_000

// partAs is a part whose end is changed.
func partAs(request int64, name string, mutate func(tail []byte) []byte) func(testing.TB, arranged) message {
	return func(t testing.TB, _ arranged) message { return part(request, name, size).streamed(t, size, mutate) }
}

// says changes one piece of a part's end.
func says(t testing.TB, from, to string) func([]byte) []byte {
	return func(tail []byte) []byte { return replaced(t, tail, []byte(from), []byte(to)) }
}

// named writes a text of the method key.
func named(s string) string {
	return string(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(s)))) + s
}

// The content of a part is at the engine when its end comes. What the end says decides, and it
// never leaves.
func TestEndOfAPartIsWithheld(t *testing.T) {
	a := arrange(t, listed)
	id := a.made(t, 1)
	good := partAs(id, "a.zip00", nil)
	renames := func(from, to string) func(testing.TB, arranged) message {
		return func(t testing.TB, a arranged) message {
			if len(from) != len(to) {
				t.Fatalf("%q and %q have different lengths", from, to)
			}
			return partAs(id, "a.zip00", says(t, named(from), named(to)))(t, a)
		}
	}
	runAll(t, a, []refusal{
		{name: "another method of as many letters", bad: renames("updateStagingRequest", "removeStagingRequest"), good: good, want: want{reason: "call.arguments"}, streams: true},
		{name: "another service of as many letters", bad: renames(staging7, "com.liferay.exportimport.kernel.service.StagingServiceUtik"), good: good, want: want{reason: "call.unknown"}, streams: true},
		{name: "tag 09 in the method key", bad: partAs(id, "a.zip00", func(tail []byte) []byte {
			return tagged(t, tail, 9)
		}), good: good, want: want{reason: "call.key"}, streams: true},
		{name: "trailing byte", bad: partAs(id, "a.zip00", func(tail []byte) []byte { return append(tail, 0) }), good: good, want: want{reason: "stream.trailing"}, streams: true},
		{name: "a stream behind the object", bad: partAs(id, "a.zip00", func(tail []byte) []byte {
			return append(tail, written(t, sets(24))...)
		}), good: good, want: want{reason: "stream.trailing"}, streams: true},
		{name: "cut within a whole message", bad: partAs(id, "a.zip00", func(tail []byte) []byte { return tail[:len(tail)-1] }), good: good, want: want{reason: "stream.truncated"}, streams: true},
		{name: "UID of MethodKey", bad: partAs(id, "a.zip00", func(tail []byte) []byte {
			at := bytes.Index(tail, []byte("util.MethodKey")) + len("util.MethodKey")
			tail[at+7] ^= 1
			return tail
		}), good: good, want: want{reason: "stream.shape"}, streams: true},
		{name: "a gadget in place of the method key", bad: partAs(id, "a.zip00", func(tail []byte) []byte {
			return keyless(t, tail, written(t, gadget(gadgets[0]))[4:])
		}), good: good, want: want{reason: "stream.class"}, streams: true},
		{name: "sets in place of the method key", bad: partAs(id, "a.zip00", func(tail []byte) []byte {
			return keyless(t, tail, written(t, sets(24))[4:])
		}), good: good, want: want{reason: "stream.class"}, streams: true},
		{name: "proxy class in place of the method key", bad: partAs(id, "a.zip00", func(tail []byte) []byte {
			return keyless(t, tail, []byte("s}\x00\x00\x00\x01\x00\x12java.util.Iterator\x78\x70"))
		}), good: good, want: want{reason: "stream.tag"}, streams: true},
	})
}

// keyless puts something else in place of the method key.
func keyless(t testing.TB, tail, instead []byte) []byte {
	t.Helper()
	at := bytes.Index(tail, []byte("sr\x00\x28com.liferay.portal.kernel.util.MethodKey"))
	if at < 0 {
		t.Fatalf("no method key in %q", tail)
	}
	return append(tail[:at:at], instead...)
}

// tagged changes the first class tag of the method key; with 9 the engine reads a stream that
// stands in the key.
func tagged(t testing.TB, tail []byte, tag byte) []byte {
	t.Helper()
	at := bytes.Index(tail, []byte("\x03\x01\x00\x00\x00\x04null"))
	if at < 0 {
		t.Fatalf("no class tag in %q", tail)
	}
	tail[at] = tag
	return tail
}

// A small call is held, so the key of one is refused with nothing sent at all.
func TestMethodKeyOfASmallCall(t *testing.T) {
	legal := sends(checkSite(site))
	key := want{reason: "call.key"}
	runAll(t, arrange(t, listed), []refusal{
		{name: "tag 09", bad: edited(checkSite(site), func(t testing.TB, m *message) { m.body = tagged(t, m.body, 9) }), good: legal, want: key},
		{name: "tag 12", bad: edited(checkSite(site), func(t testing.TB, m *message) { m.body = tagged(t, m.body, 12) }), good: legal, want: key},
		{name: "longer than it says", bad: patched(checkSite(site), []byte(named("checkRemoteStagingGroup")),
			[]byte("\x01\x00\x00\x00\x16checkRemoteStagingGroup")), good: legal, want: key},
	})
}

func TestPartsAreNamedAndMeasured(t *testing.T) {
	o := listed
	o.Peer = []string{"part_max_bytes: 50000", "archive_max_bytes: 90000"}
	a := arrange(t, o)
	one, two, three := a.made(t, 1), a.made(t, 2), a.made(t, 3)
	good := streamsOf(part(one, "0f1e.zip00", 900))
	name := func(s string) func(testing.TB, arranged) message { return streamsOf(part(one, s, 900)) }
	bad, width := want{reason: "part.name"}, want{reason: "part.width", says: "digits"}
	runAll(t, a, []refusal{
		{name: "path", bad: name("../../a.zip00"), good: good, want: bad},
		{name: "backslash", bad: name(`..\a.zip00`), good: good, want: bad},
		{name: "no digits", bad: name("a.zip"), good: good, want: bad},
		{name: "one digit", bad: name("a.zip0"), good: good, want: bad},
		{name: "the joined archive", bad: name("assembled_a.zip00"), good: good, want: bad},
		{name: "the joined archive in capitals", bad: name("ASSEMBLED_a.zip00"), good: good, want: bad},
		{name: "line break", bad: name("a\n.zip00"), good: good, want: bad},
		{name: "blank", bad: name("a .zip00"), good: good, want: bad},
		{name: "empty", bad: name(""), good: good, want: bad},
		{name: "201 letters", bad: name(string(bytes.Repeat([]byte("a"), 199)) + "00"), good: good, want: bad},
		{name: "another width", bad: name("0f1e.zip001"), good: streamsOf(part(one, "0f1e.zip01", 900)), want: width},
		{name: "another width before", bad: streamsOf(part(one, "0f1e.zip000", 900)), want: width},
		{name: "too large", bad: streamsOf(part(two, "a.zip00", 50001)), good: streamsOf(part(two, "a.zip00", 50000)),
			want: want{reason: "part.size", says: "staging.remote.transfer.buffer.size"}},
		{name: "too many together", bad: streamsOf(part(two, "a.zip01", 40001)), good: streamsOf(part(two, "a.zip01", 40000)),
			want: want{reason: "archive.size"}},
		{name: "content where none belongs", bad: func(t testing.TB, _ arranged) message {
			s := spec{service: staging7, name: "createStagingRequest", params: []string{"long", "[B"}, args: []any{int64(site), tunnel.Content{Size: 900}}}
			m := s.streamed(t, 900, nil)
			m.pause = 0
			return m
		}, good: sends(create(site, 4)), want: want{reason: "call.arguments"}},
	})
	t.Run("sent again counts once", func(t *testing.T) {
		for range 3 {
			allowed(t, a.Gateway, once(t, a.Gateway, streamsOf(part(three, "a.zip00", 50000))(t, a)))
		}
	})
}

// A client that goes away leaves the engine with a part of a message.
func TestCutBodies(t *testing.T) {
	a := arrange(t, listed)
	id := a.made(t, 1)
	whole := part(id, "a.zip00", size).streamed(t, size, nil)
	for _, tt := range []struct {
		name   string
		sent   int
		reset  bool
		reason tunnel.Reason
		begins bool // something reaches the engine
	}{
		{"before the body", 0, false, "http.cut", false},
		{"in the principal", 200, false, "http.cut", false},
		{"in the content", 20_000, false, "http.cut", true},
		{"in the end", len(whole.body) - 1, false, "http.cut", true},
		{"reset in the principal", 200, true, "client.cut", false},
		{"reset in the content", 20_000, true, "client.cut", true},
		{"reset in the end", len(whole.body) - 1, true, "client.cut", true},
	} {
		t.Run(tt.name, func(t *testing.T) { cutBody(t, a, whole, tt.sent, tt.reset, tt.reason, tt.begins) })
	}
	allowed(t, a.Gateway, once(t, a.Gateway, partAs(id, "a.zip00", nil)(t, a)))
}

func cutBody(t *testing.T, a arranged, m message, sent int, reset bool, reason tunnel.Reason, begins bool) {
	before, known := len(a.sink.Calls()), len(a.verdicts(t))
	l := dial(t, a.Gateway)
	if _, err := l.Write(append([]byte(m.head(l.addr)), m.body[:sent]...)); err != nil {
		t.Fatal(err)
	}
	if begins { // let what may pass arrive, so that the test looks at all of it
		a.sink.Await(t, before, func(calls []harness.Received) bool { return len(calls) == 1 && len(calls[0].Body) > 0 })
	}
	if reset {
		l.reset(t)
	} else {
		l.finish(t)
		if got := l.receive(t); got.status != 400 {
			t.Errorf("answered %d %q", got.status, got.body)
		}
	}
	if begins {
		incomplete(t, a.sink, before, m)
	} else if n := len(a.sink.Calls()); n != before {
		t.Errorf("%d calls began at the engine", n-before)
	}
	if got := a.awaitVerdict(t, known); got.Reason != reason {
		t.Errorf("reason %s (%s), want %s", got.Reason, got.Detail, reason)
	}
}
