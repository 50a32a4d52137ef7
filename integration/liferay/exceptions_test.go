package liferay_test

import (
	"slices"
	"strings"
	"testing"
)

const portalException = "com.liferay.portal.kernel.exception.PortalException"

// told is an exception that the server is to throw.
type told struct {
	class string
	more  fields
}

func (x told) answer() fields {
	return with(fields{"throw": x.class, "message": "odd \u00fc\u4f8b"}, x.more)
}

// exceptions has the server throw every exception class of the line that can be made, from a bare message and with its own
// fields set, then a few with others inside. What arrives through the gateway is what arrives without it.
func exceptions(t *testing.T, s *stage, sum *row) {
	s.reset()
	classes := must[struct {
		Classes []string `json:"classes"`
	}](s.server, "throwables", nil).Classes
	if len(classes) < 100 {
		t.Errorf("the server can throw %d classes only", len(classes))
	}
	var all []told
	for _, c := range append(classes, javaThrowables...) {
		all = append(all, told{c, nil}, told{c, fields{"rich": true}})
	}
	for _, name := range []string{"PrincipalException", "NoSuchGroupException", "SystemException"} {
		i := slices.IndexFunc(classes, func(c string) bool { return strings.HasSuffix(c, "."+name) })
		if i < 0 {
			t.Errorf("no %s", name)
			continue
		}
		all = append(all, told{classes[i], fields{"cause": "java.lang.IllegalStateException"}},
			told{classes[i], fields{"suppressed": "java.io.IOException"}},
			told{classes[i], fields{"cause": "java.sql.SQLException", "suppressed": classes[i]}})
	}
	turned := throwAll(t, s, sum, all)
	t.Logf("%d classes, %d throws; as PortalException: %v", len(classes)+len(javaThrowables), len(all), turned)
	if s.hides {
		hidden(t, s, sum)
	}
}

// javaThrowables are Java's own that a portal's code throws, and some that the gateway does not know.
var javaThrowables = []string{
	"java.lang.IllegalStateException", "java.lang.NullPointerException", "java.lang.ClassCastException", "java.lang.Exception",
	"java.io.FileNotFoundException", "java.util.ConcurrentModificationException", "java.lang.OutOfMemoryError",
	"java.nio.file.NoSuchFileException", "java.util.zip.ZipException", "java.util.IllegalFormatWidthException",
}

// throwAll compares what the client catches with and without the gateway and returns what was turned into a PortalException.
func throwAll(t *testing.T, s *stage, sum *row, all []told) map[string]int {
	t.Helper()
	turned := map[string]int{}
	for _, batch := range slices.Collect(slices.Chunk(all, 50)) {
		var answers []fields
		for _, x := range batch {
			answers = append(answers, x.answer(), x.answer())
		}
		must[outcome](s.server, "answer", fields{"method": "getGroup", "answers": answers})
		for _, x := range batch {
			alone := s.getGroup(fields{"baseURL": s.straight()})
			through := s.getGroup(nil)
			sum.exceptions++
			switch {
			case alone == nil:
				t.Errorf("%s %v was not thrown", x.class, x.more)
			case alone.same(through):
				sum.sameExceptions++
			case turnedInto(alone, through):
				turned[alone.Class]++
				sum.turned++
			default:
				t.Errorf("%v arrived as %v (%s, %s)", alone, through, alone.Fields, alone.Cause)
			}
		}
	}
	s.calls()
	return turned
}

func (s *stage) getGroup(more fields) *thrown {
	s.client.t.Helper()
	return do[outcome](s.client, "call", with(fields{"method": "getGroup", "args": []any{site}}, more)).Exception
}

// same says whether two exceptions are equal in all that the vendor's code can see of them.
func (x *thrown) same(y *thrown) bool {
	if x == nil || y == nil {
		return x == y
	}
	return x.Class == y.Class && (x.Message == nil) == (y.Message == nil) && x.text() == y.text() && x.Top == y.Top &&
		string(x.Fields) == string(y.Fields) && x.Cause.same(y.Cause)
}

// turnedInto says whether y is what the gateway makes of an exception that may not pass as itself.
func turnedInto(x, y *thrown) bool {
	if y == nil || y.Class != portalException {
		return false
	}
	for c := x; c != nil; c = c.Cause { // the client's own code wraps what it does not know
		if strings.HasPrefix(y.text(), c.Class) && strings.Contains(y.text(), c.text()) {
			return true
		}
	}
	return false
}

// hidden has the server hide what it threw, as tunnel.servlet.hide.exception.data makes it.
func hidden(t *testing.T, s *stage, sum *row) {
	t.Helper()
	must[outcome](s.server, "set", fields{"hideExceptionData": true})
	defer must[outcome](s.server, "set", fields{"hideExceptionData": false})
	must[outcome](s.server, "answer", fields{"method": "getGroup", "answers": []fields{told{class: "java.lang.IllegalStateException"}.answer()}})
	if x := s.getGroup(fields{"baseURL": s.straight()}); x == nil || strings.Contains(x.text(), "odd") {
		t.Errorf("the server hides nothing: %v", x)
	}
	before := sum.sameExceptions
	throwAll(t, s, sum, []told{
		{class: portalException}, {class: "java.lang.IllegalStateException"}, {class: "java.io.IOException"},
	})
	if sum.sameExceptions != before+3 {
		t.Error("a hidden exception was not the same through the gateway")
	}
	sum.hidden = "on, off"
}
