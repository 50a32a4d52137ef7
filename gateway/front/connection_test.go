package front

import "testing"

// TestARequestThatComesAsTimeRunsOutIsNotCut: the clock of a stranger's rest could not be stopped once it had begun to
// strike, and closed the connection under its request.
func TestARequestThatComesAsTimeRunsOutIsNotCut(t *testing.T) {
	for _, tt := range []struct {
		name  string
		rests bool
	}{{"a rest", true}, {"a request", false}} {
		t.Run(tt.name, func(t *testing.T) {
			o, cut := &open{}, false
			o.set(true)
			o.set(tt.rests)
			if o.over(func() { cut = true }); cut != tt.rests {
				t.Errorf("cut: %v", cut)
			}
		})
	}
}
