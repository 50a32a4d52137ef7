package section

// Same reports whether two keys make the same tokens.
func (k Key) Same(o Key) bool {
	return k.Value.Equal(o.Value) && k.Algorithm == o.Algorithm && k.Hex == o.Hex
}

// Take reports whether tokens of that key are taken.
func (k Keys) Take(o Key) bool { return k.Same(o) || k.Previous.Same(o) }
