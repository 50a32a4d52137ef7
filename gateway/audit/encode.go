package audit

import (
	"time"

	"github.com/stagelock/stagelock/gateway/audit/members"
)

// appendEvent appends the members of ev after seq and before prev. It is written by hand because
// encoding/json takes several times as long, and a call waits for two events.
func appendEvent(b []byte, ev *Event) []byte {
	b = members.Text(b, "kind", string(ev.Kind))
	b = append(b, `,"time":"`...)
	b = ev.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	b = members.Text(b, "ref", ev.Ref)
	b = members.Text(b, "node", ev.Node)
	if ev.Addr.IsValid() {
		b = members.Addr(b, ev.Addr)
	}
	if ev.Socket.IsValid() {
		b = members.Socket(b, ev.Socket)
	}
	b = members.Text(b, "peer", ev.Peer)
	b = members.Text(b, "login", ev.Login)
	b = members.Text(b, "key", ev.KeyID)
	b = members.Text(b, "line", ev.Line)
	b = members.Text(b, "method", ev.Method)
	b = members.Number(b, "site", ev.Site)
	b = members.Number(b, "request", ev.Request)
	b = members.Text(b, "part", ev.Part)
	b = members.Text(b, "checksum", ev.Checksum)
	b = members.Number(b, "size", ev.Size)
	b = members.Text(b, "verdict", string(ev.Verdict))
	b = members.Text(b, "reason", string(ev.Reason))
	b = members.Text(b, "detail", ev.Detail)
	b = members.Text(b, "rule", ev.Rule)
	b = members.Text(b, "class_path", ev.ClassPath)
	b = members.Number(b, "offset", ev.Offset)
	b = members.Text(b, "upstream", ev.Upstream)
	b = members.Number(b, "status", int64(ev.Status))
	b = members.Number(b, "bytes_in", ev.BytesIn)
	b = members.Number(b, "bytes_out", ev.BytesOut)
	b = members.Number(b, "latency_us", ev.LatencyMicros)
	b = members.Text(b, "end", ev.End)
	b = members.Text(b, "config", ev.ConfigDigest)
	return members.Fields(b, ev.Fields)
}
