package postgrestest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// poolerSettings are those of PgBouncer in transaction mode: each transaction may get another
// connection, and a session keeps nothing.
const poolerSettings = `[databases]
* = host=%[1]s user=postgres

[pgbouncer]
listen_addr =
unix_socket_dir = %[1]s
listen_port = 6432
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 1000
logfile =
pidfile =
`

// Pooler starts PgBouncer before the server and returns its URL. It ends with the server's Close.
func (s *Server) Pooler() (string, error) {
	bin, err := lookPath("pgbouncer")
	if err != nil {
		return "", fmt.Errorf("%w: PgBouncer is not installed: apt-get install pgbouncer", ErrMissing)
	}
	path := filepath.Join(s.dir, "pgbouncer.ini")
	if err := os.WriteFile(path, fmt.Appendf(nil, poolerSettings, s.dir), 0o600); err != nil {
		return "", err
	}
	if err := s.give(path); err != nil {
		return "", err
	}
	s.pooler, err = launch(s.command(context.Background(), bin, path), "process up")
	return socketURL(s.dir, "6432"), err
}
