package liferay

import (
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// ReadKey is for tests of the method key's block alone.
func ReadKey(b []byte) (tunnel.Method, error) { return readKey(b, nil) }

// Places of the wire, for tests that read one value.

// SettingsValue is what may stand in a settings map.
func SettingsValue() *graph.Slot { return schema.Shapes().Settings[0].Elem }

// ThrownReply is the reply of a method that returns nothing.
func ThrownReply() *graph.Slot { return schema.Shapes().Replies["void"] }

// Plain is a value as policy sees it.
var Plain = plain

// ReplyLimits are those of ReadReply.
func ReplyLimits() javaser.Limits { return forReply(javaser.DefaultLimits()) }

// Password is the stored password of the principal, empty if it carries none.
func (c *Call) Password() string {
	if c.password == nil {
		return ""
	}
	return c.password.Text
}
