package forward_test

import (
	"testing"

	"github.com/stagelock/stagelock/tunnel/http1/forward"
)

// Many bodies at once hold little memory each; when they are gone, a body gets a big buffer again.
func TestManyBodiesGetSmallBuffers(t *testing.T) {
	u := forward.New(forward.Config{Addr: "127.0.0.1:1"})
	total := 0
	var gives []func()
	for range 64 {
		n, give := u.Copying()
		total += n
		gives = append(gives, give)
	}
	if most := 8 << 20; total > most {
		t.Errorf("64 bodies hold %d bytes, want at most %d", total, most)
	}
	for _, give := range gives {
		give()
	}
	n, give := u.Copying()
	defer give()
	if n < 256<<10 {
		t.Errorf("a body by itself gets %d bytes", n)
	}
}
