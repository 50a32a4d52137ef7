package node

import (
	"path/filepath"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/certs"
)

// DataDir is the folder in which a gateway keeps what it must not lose. Its methods return where
// each thing lies in it; nothing else knows these names.
type DataDir string

func (d DataDir) path(name string) string { return filepath.Join(string(d), name) }

// Database is the file of the store.
func (d DataDir) Database() string { return d.path("stagelock.db") }

// Audit is the folder of the audit log.
func (d DataDir) Audit() string { return d.path("audit") }

// AuditKey is the file of the private key that signs the checkpoints of the audit log.
func (d DataDir) AuditKey() string { return d.path("audit.key") }

// AuditPublicKey is the file of the public key that belongs to AuditKey.
func (d DataDir) AuditPublicKey() string { return d.AuditKey() + ".pub" }

// Checkpoint is the file with the newest checkpoint of the audit log.
func (d DataDir) Checkpoint() string { return d.path("audit.checkpoint") }

// SharedCheckpoint is Checkpoint for a log in a database that gateways share.
func (d DataDir) SharedCheckpoint() string { return d.path("cluster.log.checkpoint") }

// Note is the file with the newest note over the logs of all gateways that this one saw.
func (d DataDir) Note() string { return d.path("cluster.checkpoint") }

// GatewayKeys is the file with the public keys that this gateway has seen others sign with.
func (d DataDir) GatewayKeys() string { return d.path("cluster.keys") }

// Life is the file with the id under which the gateway is a member of its cluster.
func (d DataDir) Life() string { return d.path("cluster.life") }

// Anchor is the file that says up to where the audit log was archived.
func (d DataDir) Anchor() string { return d.path("audit.anchor") }

// AuditPlace is where the audit log and what belongs to it lie.
func (d DataDir) AuditPlace() audit.Place {
	return audit.Place{Dir: d.Audit(), Checkpoint: d.Checkpoint(), Anchor: d.Anchor(), PublicKey: d.AuditPublicKey()}
}

// TLS is the folder of what belongs to certificates.
func (d DataDir) TLS() string { return d.path("tls") }

// CA is the file with the certificate of the gateway's own authority.
func (d DataDir) CA() string { return filepath.Join(d.TLS(), certs.CAFile) }
