package audit

import (
	"github.com/stagelock/stagelock/gateway/audit/chain"
)

// Encode returns ev as a whole line that follows nothing.
func Encode(ev Event) []byte {
	b, _ := chain.New().AppendLine(nil, max(ev.Seq, 1), appendEvent(nil, &ev), chain.Digest{})
	return b
}

// AppendMembers appends what the caller of Append encodes.
func AppendMembers(b []byte, ev *Event) []byte { return appendEvent(b, ev) }
