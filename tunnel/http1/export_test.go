package http1

// Forget takes the request for answered: the test has written the answer itself.
func (c *Conn) Forget() { c.answered = true }

// Copying lends the buffer of one more body and returns its size.
func (u *Upstream) Copying() (size int, give func()) {
	buf, give := u.copyBuffer()
	return len(*buf), give
}
