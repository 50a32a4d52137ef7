package secret_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/policy/secret"
)

// The header that a key made last is not given to another login, or in another form.
func TestHeadersOfOneKeyInTurns(t *testing.T) {
	k := keyA(t)
	type form struct {
		login         string
		encode, upper bool
	}
	want := map[form]string{}
	var forms []form
	for _, login := range []string{"joe@example.com", "ann+1@example.com", "joe@example.co", "j"} {
		for i := range 4 {
			f := form{login, i&1 == 1, i&2 == 2}
			forms, want[f] = append(forms, f), newKeyA(t).Authorization(f.login, f.encode, f.upper)
		}
	}
	if want[form{"ann+1@example.com", false, false}] == want[form{"ann+1@example.com", true, false}] {
		t.Fatal("the forms of a login with a plus are alike")
	}
	var callers sync.WaitGroup
	for begin := range 4 {
		callers.Go(func() {
			for i := range 50 * len(forms) {
				f := forms[(begin*5+i/2)%len(forms)] // each twice in a row
				if got := k.Authorization(f.login, f.encode, f.upper); got != want[f] {
					t.Errorf("%+v: %q, want %q", f, got, want[f])
				}
			}
		})
	}
	callers.Wait()
	for _, bad := range []string{"", "a:b", strings.Repeat("a", 1000)} {
		if got := k.Authorization(bad, false, false); got != "" {
			t.Errorf("%.20q got %q", bad, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { k.Authorization("joe@example.com", true, false) }); n > 0 {
		t.Errorf("%v allocations for the login that came last", n)
	}
}

// newKeyA is another key of the same secret, which remembers nothing.
func newKeyA(t *testing.T) *secret.Key { return keyA(t) }
