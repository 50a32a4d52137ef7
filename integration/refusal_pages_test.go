package integration_test

import (
	"strconv"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	names7       = "com.liferay.portal.kernel.service.ClassNameServiceUtil"
	panelGroup   = int64(500) // the group of the control panel
	panelPage    = int64(501)
	defaultPages = 10 // the default page of site n is page 10 n
)

// pages is an engine whose pages have their number for a UUID.
func pages(t testing.TB) func(body []byte) []byte {
	t.Helper()
	return func(body []byte) []byte {
		c, err := readCall(body)
		if err != nil {
			t.Errorf("the engine got what is no call: %v", err)
			return nil
		}
		answer, err := pageAnswer(c)
		if err != nil {
			t.Errorf("answer to %s: %v", c.Method.Name, err)
		}
		return answer
	}
}

func pageAnswer(c *liferay.Call) ([]byte, error) {
	first, _ := c.Args[0].(int64)
	switch c.Method.Name {
	case "getLayoutPlid":
		id, err := strconv.ParseInt(c.Args[0].(string), 10, 64)
		if err != nil {
			return liferay.AppendThrown(nil, build74, liferay.Thrown{Class: classPortal, Message: "no page"})
		}
		return liferay.AppendValue(nil, build74, id)
	case "getLayoutByUuidAndGroupId":
		id, err := strconv.ParseInt(c.Args[0].(string), 10, 64)
		if err != nil {
			return nil, err
		}
		return liferay.AppendLayout(nil, build74, liferay.Model{"_plid": id})
	case "getDefaultPlid":
		if first == panelGroup {
			return liferay.AppendValue(nil, build74, panelPage)
		}
		return liferay.AppendValue(nil, build74, first*defaultPages)
	case "getGroup":
		return liferay.AppendGroup(nil, build74, liferay.Model{"_groupId": panelGroup})
	case "fetchByClassNameId":
		return liferay.AppendClassName(nil, build74, liferay.Model{"_classNameId": first})
	}
	return answerTo(c)
}

// engineOfPages is pages, whose calls without arguments are answered too.
func engineOfPages(t testing.TB) func(body []byte) []byte {
	t.Helper()
	answer := pages(t)
	return func(body []byte) []byte {
		if c, err := readCall(body); err == nil && c.Method.Name == "getControlPanelLayoutPlid" {
			data, err := liferay.AppendValue(nil, build74, panelPage)
			if err != nil {
				t.Error(err)
			}
			return data
		}
		return answer(body)
	}
}

func pageOf(id string, group int64) spec {
	return spec{service: layout7, name: "getLayoutPlid", params: []string{text, "long", "boolean"}, args: []any{id, group, false}}
}

func layoutOf(id string, group int64) spec {
	s := pageOf(id, group)
	s.name = "getLayoutByUuidAndGroupId"
	return s
}

func defaultPage(group int64) spec {
	return spec{service: layout7, name: "getDefaultPlid", params: []string{"long", "long", text}, args: []any{group, int64(site), "56"}}
}

func controlPanelPage() spec {
	return spec{service: layout7, name: "getControlPanelLayoutPlid"}
}

func groupNamed(name string) spec {
	return spec{service: group7, name: "getGroup", params: []string{"long", text}, args: []any{int64(20097), name}}
}

// onto is a publish of one application onto a page.
func onto(request int64, page any) spec { return publish(request, with("targetPlid", page)) }

// passes sends calls one after another; each is carried out.
func (a arranged) passes(t testing.TB, calls ...spec) {
	t.Helper()
	for _, s := range calls {
		got := once(t, a.Gateway, s.message(t))
		if got.status != 200 || verdict(t, a.Gateway, got.ref).Verdict != "allow" {
			ev := verdict(t, a.Gateway, got.ref)
			t.Fatalf("%s: %d, %s %s (%s)", s.name, got.status, ev.Verdict, ev.Reason, ev.Detail)
		}
	}
}

// refuses sends a call that must not begin at the engine.
func (a arranged) refuses(t testing.TB, s spec, w want) {
	t.Helper()
	before := len(a.sink.Calls())
	w.denied(t, a.Gateway, once(t, a.Gateway, s.message(t)))
	if n := len(a.sink.Calls()); n != before {
		t.Errorf("%d calls began at the engine", n-before)
	}
}

func arrangePages(t testing.TB, o harness.Options) arranged {
	t.Helper()
	sink := harness.NewSink(t)
	sink.Answer = engineOfPages(t)
	return arrangeTo(t, o, sink)
}

// TestPagesBelongToTheSiteThatWasAskedFor: a publish onto a page names no site, so the page must be
// one that a look-up returned for the request's.
func TestPagesBelongToTheSiteThatWasAskedFor(t *testing.T) {
	o := harness.Options{Sites: "[20143, 20999]"}
	o.Dir = t.TempDir()
	unknown, foreign := want{reason: "page.unknown", says: "nobody looked up"}, want{reason: "page.site", says: "another site"}
	request := requestOf(1)
	t.Run("before", func(t *testing.T) {
		a := arrangePages(t, o)
		a.made(t, 1)
		for _, page := range []any{int64(7), int32(7), int64(-7), panelPage, int64(site * defaultPages)} {
			a.refuses(t, onto(request, page), unknown)
		}
		a.refuses(t, onto(request, "7"), want{reason: "page.form"})
		a.refuses(t, onto(request, []int64{7}), want{reason: "page.form"})
		a.passes(t, onto(request, int64(0)), onto(request, nil))

		a.passes(t, pageOf("7", site), layoutOf("8", site), defaultPage(site), pageOf("9", otherSite), defaultPage(otherSite))
		a.passes(t, onto(request, int64(7)), onto(request, int32(7)), onto(request, int64(8)), onto(request, int64(site*defaultPages)))
		a.refuses(t, onto(request, int64(9)), foreign)
		a.refuses(t, onto(request, int64(otherSite*defaultPages)), foreign)
		a.refuses(t, onto(request, int64(10)), unknown)
		a.passes(t, pageOf("none", site)) // an exception tells of no page
		checkLog(t, a)
		if err := a.Stop(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		a := arrangePages(t, o)
		a.passes(t, onto(request, int64(7)), onto(request, int64(8)))
		a.refuses(t, onto(request, int64(9)), foreign)
		a.refuses(t, onto(request, int64(10)), unknown)
		a.passes(t, pageOf("9", site)) // what was told last holds
		a.passes(t, onto(request, int64(9)))
		checkLog(t, a)
	})
}

// TestControlPanelIsNoSite: single content is published onto the control panel's page, whatever its
// site; 7.1 GA1 finds it by the group's name.
func TestControlPanelIsNoSite(t *testing.T) {
	t.Run("by its page", func(t *testing.T) {
		a := arrangePages(t, listed)
		request := a.made(t, 1)
		a.refuses(t, onto(request, panelPage), want{reason: "page.unknown"})
		a.passes(t, controlPanelPage(), onto(request, panelPage))
		checkLog(t, a)
	})
	t.Run("by its group", func(t *testing.T) {
		a := arrangePages(t, listed)
		request := a.made(t, 1)
		a.refuses(t, defaultPage(panelGroup), want{reason: "site.denied"})
		a.refuses(t, groupNamed("Guest"), want{reason: "site.company"})
		a.refuses(t, groupNamed("control panel"), want{reason: "site.company"})
		a.passes(t, groupNamed("Control Panel"), defaultPage(panelGroup), onto(request, panelPage))
		a.refuses(t, checkSite(panelGroup), want{reason: "site.denied"})
		a.refuses(t, create(panelGroup, 2), want{reason: "site.denied"})
		a.refuses(t, pageOf("7", panelGroup), want{reason: "site.denied"})
		checkLog(t, a)
	})
}

// TestClassNamesMayBeAsked: every interactive publish of 7.0 to 7.4 asks what kind of site the remote
// one is.
func TestClassNamesMayBeAsked(t *testing.T) {
	a := arrangePages(t, listed)
	fetch := func(service string, params []string, args ...any) spec {
		return spec{service: service, name: "fetchByClassNameId", params: params, args: args}
	}
	a.passes(t, fetch(names7, []string{"long"}, int64(20001)))
	a.refuses(t, fetch(group7, []string{"long"}, int64(20001)), want{reason: "call.unknown"})
	a.refuses(t, fetch(names7, []string{text}, "20001"), want{reason: "call.unknown"})
	a.refuses(t, fetch(names7, []string{"long", "long"}, int64(20001), int64(1)), want{reason: "call.unknown"})
	checkLog(t, a)
}

// TestEveryEventOfARequestSaysWhatItIsAbout: who, which site and which archive, in verdict and outcome.
func TestEveryEventOfARequestSaysWhatItIsAbout(t *testing.T) {
	a := arrange(t, listed)
	request := a.made(t, 1)
	for _, m := range []message{
		streamsOf(part(request, "a.zip00", 900))(t, a), publish(request, settings(int64(site))).message(t),
		publish(request, settings(int64(otherSite))).message(t), cleanUp(request).message(t),
	} {
		got := once(t, a.Gateway, m)
		ev := verdict(t, a.Gateway, got.ref)
		if ev.Site != site || ev.Checksum != checksum(1) || ev.Login != harness.Login || ev.Peer != "staging" || ev.Request != request {
			t.Errorf("verdict %+v", ev)
		}
		if ev.Verdict == "deny" {
			continue
		}
		if end := a.outcome(t, got.ref); end.Site != site || end.Checksum != checksum(1) || end.Request != request {
			t.Errorf("outcome %+v", end)
		}
	}
	checkLog(t, a)
}
