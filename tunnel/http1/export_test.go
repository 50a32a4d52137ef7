package http1

// Forget takes the request for answered: the test has written the answer itself.
func (c *Conn) Forget() { c.answered = true }

// Flowing returns how many big bodies flow.
func Flowing(p *Profile) int32 { return p.bodies.Load() }
