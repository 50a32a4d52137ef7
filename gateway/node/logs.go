package node

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/witness"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/store/files"
)

// lastNote is how long a gateway that stops tries to have its last records covered by a note.
const lastNote = 5 * time.Second

// AuditKey is the file of the private key that signs the audit log.
func AuditKey(c *conf.Config) string {
	return cmp.Or(string(c.Audit.KeyFile), DataDir(c.Data).AuditKey())
}

// logs returns the logs that gateways share; ok is false if the store is the gateway's own.
func (n *Node) logs() (logs store.Logs, ok bool) {
	shared, ok := n.database.(interface{ Logs() store.Logs })
	if !ok {
		return nil, false
	}
	return shared.Logs(), true
}

// placeLog says where the gateway's own log is kept: with the store, or in files if that is its own.
func (n *Node) placeLog(cfg *audit.Config) error {
	logs, shared := n.logs()
	if shared {
		cfg.Events, cfg.Checkpoint = logs.Log(cfg.Node), n.data().SharedCheckpoint()
		cfg.Elsewhere, cfg.SetBack = n.conf().Audit.KeyFile != "", n.setBack
		cfg.Archived = func(ctx context.Context, size store.Seq) (bool, error) {
			return witness.Archived(ctx, n.database.Values(), n.data().GatewayKeys(), cfg.Node, size)
		}
		n.closers = append(n.closers, n.closeWitness) // once the log has written its last
		return nil
	}
	ev, err := files.Open(files.Config{Dir: n.data().Audit(), SegmentBytes: int64(n.conf().Audit.MaxBytes)})
	if err != nil {
		return fmt.Errorf("the audit log cannot be opened: %w; one gateway at a time may write %s", err, n.data().Audit())
	}
	cfg.Events = ev
	n.closers = append(n.closers, ev.Close)
	return nil
}

// setBack is told when the database lost its last records: repeats may be lost with them, so no call is
// carried out that could be one, until none can be any more.
func (n *Node) setBack() {
	n.cfg.Log.Error("the database was set back: calls that could be repeats are refused for repeats.keep; " +
		"see stagelock audit verify")
	if n.life != nil {
		n.life.Doubt(n.conf().Repeats.Keep)
	}
}

// openWitness begins to watch the logs of the other gateways, if there are some.
func (n *Node) openWitness(ctx context.Context, name string, key ed25519.PrivateKey) (err error) {
	logs, shared := n.logs()
	if !shared {
		return nil
	}
	n.witness, err = witness.New(ctx, witness.Config{
		Cluster: n.conf().Cluster.Name, Node: name, Owner: uuid.NewString(), Logs: logs, Values: n.database.Values(),
		Leases: n.database.Leases(), Members: n.database.Members(), Key: key, Newest: n.data().Note(),
		Keys: n.data().GatewayKeys(), Now: n.cfg.Now, Interval: n.conf().Audit.Checkpoint,
		Found: n.witnessed, Failed: func(_ context.Context, what string) {
			n.cfg.Log.WithField("why", what).Warn("the logs of the other gateways cannot be watched now")
		},
	})
	return err
}

// witnessed records what is wrong with the logs of other gateways, or with the notes over them.
func (n *Node) witnessed(ctx context.Context, what string) {
	n.cfg.Log.WithField("found", what).Error("the audit logs are not as they were; see stagelock audit verify")
	if _, err := n.recorder.AppendSoon(ctx, audit.Event{Kind: audit.KindWitness, Detail: what}); err != nil {
		n.cfg.Log.WithError(err).Error("what is wrong with the logs cannot be recorded")
	}
}

// watchLogs watches the logs of the other gateways until ctx ends.
func (n *Node) watchLogs(ctx context.Context) error {
	if n.witness == nil {
		return nil
	}
	return n.witness.Run(ctx)
}

func (n *Node) closeWitness() error {
	if n.witness == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastNote)
	defer cancel()
	if err := n.witness.Close(ctx); err != nil {
		n.cfg.Log.WithError(err).Warn("no note covers the last records of the log yet; another gateway's will")
	}
	return nil
}
