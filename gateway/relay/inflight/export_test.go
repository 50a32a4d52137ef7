package inflight

// Open returns how many requests have parts under way, or are being judged.
func (p *Parts) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}
