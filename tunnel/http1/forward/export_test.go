package forward

// Copying lends the buffer of one more body and returns its size.
func (u *Upstream) Copying() (size int, give func()) {
	buf, give := u.copyBuffer()
	return len(*buf), give
}
