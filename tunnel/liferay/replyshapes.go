package liferay

import (
	"slices"
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser"
)

// replySlots has what a method of each return type may answer, exceptions included. A void method answers nothing or throws.
func (s *shapes) replySlots() map[string]javaser.Slot {
	group := s.groupShape()
	layout := s.layoutShape(group)
	missing := s.missingReferences()
	slots := map[string]javaser.Slot{
		"void":                                   {},
		"long":                                   {Shapes: []*javaser.Shape{s.basic["java.lang.Long"]}},
		"boolean":                                {Shapes: []*javaser.Shape{s.basic["java.lang.Boolean"]}},
		"java.lang.String":                       {String: true},
		"com.liferay.portal.model.Group":         {Shapes: []*javaser.Shape{group}},
		"com.liferay.portal.kernel.model.Group":  {Shapes: []*javaser.Shape{group}},
		"com.liferay.portal.model.Layout":        {Shapes: []*javaser.Shape{layout}},
		"com.liferay.portal.kernel.model.Layout": {Shapes: []*javaser.Shape{layout}},
		"com.liferay.portal.kernel.lar.MissingReferences":       {Shapes: missing},
		"com.liferay.exportimport.kernel.lar.MissingReferences": {Shapes: missing},
	}
	for name, slot := range slots {
		slot.Dynamic = s.throwableNamed
		slots[name] = slot
	}
	return slots
}

// chainOf links the three classes that the vendor generates for a model, and the root of all models of either line.
func (s *shapes) chainOf(name string, own map[string]*javaser.Slot) *javaser.Shape {
	root7, root62 := s.model(kernelBaseModel, ""), s.model(portalBaseModel, "")
	model := s.model(name+"ModelImpl", "")
	model.Open.Supers = func(class string) *javaser.Shape {
		return named(class, root7, root62)
	}
	base := s.model(name+"BaseImpl", "")
	base.Super = model
	impl := s.model(name+"Impl", "")
	impl.Super = base
	for field, slot := range own {
		impl.Open.Refs[field] = slot
	}
	return impl
}

func named(class string, among ...*javaser.Shape) *javaser.Shape {
	for _, sh := range among {
		if sh.Open.Name == class {
			return sh
		}
	}
	return nil
}

func (s *shapes) groupShape() *javaser.Shape {
	other := &javaser.Slot{Null: true}
	properties := s.properties()
	group := s.chainOf("com.liferay.portal.model.impl.Group", map[string]*javaser.Slot{
		"_liveGroup": other, "_stagingGroup": other,
		"_typeSettingsProperties": properties, "_typeSettingsUnicodeProperties": properties,
	})
	other.Shapes = []*javaser.Shape{group}
	return group
}

func (s *shapes) layoutShape(group *javaser.Shape) *javaser.Shape {
	master, properties := &javaser.Slot{Null: true}, s.properties()
	groups := orNull(group)
	set := s.chainOf("com.liferay.portal.model.impl.LayoutSet", map[string]*javaser.Slot{
		"_settingsProperties": properties, "_settingsUnicodeProperties": properties, "_group": &groups,
	})
	sets := orNull(set)
	layout := s.chainOf("com.liferay.portal.model.impl.Layout", map[string]*javaser.Slot{
		"_layoutSet": &sets, "_masterLayout": master,
		"_typeSettingsProperties": properties, "_typeSettingsUnicodeProperties": properties,
	})
	master.Shapes = []*javaser.Shape{layout}
	return layout
}

// properties is UnicodeProperties: a HashMap of strings with one or two primitive fields of its own.
func (s *shapes) properties() *javaser.Slot {
	hash := s.maps(&javaser.Slot{String: true}, &text)[0]
	own := s.model("com.liferay.portal.kernel.util.UnicodeProperties", "")
	own.Open.MaxFields, own.Super = 2, hash
	slot := orNull(own)
	return &slot
}

// missingReferences is the answer of validate and publish, of either line.
func (s *shapes) missingReferences() []*javaser.Shape {
	var all []*javaser.Shape
	for _, pkg := range []string{"com.liferay.portal.kernel.lar.", "com.liferay.exportimport.kernel.lar."} {
		one := s.model(pkg+"MissingReference", "")
		referrers := orNull(s.maps(&javaser.Slot{String: true}, &text)...)
		one.Open.MaxFields, one.Open.Refs["_referrers"] = 16, &referrers
		both := &javaser.Slot{Shapes: s.maps(&javaser.Slot{String: true}, &javaser.Slot{Shapes: []*javaser.Shape{one}})}
		m := s.model(pkg+"MissingReferences", "")
		m.Open.MaxFields = 2
		m.Open.Refs["_dependencyMissingReferences"], m.Open.Refs["_weakMissingReferences"] = both, both
		all = append(all, m)
	}
	return all
}

// throwable is java.lang.Throwable: a cause, a message, where it was thrown, and what was suppressed.
func (s *shapes) throwable() *javaser.Shape {
	element := &javaser.Shape{Open: &javaser.Open{Name: "java.lang.StackTraceElement", MaxFields: 8}}
	trace := orNull(s.arrayOf("[Ljava.lang.StackTraceElement;", javaser.Slot{Shapes: []*javaser.Shape{element}}))
	cause := javaser.Slot{Null: true, Cycle: true, Dynamic: s.throwableNamed}
	list := s.list(&javaser.Slot{Dynamic: s.throwableNamed})
	inner := javaser.Slot{Shapes: []*javaser.Shape{list}}
	fixed := s.pin("java.util.Collections$UnmodifiableList",
		s.pin("java.util.Collections$UnmodifiableCollection", nil, inner), inner)
	suppressed := orNull(s.pin("java.util.Collections$EmptyList", nil), fixed, list)
	t := s.pin("java.lang.Throwable", nil, cause, text, trace, suppressed)
	t.Data, t.Family = javaser.EmptyData, s.family
	return t
}

// throwableNamed returns the shape of an exception class, by form, or nil for a class that is none.
func (s *shapes) throwableNamed(class string) *javaser.Shape {
	if class == "java.lang.Throwable" {
		return s.thrown
	}
	if !strings.HasPrefix(class, "com.liferay.") && !slices.Contains(jdkThrowables, class) {
		return nil
	}
	return &javaser.Shape{Family: s.family, Open: &javaser.Open{
		Name: class, MaxFields: 32, Refs: s.thrownFields(), Supers: s.throwableNamed,
	}}
}

// thrownFields are what an exception may carry besides text and numbers, by signature.
func (s *shapes) thrownFields() map[string]*javaser.Slot {
	if s.fields != nil {
		return s.fields
	}
	item := &javaser.Slot{Null: true, String: true, Shapes: []*javaser.Shape{s.basic["java.util.Locale"]}}
	empty := s.pin("java.util.Collections$EmptyList", nil)
	of := func(shapes ...*javaser.Shape) *javaser.Slot {
		slot := orNull(shapes...)
		return &slot
	}
	missing := of(s.missingReferences()...)
	s.fields = map[string]*javaser.Slot{
		"[Ljava/lang/String;": of(s.basic["[Ljava.lang.String;"]),
		"[Ljava/util/Locale;": of(s.basic["[Ljava.util.Locale;"]),
		"[J":                  of(s.basic["[J"]),
		"Ljava/util/Locale;":  of(s.basic["java.util.Locale"]),
		"Ljava/util/Date;":    of(s.basic["java.util.Date"]),
		"Ljava/util/List;":    of(s.list(item), empty),
		"Lcom/liferay/portal/kernel/lar/MissingReferences;":       missing,
		"Lcom/liferay/exportimport/kernel/lar/MissingReferences;": missing,
	}
	return s.fields
}

// jdkThrowables are the exceptions of Java itself that a portal lets through.
var jdkThrowables = []string{
	"java.lang.Exception", "java.lang.RuntimeException", "java.lang.Error",
	"java.lang.ArithmeticException", "java.lang.ArrayIndexOutOfBoundsException", "java.lang.ArrayStoreException",
	"java.lang.ClassCastException", "java.lang.CloneNotSupportedException", "java.lang.IllegalAccessException",
	"java.lang.IllegalArgumentException", "java.lang.IllegalMonitorStateException",
	"java.lang.IllegalStateException", "java.lang.IndexOutOfBoundsException", "java.lang.InstantiationException",
	"java.lang.InterruptedException", "java.lang.NegativeArraySizeException", "java.lang.NoSuchFieldException",
	"java.lang.NoSuchMethodException", "java.lang.NullPointerException", "java.lang.NumberFormatException",
	"java.lang.ReflectiveOperationException", "java.lang.SecurityException",
	"java.lang.StringIndexOutOfBoundsException", "java.lang.UnsupportedOperationException",
	"java.lang.LinkageError", "java.lang.NoClassDefFoundError", "java.lang.VirtualMachineError",
	"java.lang.OutOfMemoryError", "java.lang.StackOverflowError", "java.lang.AssertionError",
	"java.lang.IncompatibleClassChangeError", "java.lang.NoSuchMethodError", "java.lang.NoSuchFieldError",
	"java.io.IOException", "java.io.EOFException", "java.io.FileNotFoundException",
	"java.io.InterruptedIOException", "java.io.ObjectStreamException", "java.io.InvalidClassException",
	"java.io.InvalidObjectException", "java.io.NotSerializableException", "java.io.StreamCorruptedException",
	"java.io.UncheckedIOException", "java.io.UnsupportedEncodingException", "java.io.UTFDataFormatException",
	"java.net.ConnectException", "java.net.MalformedURLException", "java.net.SocketException",
	"java.net.SocketTimeoutException", "java.net.UnknownHostException", "java.sql.SQLException",
	"java.text.ParseException", "java.util.ConcurrentModificationException", "java.util.EmptyStackException",
	"java.util.MissingResourceException", "java.util.NoSuchElementException", "java.util.InputMismatchException",
	"java.util.concurrent.CancellationException", "java.util.concurrent.ExecutionException",
	"java.util.concurrent.RejectedExecutionException", "java.util.concurrent.TimeoutException",
	"java.util.zip.DataFormatException", "java.util.zip.ZipException",
}
