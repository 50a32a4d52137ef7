package demo

import (
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/engine"
)

// Report is the whole demo for a script.
type Report struct {
	OK           bool                `json:"ok"`
	Environments []EnvironmentReport `json:"environments"`
	Publishes    []PublishReport     `json:"publishes"`
	Attacks      []AttackReport      `json:"attacks"`
	Audit        *AuditReport        `json:"audit,omitempty"`
	Publish      []string            `json:"publish_command,omitempty"`
}

// EnvironmentReport is an engine behind its own gateway.
type EnvironmentReport struct {
	Name    string `json:"name"`
	Site    int64  `json:"site"`
	Engine  string `json:"engine"`
	Gateway string `json:"gateway"`
	Data    string `json:"data"`
}

// PublishReport is one publish: what arrived, as the receiving engine lists it, and what its
// gateway noted down.
type PublishReport struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Bytes    int64         `json:"bytes"`
	Arrived  []ItemReport  `json:"arrived"`
	Verdicts []audit.Event `json:"audit"`
}

// ItemReport is something that arrived.
type ItemReport struct {
	Kind    engine.Kind `json:"kind"`
	Name    string      `json:"name"`
	Size    int64       `json:"size"`
	SHA256  string      `json:"sha256"`
	Version int64       `json:"version"`
	Same    bool        `json:"same_as_sender"`
}

// AttackReport is an attack: the verdict on it, and how often the engine carried it out.
type AttackReport struct {
	Name    string      `json:"name"`
	Verdict audit.Event `json:"verdict"`
	Ran     int         `json:"engine_ran"`
}

// AuditReport is the audit log of live, held against its signatures.
type AuditReport struct {
	OK          bool   `json:"ok"`
	Records     int    `json:"records"`
	Checkpoints int    `json:"checkpoints"`
	FirstBad    uint64 `json:"first_bad,omitempty"`
	Message     string `json:"message"`
}
