package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
)

// Standby makes a server that follows s and takes reads only, until it is promoted. The caller closes it.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	dir, err := folder("pg")
	if err != nil {
		return nil, err
	}
	b := &Server{bin: s.bin, dir: dir, as: s.as}
	if err := b.follow(ctx, s); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (s *Server) follow(ctx context.Context, primary *Server) error {
	if err := s.give(s.dir); err != nil {
		return err
	}
	backup := s.command(ctx, filepath.Join(s.bin, "pg_basebackup"), "-D", s.data(), "-R", "-X", "stream", "--checkpoint=fast",
		"-h", primary.dir, "-U", "postgres", "--no-sync")
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	if err := s.configure(); err != nil {
		return err
	}
	return s.run()
}

// Promote makes a standby the primary.
func (s *Server) Promote(ctx context.Context) error {
	promote := s.command(ctx, filepath.Join(s.bin, "pg_ctl"), "promote", "-w", "-D", s.data())
	if out, err := promote.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_ctl promote: %w: %s", err, out)
	}
	return nil
}

// EitherURL is a URL of whichever of two servers takes writes.
func EitherURL(a, b *Server) string {
	return "postgres:///postgres?" + url.Values{"host": {a.dir + "," + b.dir}, "port": {"5432,5432"}, "user": {"postgres"},
		"target_session_attrs": {"read-write"}}.Encode()
}
