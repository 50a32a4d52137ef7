package graph

// The stream's constants, from the Java Object Serialization Protocol.
const (
	Magic   = 0xaced
	Version = 5

	TagNull        = 0x70
	TagReference   = 0x71
	TagClassDesc   = 0x72
	TagObject      = 0x73
	TagString      = 0x74
	TagArray       = 0x75
	TagBlockData   = 0x77
	TagEndBlock    = 0x78
	TagReset       = 0x79
	TagBlockLong   = 0x7a
	TagLongString  = 0x7c
	BaseHandle     = 0x7e0000
	MaxShortString = 0xffff
	MaxShortBlock  = 0xff
	MaxBlock       = 1024 // Java's writer begins a new block after so many bytes
)

// Flags of a class descriptor.
const (
	FlagWriteMethod  = 0x01 // the class has a writeObject method
	FlagSerializable = 0x02
	FlagExternal     = 0x04
	FlagBlockData    = 0x08
)

// Reset is the byte that may be repeated after the header of a reply, as a heartbeat: Java's reader
// skips it.
const Reset = TagReset

// Header is how every stream begins.
func Header() []byte { return []byte{Magic >> 8, Magic & 0xff, 0, Version} }

// Width has the bytes of each primitive type.
var Width = [256]int{'B': 1, 'Z': 1, 'C': 2, 'S': 2, 'I': 4, 'F': 4, 'J': 8, 'D': 8}
