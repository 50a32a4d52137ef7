package integration_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// other is a second publisher of the same peer.
const other = "other@example.com"

func TestSitesOfOthersAreClosed(t *testing.T) {
	denied := want{reason: "site.denied", says: "20999"}
	var all []refusal
	for name, of := range map[string]func(id int64) spec{
		"create": func(id int64) spec { return create(id, 1) }, "check": checkSite, "enable": enable, "disable": disable,
		"getGroup": func(id int64) spec {
			return spec{service: group7, name: "getGroup", params: []string{"long"}, args: []any{id}}
		},
		"display URL": func(id int64) spec {
			return spec{service: group7, name: "getGroupDisplayURL", params: []string{"long", "boolean", "boolean"}, args: []any{id, false, false}}
		},
		"remote layout": func(id int64) spec {
			return spec{service: staging7, name: "hasRemoteLayout", params: []string{text, "long", "boolean"}, args: []any{"uuid", id, false}}
		},
		"plid": func(id int64) spec {
			return spec{service: layout7, name: "getLayoutPlid", params: []string{text, "long", "boolean"}, args: []any{"uuid", id, false}}
		},
		"staged portlets": func(id int64) spec {
			s := portlets(map[string]string{"staged-portlet_x": "true"})
			s.args = []any{id, s.args[1]}
			return s
		},
		"site of a default plid": func(id int64) spec {
			return spec{service: layout7, name: "getDefaultPlid", params: []string{"long", "long", text}, args: []any{id, int64(site), "x"}}
		},
	} {
		r := refusal{name: name, bad: sends(of(otherSite)), good: sends(of(site)), want: denied}
		if name == "getGroup" {
			r.good = nil // answers a whole model, see the replay of recordings
		}
		all = append(all, r)
	}
	all = append(all, refusal{name: "negative", bad: sends(checkSite(-1)), want: want{reason: "site.denied"}},
		refusal{name: "by company and name", want: want{reason: "site.company"}, bad: sends(spec{
			service: group7, name: "getGroup", params: []string{"long", text}, args: []any{int64(20097), "Guest"}})})
	runAll(t, arrange(t, listed), all)
}

func TestRequestsBelongToWhoMadeThem(t *testing.T) {
	a := arrange(t, listed)
	mine, theirs := a.made(t, 1), a.made(t, 2)
	allowed(t, a.Gateway, once(t, a.Gateway, create(site, 3).as(other).message(t))) // another one of the same peer
	ofOther, both := requestOf(3), a.made(t, 4)
	owned, unknown := want{reason: "request.login", says: "another publisher"}, want{reason: "request.unknown", says: "777"}
	runAll(t, a, []refusal{
		{name: "part", bad: streamsOf(part(ofOther, "a.zip00", 900)), good: streamsOf(part(mine, "a.zip00", 900)), want: owned},
		{name: "publish", bad: sends(publish(ofOther, settings(int64(site)))), good: sends(publish(mine, settings(int64(site)))), want: owned},
		{name: "cleanUp", bad: sends(cleanUp(ofOther)), good: sends(cleanUp(theirs)), want: owned},
		{name: "part of nothing", bad: streamsOf(part(777, "a.zip00", 900)), want: unknown},
		{name: "publish of nothing", bad: sends(publish(777, settings(int64(site)))), want: unknown},
		{name: "part after cleanUp", bad: streamsOf(part(theirs, "a.zip00", 900)), want: want{reason: "request.cleaned"}},
		{name: "publish after cleanUp", bad: sends(publish(theirs, settings(int64(site)))), want: want{reason: "request.cleaned"}},
	})
	t.Run("made by both", func(t *testing.T) { // the same archive has the same id
		allowed(t, a.Gateway, once(t, a.Gateway, create(site, 4).as(other).message(t)))
		allowed(t, a.Gateway, once(t, a.Gateway, publish(both, settings(int64(site))).as(other).message(t)))
	})
}

// streamsOf is a part that is sent in one go.
func streamsOf(s spec) func(testing.TB, arranged) message {
	return func(t testing.TB, _ arranged) message {
		content, ok := s.args[2].(tunnel.Content)
		if !ok {
			t.Fatalf("%s carries no content", s.name)
		}
		m := s.streamed(t, int(content.Size), nil)
		m.pause = 0
		return m
	}
}

// kept checks that the gateway answered a call by itself: void, and in the audit log.
func kept(t *testing.T, a arranged, m message, detail string) audit.Event {
	t.Helper()
	before := len(a.sink.Calls())
	got := once(t, a.Gateway, m)
	if got.status != 200 || len(got.body) != 0 {
		t.Fatalf("answered %d %q", got.status, got.body)
	}
	if n := len(a.sink.Calls()); n != before {
		t.Errorf("%d calls began at the engine", n-before)
	}
	ev := verdict(t, a.Gateway, got.ref)
	if ev.Verdict != audit.Answer || ev.Reason != "call.answered" || !strings.Contains(ev.Detail, detail) {
		t.Errorf("verdict %s, reason %s, %q", ev.Verdict, ev.Reason, ev.Detail)
	}
	return ev
}

func TestGatewayAnswersByItself(t *testing.T) {
	a := arrange(t, listed)
	gone := a.made(t, 1)
	allowed(t, a.Gateway, once(t, a.Gateway, cleanUp(gone).message(t)))
	t.Run("cleanUp of nothing", func(t *testing.T) {
		if ev := kept(t, a, cleanUp(777).message(t), "cleanUp"); ev.Request != 777 {
			t.Errorf("the log says request %d", ev.Request)
		}
	})
	t.Run("cleanUp again", func(t *testing.T) { kept(t, a, cleanUp(gone).message(t), "cleanUp") })
	t.Run("event", func(t *testing.T) {
		ev := kept(t, a, message{auth: auth(t, harness.Login), body: recorded(t, build74, "006-propagateExportImportLifecycleEvent.req")}, "event")
		if ev.Fields["code"] == "" || ev.Fields["flag"] == "" || ev.Fields["process"] == "" {
			t.Errorf("fields %v", ev.Fields)
		}
	})
	checkLog(t, a)
}

// config returns the configuration that a publish carries.
func config(root *graph.Object) *graph.Object { return arguments(root).Refs[1].(*graph.Object) }

// renamed describes a class of the chain anew.
func renamed(c *graph.Class, field string, f func(c *graph.Class, i int)) *graph.Class {
	for i := range c.Fields {
		if c.Fields[i].Name == field {
			return extended(c, func(c *graph.Class) { f(c, i) })
		}
	}
	return extended(c, func(n *graph.Class) { n.Super = renamed(c.Super, field, f) })
}

func with(key string, v any) liferay.Settings {
	s := settings(int64(site))
	s[key] = v
	return s
}

func TestSettingsWriteToTheRequestsSiteOnly(t *testing.T) {
	a := arrange(t, harness.Options{Sites: "[20143, 20999]"})
	request := a.made(t, 1)
	good := publish(request, settings(int64(site)))
	sent := func(s liferay.Settings) func(testing.TB, arranged) message { return sends(publish(request, s)) }
	edit := func(f func(c *graph.Object)) func(testing.TB, arranged) message {
		return edits(good, func(root *graph.Object) { f(config(root)) })
	}
	none := settings(nil)
	delete(none, "targetGroupId")
	runAll(t, a, []refusal{
		{name: "another site", bad: sent(settings(int64(otherSite))), good: sends(good), want: want{reason: "target.mismatch", says: "20999"}},
		{name: "another site as Integer", bad: sent(settings(int32(otherSite))), good: sent(settings(int32(site))), want: want{reason: "target.mismatch"}},
		{name: "a site in words", bad: sent(settings("20143")), good: sends(good), want: want{reason: "target.form"}},
		{name: "a null site", bad: sent(settings(nil)), good: sends(good), want: want{reason: "target.absent"}},
		{name: "no site", bad: sent(none), good: sends(good), want: want{reason: "target.absent"}},
		{name: "another remote site", bad: sent(with("remoteGroupId", int64(otherSite))), good: sent(with("remoteGroupId", int64(site))), want: want{reason: "settings.site"}},
		{name: "null settings", bad: edit(func(c *graph.Object) { c.SetRef("_settingsMap", nil) }), good: sends(good), want: want{reason: "stream.slot"}},
		{name: "settings in words", bad: edit(func(c *graph.Object) {
			c.SetRef("_settingsMap", textValue(`{"javaClass":"java.util.HashMap"}`))
		}), good: sends(good), want: want{reason: "stream.slot"}},
		{name: "renamed settings", bad: edit(func(c *graph.Object) {
			c.Class = renamed(c.Class, "_settingsMap", func(c *graph.Class, i int) { c.Fields[i].Name = "_settingsMaq" })
		}), good: sends(good), want: want{reason: "stream.shape"}},
		{name: "settings of another type", bad: edit(func(c *graph.Object) {
			c.Class = renamed(c.Class, "_settingsMap", func(c *graph.Class, i int) { c.Fields[i].Sig = "Ljava/lang/Object;" })
		}), good: sends(good), want: want{reason: "stream.shape"}},
		{name: "no settings field", bad: edit(func(c *graph.Object) {
			at := c.Class.Index("_settingsMap")
			c.Class = renamed(c.Class, "_settingsMap", func(c *graph.Class, i int) { c.Fields = append(c.Fields[:i], c.Fields[i+1:]...) })
			c.Fields = append(c.Fields[:at:at], c.Fields[at+1:]...)
		}), good: sends(good), want: want{reason: "stream.shape"}},
		{name: "a gadget in the settings", bad: edit(func(c *graph.Object) { put(c, gadget(gadgets[0])) }), good: sends(good), want: want{reason: "stream.class"}},
		{name: "sets in the settings", bad: edit(func(c *graph.Object) { put(c, sets(40)) }), good: sends(good), want: want{reason: "stream.class"}},
		{name: "null configuration", bad: edits(good, func(root *graph.Object) { arguments(root).Refs[1] = nil }), good: sends(good), want: want{reason: "call.arguments"}},
		{name: "maps in maps", bad: edit(func(c *graph.Object) { put(c, deepMap(c, 8)) }), good: edit(func(c *graph.Object) { put(c, deepMap(c, 3)) }), want: want{reason: "call.arguments"}},
		{name: "keys of two types", bad: edit(func(c *graph.Object) {
			m := c.Ref("_settingsMap").(*graph.Object)
			m.Note[3] = valueOf(m, "targetGroupId")
		}), good: sends(good), want: want{reason: "stream.map"}},
		{name: "the same key twice", bad: edit(func(c *graph.Object) {
			m := c.Ref("_settingsMap").(*graph.Object)
			m.Note[3] = m.Note[1]
		}), good: sends(good), want: want{reason: "stream.map"}},
	})
}

// valueOf returns the value of a key of a map.
func valueOf(m *graph.Object, key string) graph.Value {
	for i := 1; i+1 < len(m.Note); i += 2 {
		if k, _ := graph.Text(m.Note[i]); k == key {
			return m.Note[i+1]
		}
	}
	return nil
}

// put replaces the first value of a configuration's settings.
func put(config *graph.Object, v graph.Value) {
	config.Ref("_settingsMap").(*graph.Object).Note[2] = v
}

// deepMap nests maps of the settings' own class.
func deepMap(config *graph.Object, depth int) graph.Value {
	class := config.Ref("_settingsMap").(*graph.Object).Class
	var v graph.Value = textValue("x")
	for range depth {
		v = mapOf(class, textValue("k"), v)
	}
	return v
}

// mapOf is a HashMap of pairs.
func mapOf(class *graph.Class, pairs ...graph.Value) *graph.Object {
	head := binary.BigEndian.AppendUint32(nil, 16)
	head = binary.BigEndian.AppendUint32(head, uint32(len(pairs)/2))
	o := &graph.Object{Class: class, Fields: make([]graph.FieldValue, class.FieldCount())}
	o.SetBits("loadFactor", 0x3f400000)
	o.SetBits("threshold", 12)
	o.Note = append([]graph.Value{graph.Block(head)}, pairs...)
	return o
}

func TestStagedPortletsAreOnlyThat(t *testing.T) {
	legal := map[string]string{"staged-portlet_com_liferay_journal_web_portlet_JournalPortlet": "true"}
	good := sends(portlets(legal))
	key := want{reason: "portlet.key"}
	one := func(key, value string) func(testing.TB, arranged) message {
		return sends(portlets(map[string]string{key: value}))
	}
	long := func(root *graph.Object) *graph.Object { return arguments(root).Refs[1].(*graph.Object) }
	runAll(t, arrange(t, listed), []refusal{
		{name: "line break", bad: one("staged-portlet_x=true\nstagedRemotely", "true"), good: good, want: key},
		{name: "carriage return", bad: one("staged-portlet_x\rstagedRemotely", "true"), good: good, want: key},
		{name: "equals sign", bad: one("staged-portlet_x=y", "true"), good: good, want: key},
		{name: "line separator", bad: one("staged-portlet_x\u2028y", "true"), good: good, want: key},
		{name: "another setting", bad: one("stagedRemotely", "true"), good: good, want: key},
		{name: "nothing behind", bad: one("staged-portlet_", "true"), good: good, want: key},
		{name: "value with a line break", bad: one("staged-portlet_x", "true\nstagedRemotely=true"), good: good, want: want{reason: "portlet.value"}},
		{name: "value in capitals", bad: one("staged-portlet_x", "TRUE"), good: one("staged-portlet_x", "false"), want: want{reason: "portlet.value"}},
		{name: "null value", bad: edits(portlets(legal), func(root *graph.Object) { long(root).Note[2] = nil }), good: good, want: want{reason: "call.arguments"}},
		{name: "null map", bad: edits(portlets(legal), func(root *graph.Object) { arguments(root).Refs[1] = nil }), good: good, want: want{reason: "call.arguments"}},
		{name: "keys of two types", bad: edits(portlets(map[string]string{"staged-portlet_x": "true", "staged-portlet_y": "true"}), func(root *graph.Object) {
			long(root).Note[3] = arguments(root).Refs[0] // the site's id
		}), good: good, want: want{reason: "stream.slot"}},
		{name: "one key twice", bad: edits(portlets(map[string]string{"staged-portlet_x": "true", "staged-portlet_y": "true"}), func(root *graph.Object) {
			long(root).Note[3] = textValue("staged-portlet_x")
		}), good: good, want: want{reason: "stream.map"}},
		{name: "more entries than said", bad: edits(portlets(legal), func(root *graph.Object) {
			long(root).Note = append(long(root).Note, textValue("staged-portlet_y"), textValue("true"))
		}), good: good, want: want{reason: "stream.tag"}},
	})
}

func TestChecksumIsAFoldersName(t *testing.T) {
	sum := func(s any) func(testing.TB, arranged) message {
		return sends(spec{service: staging7, name: "createStagingRequest", params: []string{"long", text}, args: []any{int64(site), s}})
	}
	form := want{reason: "checksum.form"}
	runAll(t, arrange(t, listed), []refusal{
		{name: "path", bad: sum("../../../../etc/0123456789abcdef"), good: sends(create(site, 1)), want: form},
		{name: "capitals", bad: sum(strings.ToUpper(checksum(0xabcdef))), good: sends(create(site, 2)), want: form},
		{name: "short", bad: sum(checksum(1)[:31]), good: sends(create(site, 3)), want: form},
		{name: "null", bad: sum(nil), good: sends(create(site, 4)), want: form},
		{name: "empty", bad: sum(""), good: sends(create(site, 5)), want: form},
	})
}
