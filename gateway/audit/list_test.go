package audit_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/audittest"
)

// A list says where a log was changed, whatever it is asked for.
func TestListSaysThatTheLogIsDamaged(t *testing.T) {
	_, lines := audittest.Made(t, 20)
	for _, tt := range []struct {
		name string
		edit func([][]byte) [][]byte
		want string
	}{
		{"as it was", func(l [][]byte) [][]byte { return l }, ""},
		{"changed", func(l [][]byte) [][]byte {
			l[4] = []byte(strings.Replace(string(l[4]), "ref-4", "ref-5", 1))
			return l
		}, "record 5 was changed"},
		{"removed", func(l [][]byte) [][]byte { return append(l[:4:4], l[5:]...) }, "record 6 follows record 4"},
		{"replaced", func(l [][]byte) [][]byte {
			l[4] = audittest.Forge(l, 4)
			return l
		}, "record 6 follows another record 5 than this"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &audittest.Memory{Lines: tt.edit(append([][]byte(nil), lines...))}
			got := audittest.Events(t, m, audit.Filter{Ref: "ref-9"})
			if tt.want == "" && len(got) == 1 {
				return
			}
			if len(got) != 2 || got[0].Kind != audit.KindDamaged || got[0].Detail != tt.want {
				t.Errorf("events %+v, want %s", got, tt.want)
			}
		})
	}
}
