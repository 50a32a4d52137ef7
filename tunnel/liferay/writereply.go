package liferay

import (
	"fmt"
	"maps"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// TypeWrongSecret is the type of a RemoteAuthException for a wrong shared secret.
const TypeWrongSecret = 101

// MissingReference is something that published content refers to and that live does not have.
type MissingReference struct {
	ClassName   string
	ClassPK     string
	DisplayName string
	Type        string // dependency or weak
	Group       int64
}

// AppendValue appends the stream of a reply to dst: of int64 (Long), bool, or string.
func AppendValue(dst []byte, build string, v any) ([]byte, error) {
	w := &writer{build: build, table: schema.Classes()}
	value, err := w.value(v)
	if err != nil {
		return dst, err
	}
	return w.append(dst, value)
}

// append writes what was made, unless the build lacks a class of it.
func (w *writer) append(dst []byte, v graph.Value) ([]byte, error) {
	if w.err != nil {
		return dst, w.err
	}
	return graph.Append(dst, v)
}

// AppendThrown appends the stream of an exception to dst, without a stack trace, in the classes of
// that build. A class that no recording has becomes a PortalException that names it.
func AppendThrown(dst []byte, build string, t Thrown) ([]byte, error) {
	w := &writer{build: build, table: schema.Classes()}
	if c := w.table.Of(build, t.Class); c == nil || !schema.Throws(c) {
		t = Thrown{Class: ClassPortalException, Message: t.Error()}
	}
	return w.append(dst, w.thrown(t))
}

// Exceptions that are the same in all lines.
const (
	ClassPortalException = "com.liferay.portal.kernel.exception.PortalException"
	ClassSystemException = "com.liferay.portal.kernel.exception.SystemException"
)

// AppendRemoteAuth appends a RemoteAuthException of that type to dst, as the vendor's servlet
// answers a wrong secret.
func AppendRemoteAuth(dst []byte, build string, typ int, message string) ([]byte, error) {
	w := &writer{build: build, table: schema.Classes()}
	class := "com.liferay.portal.kernel.security.auth.RemoteAuthException"
	if profile(build) == Line62 {
		class = "com.liferay.portal.security.auth.RemoteAuthException"
	}
	o := w.thrown(Thrown{Class: class, Message: message})
	o.SetBits("_type", uint64(typ))
	return w.append(dst, o)
}

func (w *writer) thrown(t Thrown) *graph.Object {
	o := w.object(t.Class)
	o.SetRef("cause", o) // Java's way to say: none was given
	if t.Message != "" {
		o.SetRef("detailMessage", &graph.String{Text: t.Message})
	}
	o.SetRef("stackTrace", w.array("[Ljava.lang.StackTraceElement;"))
	o.SetRef("suppressedExceptions", w.object("java.util.Collections$EmptyList"))
	return o
}

// AppendMissing appends a MissingReferences reply to dst.
func AppendMissing(dst []byte, build string, hard, weak []MissingReference) ([]byte, error) {
	w := &writer{build: build, table: schema.Classes()}
	pkg := "com.liferay.exportimport.kernel.lar."
	if profile(build) == Line62 {
		pkg = "com.liferay.portal.kernel.lar."
	}
	o := w.object(pkg + "MissingReferences")
	for field, list := range map[string][]MissingReference{
		"_dependencyMissingReferences": hard, "_weakMissingReferences": weak,
	} {
		m, err := hashMap(w, map[string]string{})
		if err != nil {
			return dst, err
		}
		note := []graph.Value{tableOf(len(list))}
		for i, r := range list {
			key := fmt.Sprintf("%s#%s#%d", r.ClassName, r.ClassPK, i)
			note = append(note, &graph.String{Text: key}, w.missing(pkg+"MissingReference", r))
		}
		m.(*graph.Object).Note = note
		o.SetRef(field, m)
	}
	return w.append(dst, o)
}

func (w *writer) missing(class string, r MissingReference) graph.Value {
	o := w.object(class)
	for name, text := range map[string]string{
		"_className": r.ClassName, "_classPK": r.ClassPK, "_displayName": r.DisplayName, "_type": r.Type,
		"_referrerClassName": "",
	} {
		o.SetRef(name, &graph.String{Text: text})
	}
	o.SetBits("_groupId", uint64(r.Group))
	if m, err := hashMap(w, map[string]string{}); err == nil {
		o.SetRef("_referrers", m)
	}
	return o
}

// Model is a site, a page or a class name as a reply carries it: field values by name, such as _groupId. Values
// are int64, bool and string; a field that the build's class lacks is left out.
type Model map[string]any

// AppendGroup appends a site to dst as GroupImpl of that build.
func AppendGroup(dst []byte, build string, m Model) ([]byte, error) {
	return appendModel(dst, build, schema.ModelImpl+"GroupImpl", m)
}

// AppendLayout appends a page to dst as LayoutImpl of that build.
func AppendLayout(dst []byte, build string, m Model) ([]byte, error) {
	return appendModel(dst, build, schema.ModelImpl+"LayoutImpl", m)
}

// AppendClassName appends a model's class name to dst as ClassNameImpl of that build. 6.2 has no
// call that answers one.
func AppendClassName(dst []byte, build string, m Model) ([]byte, error) {
	return appendModel(dst, build, schema.ModelImpl+"ClassNameImpl", m)
}

func appendModel(dst []byte, build, class string, m Model) ([]byte, error) {
	w := &writer{build: build, table: schema.Classes()}
	o := w.object(class)
	for name, v := range maps.All(m) {
		switch v := v.(type) {
		case int64:
			o.SetBits(name, uint64(v))
		case bool:
			if v {
				o.SetBits(name, 1)
			}
		case string:
			o.SetRef(name, &graph.String{Text: v})
		default:
			return dst, fmt.Errorf("field %s of %s: a value of type %T", name, class, v)
		}
	}
	return w.append(dst, o)
}
