package policy

// Finding is something wrong with what an operator wrote: what, and what to do about it. A Warning
// leaves it usable. Neither text holds a secret.
type Finding struct {
	Msg     string
	Cure    string
	Warning bool
}

// String is the whole finding in one line.
func (f Finding) String() string { return f.Msg + ": " + f.Cure }
