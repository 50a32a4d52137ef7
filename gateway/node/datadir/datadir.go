// Package datadir knows the names of the files in the folder of a gateway; nothing else does.
package datadir

import (
	"path/filepath"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/certs"
)

// Dir is the folder in which a gateway keeps what it must not lose. Its methods return where each thing
// lies in it.
type Dir string

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

// Database is the file of the store.
func (d Dir) Database() string { return d.path("stagelock.db") }

// Audit is the folder of the audit log.
func (d Dir) Audit() string { return d.path("audit") }

// AuditKey is the file of the private key that signs the checkpoints of the audit log.
func (d Dir) AuditKey() string { return d.path("audit.key") }

// AuditPublicKey is the file of the public key that belongs to AuditKey.
func (d Dir) AuditPublicKey() string { return d.AuditKey() + ".pub" }

// Checkpoint is the file with the newest checkpoint of the audit log.
func (d Dir) Checkpoint() string { return d.path("audit.checkpoint") }

// SharedCheckpoint is Checkpoint for a log in a database that gateways share.
func (d Dir) SharedCheckpoint() string { return d.path("cluster.log.checkpoint") }

// Note is the file with the newest note over the logs of all gateways that this one saw.
func (d Dir) Note() string { return d.path("cluster.checkpoint") }

// GatewayKeys is the file with the public keys that this gateway has seen others sign with.
func (d Dir) GatewayKeys() string { return d.path("cluster.keys") }

// Life is the file with the id under which the gateway is a member of its cluster.
func (d Dir) Life() string { return d.path("cluster.life") }

// Anchor is the file that says up to where the audit log was archived.
func (d Dir) Anchor() string { return d.path("audit.anchor") }

// AuditPlace is where the audit log and what belongs to it lie.
func (d Dir) AuditPlace() audit.Place {
	return audit.Place{Dir: d.Audit(), Checkpoint: d.Checkpoint(), Anchor: d.Anchor(), PublicKey: d.AuditPublicKey()}
}

// TLS is the folder of what belongs to certificates.
func (d Dir) TLS() string { return d.path("tls") }

// CA is the file with the certificate of the gateway's own authority.
func (d Dir) CA() string { return filepath.Join(d.TLS(), certs.CAFile) }

// SyncKey is the file of the key by which other servers know this one.
func (d Dir) SyncKey() string { return d.path("sync.key") }

// Contents is the folder of contents that servers exchange.
func (d Dir) Contents() string { return d.path("sync") }
