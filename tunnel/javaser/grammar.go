package javaser

// The stream's constants, from the Java Object Serialization Protocol.
const (
	magic   = 0xaced
	version = 5

	tcNull         = 0x70
	tcReference    = 0x71
	tcClassDesc    = 0x72
	tcObject       = 0x73
	tcString       = 0x74
	tcArray        = 0x75
	tcBlockData    = 0x77
	tcEndBlock     = 0x78
	tcReset        = 0x79
	tcBlockLong    = 0x7a
	tcLongString   = 0x7c
	baseHandle     = 0x7e0000
	maxShortString = 0xffff
	maxShortBlock  = 0xff
	maxBlock       = 1024 // Java's writer begins a new block after so many bytes
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
const Reset = tcReset

// Header is how every stream begins.
func Header() []byte { return []byte{magic >> 8, magic & 0xff, 0, version} }
