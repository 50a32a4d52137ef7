package liferay

import (
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// ReadKey is for tests of the method key's block alone.
var ReadKey = readKey

// Places of the wire, for tests that read one value.

// SettingsValue is what may stand in a settings map.
func SettingsValue() *graph.Slot { return schema.Shapes().Settings[0].Elem }

// ThrownReply is the reply of a method that returns nothing.
func ThrownReply() *graph.Slot { return schema.Shapes().Replies["void"] }

// Plain is a value as policy sees it.
var Plain = plain

// ReplyLimits are those of ReadReply.
func ReplyLimits() javaser.Limits { return forReply(javaser.DefaultLimits()) }
