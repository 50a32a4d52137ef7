package http1

// Forget takes the request for answered: the test has written the answer itself.
func (c *Conn) Forget() { c.answered = true }
