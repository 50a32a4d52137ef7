package sync

// MaxCompare is how many objects are compared with one message.
const MaxCompare = 1000

// Compare asks what another server shows of the objects behind After, by name: for those who look for
// differences, and for nothing else.
type Compare struct {
	After Object `json:"after"`
	Limit int    `json:"limit"`
}

// Shown is one object as a server shows it.
type Shown struct {
	Object   Object `json:"object"`
	Payload  Digest `json:"payload"`
	Conflict bool   `json:"conflict,omitempty"` // other versions stand beside it
}

// Page is some of what a server shows, by name. Objects that were deleted are not in it.
type Page struct {
	Shown []Shown `json:"shown"`
	Last  Object  `json:"last"` // up to which everything is there
	More  bool    `json:"more"` // there are others behind it
}
