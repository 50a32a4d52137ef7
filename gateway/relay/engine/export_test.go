package engine

// Answered reports whether the engine has said something that nobody has read.
func (a *Attempt) Answered() bool { return a.exchange.Spoken() }
