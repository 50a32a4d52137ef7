package schema

import (
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser/graph"
)

// throwables knows the exceptions that a reply may carry: the vendor's by package, Java's own by
// name.
type throwables struct {
	family *graph.Family
	fields map[string]*graph.Slot  // what an exception may carry besides text and numbers, by signature
	named  map[string]*graph.Shape // of Throwable itself, of Java's own, and of those in recordings
}

func (t *throwables) init(s *Set) {
	t.family = &graph.Family{Name: "throwables"}
	empty := s.pin("java.util.Collections$EmptyList", nil) // one object in all of Java: two fields may share it
	t.fields = thrownFields(s, empty)
	t.named = map[string]*graph.Shape{"java.lang.Throwable": t.root(s, empty)}
	for _, name := range strings.Fields(jdkThrowables) {
		t.named[name] = t.open(name)
	}
	for _, classes := range s.table {
		for name, c := range classes {
			if Throws(c) && strings.HasPrefix(name, vendorPackage) {
				t.named[name] = t.open(name)
			}
		}
	}
	for name, shape := range t.named {
		if shape.Open != nil {
			shape.Known = s.table.all(name)
		}
	}
}

// root is java.lang.Throwable: a cause, a message, where it was thrown, and what was suppressed.
func (t *throwables) root(s *Set, empty *graph.Shape) *graph.Shape {
	element := s.model("java.lang.StackTraceElement")
	element.Open.MaxFields, element.Open.Refs = 8, nil
	trace := orNull(s.arrayOf("[Ljava.lang.StackTraceElement;", graph.Slot{Shapes: []*graph.Shape{element}}))
	cause := graph.Slot{Null: true, Cycle: true, Dynamic: t.shape}
	list := s.list(&graph.Slot{Dynamic: t.shape})
	inner := graph.Slot{Shapes: []*graph.Shape{list}}
	fixed := s.pin("java.util.Collections$UnmodifiableList",
		s.pin("java.util.Collections$UnmodifiableCollection", nil, inner), inner)
	suppressed := orNull(empty, fixed, list)
	root := s.pin("java.lang.Throwable", nil, cause, text, trace, suppressed)
	root.Data, root.Family = graph.EmptyData, t.family
	return root
}

// vendorPackage is where the vendor's exceptions are, and those of its own modules.
const vendorPackage = "com.liferay."

// shape returns the shape of an exception class, by form, or nil for a class that is none.
func (t *throwables) shape(class string) *graph.Shape {
	if known := t.named[class]; known != nil {
		return known
	}
	if !strings.HasPrefix(class, vendorPackage) || len(class) > maxClassName || strings.ContainsFunc(class, odd) {
		return nil
	}
	return t.open(class)
}

// odd says whether r is no letter of a class name. Java would allow more, the vendor uses no more.
func odd(r rune) bool {
	return r != '.' && r != '_' && r != '$' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

func (t *throwables) open(class string) *graph.Shape {
	return &graph.Shape{Family: t.family, Open: &graph.Open{
		Name: class, MaxFields: 32, Refs: t.fields, Supers: t.shape,
	}}
}

func thrownFields(s *Set, empty *graph.Shape) map[string]*graph.Slot {
	item := &graph.Slot{Null: true, String: true, Shapes: []*graph.Shape{s.basic["java.util.Locale"]}}
	of := func(shapes ...*graph.Shape) *graph.Slot {
		slot := orNull(shapes...)
		return &slot
	}
	missing := of(s.missingReferences()...)
	return map[string]*graph.Slot{
		"[Ljava/lang/String;": of(s.basic["[Ljava.lang.String;"]),
		"[Ljava/util/Locale;": of(s.basic["[Ljava.util.Locale;"]),
		"[J":                  of(s.basic["[J"]),
		"Ljava/util/Locale;":  of(s.basic["java.util.Locale"]),
		"Ljava/util/Date;":    of(s.basic["java.util.Date"]),
		"Ljava/util/List;":    of(s.list(item), empty),
		"Lcom/liferay/portal/kernel/lar/MissingReferences;":       missing,
		"Lcom/liferay/exportimport/kernel/lar/MissingReferences;": missing,
	}
}

// jdkThrowables are the exceptions of Java itself that a portal lets through.
const jdkThrowables = `
java.lang.Exception
java.lang.RuntimeException
java.lang.Error
java.lang.ArithmeticException
java.lang.ArrayIndexOutOfBoundsException
java.lang.ArrayStoreException
java.lang.ClassCastException
java.lang.CloneNotSupportedException
java.lang.IllegalAccessException
java.lang.IllegalArgumentException
java.lang.IllegalMonitorStateException
java.lang.IllegalStateException
java.lang.IndexOutOfBoundsException
java.lang.InstantiationException
java.lang.InterruptedException
java.lang.NegativeArraySizeException
java.lang.NoSuchFieldException
java.lang.NoSuchMethodException
java.lang.NullPointerException
java.lang.NumberFormatException
java.lang.ReflectiveOperationException
java.lang.SecurityException
java.lang.StringIndexOutOfBoundsException
java.lang.UnsupportedOperationException
java.lang.LinkageError
java.lang.NoClassDefFoundError
java.lang.VirtualMachineError
java.lang.OutOfMemoryError
java.lang.StackOverflowError
java.lang.AssertionError
java.lang.IncompatibleClassChangeError
java.lang.NoSuchMethodError
java.lang.NoSuchFieldError
java.io.IOException
java.io.EOFException
java.io.FileNotFoundException
java.io.InterruptedIOException
java.io.ObjectStreamException
java.io.InvalidClassException
java.io.InvalidObjectException
java.io.NotSerializableException
java.io.StreamCorruptedException
java.io.UncheckedIOException
java.io.UnsupportedEncodingException
java.io.UTFDataFormatException
java.net.ConnectException
java.net.MalformedURLException
java.net.SocketException
java.net.SocketTimeoutException
java.net.UnknownHostException
java.sql.SQLException
java.text.ParseException
java.util.ConcurrentModificationException
java.util.EmptyStackException
java.util.MissingResourceException
java.util.NoSuchElementException
java.util.InputMismatchException
java.util.concurrent.CancellationException
java.util.concurrent.ExecutionException
java.util.concurrent.RejectedExecutionException
java.util.concurrent.TimeoutException
java.util.zip.DataFormatException
java.util.zip.ZipException
`

// maxClassName is the longest name of a class that is taken.
const maxClassName = 256

// Throws reports whether the class is a Throwable.
func Throws(c *graph.Class) bool {
	for ; c != nil; c = c.Super {
		if c.Name == "java.lang.Throwable" {
			return true
		}
	}
	return false
}
