package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

// Server is a PostgreSQL server of its own. Its methods are called by one goroutine at a time.
type Server struct {
	bin    string // folder of the server's programs
	dir    string
	as     *syscall.Credential // nil: as whoever runs this
	server *process
	pooler *process
}

// ErrMissing is in the errors of what cannot run here; they say what to install.
var ErrMissing = errors.New("not here")

// settings are what differs from a server's own defaults.
const settings = `
listen_addresses = ''
unix_socket_directories = '%s'
max_connections = 200
log_min_messages = warning
`

// Start makes a database and starts its server. It returns an ErrMissing if PostgreSQL is
// not installed. The caller closes it.
func Start(ctx context.Context) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := folder("pg")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// folder makes one that sockets lie in: the names of those have about 100 bytes, of which the folder for temporary files
// may take most.
func folder(name string) (string, error) {
	if in := os.TempDir(); len(in) <= 60 {
		return os.MkdirTemp(in, name)
	}
	return os.MkdirTemp("/tmp", name)
}

// give makes path the own of the user that the processes run as.
func (s *Server) give(path string) error {
	if s.as == nil {
		return nil
	}
	return os.Chown(path, int(s.as.Uid), int(s.as.Gid))
}

func (s *Server) start(ctx context.Context) error {
	var err error
	if s.as, err = unprivileged(); err != nil {
		return err
	}
	if err := s.give(s.dir); err != nil {
		return err
	}
	initdb := s.command(ctx, filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if err := s.configure(); err != nil {
		return err
	}
	return s.run()
}

func (s *Server) configure() error {
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, settings, s.dir)
	return errors.Join(err, f.Close())
}

func (s *Server) run() (err error) {
	s.server, err = launch(s.command(context.Background(), filepath.Join(s.bin, "postgres"), "-D", s.data()),
		"ready to accept ")
	return err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// URL is how the server is reached.
func (s *Server) URL() string { return socketURL(s.dir, "5432") }

func socketURL(dir, port string) string {
	return "postgres:///postgres?" + url.Values{"host": {dir}, "port": {port}, "user": {"postgres"}}.Encode()
}

// Crash ends the server at once, as a crash does, and starts it again: what was committed is there.
func (s *Server) Crash() error {
	s.server.end(syscall.SIGQUIT)
	return s.run()
}

// Stop ends the server in good order; Run starts it again.
func (s *Server) Stop() { s.server.end(syscall.SIGINT) }

// Run starts a server that was stopped.
func (s *Server) Run() error { return s.run() }

// Close ends the pooler and the server and removes the folder. It may be called again.
func (s *Server) Close() error {
	for _, p := range []*process{s.pooler, s.server} {
		if p != nil {
			p.end(syscall.SIGQUIT)
		}
	}
	return os.RemoveAll(s.dir)
}

// programs returns the folder of initdb and postgres: the newest of Debian's, or that of the PATH.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	if path, err := lookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("%w: PostgreSQL is not installed: apt-get install postgresql", ErrMissing)
}

// Kill ends the server at once, as a machine that dies does.
func (s *Server) Kill() { s.server.end(syscall.SIGQUIT) }
