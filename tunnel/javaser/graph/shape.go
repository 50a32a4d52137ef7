package graph

import "slices"

// Slot says what may stand in one place. The zero Slot admits nothing.
type Slot struct {
	Null   bool
	String bool
	Shapes []*Shape
	// Dynamic is asked for the shape of a class that Shapes does not name; nil refuses it.
	Dynamic func(class string) *Shape
	// Cycle allows a reference to the object whose field this is, as Throwable's cause has.
	Cycle bool
	// Sealed allows null or a string written out in full that nothing refers to later.
	Sealed bool
	// Bulk lets the content of a byte array stream to Decoder.Bulk.
	Bulk     bool
	Anything bool
}

// Any returns a Slot for everything that the grammar allows, within the limits. It is for looking
// into a stream that is not going anywhere: what was read through it is neither checked nor fit to
// be written.
func Any() *Slot {
	return &Slot{Null: true, String: true, Cycle: true, Anything: true, Dynamic: anyShape}
}

func anyShape(class string) *Shape {
	return &Shape{Open: &Open{Name: class, Anything: true, Supers: anyShape}, Data: AnyData, Elem: Any()}
}

// Data says what a class adds to its fields in writeObject or writeExternal.
type Data int

// The kinds of added data. The zero Data is none: the class has no such method.
const (
	NoData    Data = iota
	EmptyData      // a writeObject that adds nothing
	MapData        // HashMap: capacity, size, and the entries
	ListData       // ArrayList: size, and the elements
	TreeData       // TreeMap: size, and the entries
	TimeData       // Date: 8 bytes
	BlockData      // one block of bytes, flags of an externalizable class
	AnyData        // whatever the flags of the descriptor announce
)

// Shape says what one class looks like in a certain place, and what may stand in its fields.
type Shape struct {
	// Class is what the descriptor must be, field by field. Only its UID may differ, if AnyUID is
	// set: the vendor computes it anew with every build.
	Class  *Class
	AnyUID bool
	// Slots has one Slot for each object field of Class, in order.
	Slots []Slot
	Super *Shape
	Data  Data
	Key   *Slot // of a map
	Elem  *Slot // of a map's values, a list or an array
	// Open describes a class by form, in place of Class and Slots.
	Open *Open
	// Known has recorded descriptors of the class: one that is read and does not differ shares its
	// memory.
	Known []*Class
	// Family is the same for all shapes that a Dynamic func made for one family of classes: a value
	// read as one may be referred to where another of the family is asked for.
	Family *Family
}

// Open pins the form of a class whose fields move with every build of the vendor: fields in the
// order of a Java writer, each primitive, a string, or what Refs names for its signature;
// everything else must be null.
type Open struct {
	Name      string
	MaxFields int
	Required  []Field          // must be among the fields
	Refs      map[string]*Slot // by field name, then by signature
	Supers    func(class string) *Shape
	Anything  bool
}

// Family names a group of classes, such as all exceptions.
type Family struct{ Name string }

// Name returns the name of the class.
func (s *Shape) Name() string {
	if s.Open != nil {
		return s.Open.Name
	}
	return s.Class.Name
}

func (s *Shape) same(other *Shape) bool {
	return s == other || s.Family != nil && s.Family == other.Family
}

// Find returns the shape of the class of that name, or nil.
func (s *Slot) Find(name string) *Shape {
	for _, sh := range s.Shapes {
		if name == sh.Name() {
			return sh
		}
	}
	if s.Dynamic != nil {
		return s.Dynamic(name)
	}
	return nil
}

// Admits says whether a value that was read as sh may be referred to from s.
func (s *Slot) Admits(sh *Shape) bool {
	if s.Anything {
		return true
	}
	for _, own := range s.Shapes {
		if own.same(sh) {
			return true
		}
	}
	if s.Dynamic == nil {
		return false
	}
	own := s.Dynamic(sh.Name())
	return own != nil && own.same(sh)
}

var (
	nullOnly     = Slot{Null: true}
	nullOrString = Slot{Null: true, String: true}
)

// SlotOf returns what may stand in an object field of a class read as s: the i-th object field of its
// own.
func (s *Shape) SlotOf(f Field, i int) *Slot {
	if s.Open == nil {
		return &s.Slots[i]
	}
	if s.Open.Anything {
		return s.Elem
	}
	if slot := s.Open.Refs[f.Name]; slot != nil {
		return slot
	}
	if slot := s.Open.Refs[f.Sig]; slot != nil {
		return slot
	}
	if f.Sig == "Ljava/lang/String;" {
		return &nullOrString
	}
	return &nullOnly
}

// Above returns the shape of the superclass of that name, or nil.
func (s *Shape) Above(name string) *Shape {
	if s.Open != nil && s.Open.Supers != nil {
		return s.Open.Supers(name)
	}
	if s.Super != nil && s.Super.Name() == name {
		return s.Super
	}
	return nil
}

// Rooted says whether the class may stand without a superclass.
func (s *Shape) Rooted() bool {
	return s.Super == nil && (s.Open == nil || s.Open.Supers == nil || s.Open.Anything)
}

// Accepts reports whether fields are in the form: the order of Java's writer, no name twice, those
// that are required.
func (o *Open) Accepts(fields []Field, most int) bool {
	if o.Anything {
		return true
	}
	if o.MaxFields > 0 {
		most = o.MaxFields
	}
	if len(fields) > most {
		return false
	}
	for i := 1; i < len(fields); i++ {
		if !inOrder(fields[i-1], fields[i]) {
			return false
		}
	}
	for _, want := range o.Required {
		if !slices.Contains(fields, want) {
			return false
		}
	}
	return true
}

// inOrder says whether b may follow a: primitives first, each group by name.
func inOrder(a, b Field) bool {
	if a.Primitive() != b.Primitive() {
		return a.Primitive()
	}
	return a.Name < b.Name
}
