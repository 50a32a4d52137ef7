package staging

import (
	"context"
	"crypto/md5"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// Request is a staging request with the parts that arrived for it.
type Request struct {
	ID, Site int64
	Checksum string // MD5 of the whole archive in lower-case hex
	Parts    []RequestPart
}

// RequestPart is one part that was kept.
type RequestPart struct {
	Name   string
	Size   int64
	SHA256 string
	file   string
}

// CreateStagingRequest returns the id of the request for that archive: the same one as long as the
// request lives.
func (l *Live) CreateStagingRequest(
	ctx context.Context, login string, site int64, checksum string,
) (int64, error) {
	var id int64
	c := content.Invoke(login, "createStagingRequest", site, checksum).OnSite(site)
	err := l.store.Execute(ctx, c, func(tx *content.Tx, u content.User) error {
		if _, err := tx.PermittedSite(ctx, u, content.ExportImportLayouts, site); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO requests (site, checksum, created) VALUES (?, ?, ?)
			ON CONFLICT (site, checksum) DO NOTHING`, site, checksum, content.Stamp(l.store.Now())); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT id FROM requests WHERE site = ? AND checksum = ?`,
			site, checksum).Scan(&id)
		c.Request = id
		return err
	})
	return id, err
}

// UpdateStagingRequest keeps a part of the archive. A name that is there already is a
// DuplicateFileEntryException.
func (l *Live) UpdateStagingRequest(
	ctx context.Context, login string, id int64, name string, part *Part,
) error {
	c := content.Invoke(login, "updateStagingRequest", id, name, part.SHA256).OnRequest(id)
	err := l.store.Execute(ctx, c, func(tx *content.Tx, u content.User) error {
		r, err := permittedRequest(ctx, tx.View, u, id)
		if err != nil {
			return err
		}
		c.Site = r.Site
		res, err := tx.ExecContext(ctx, `INSERT INTO parts (request, name, file, size, sha256) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (request, name) DO NOTHING`, id, name, filepath.Base(part.path), part.Size, part.SHA256)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, content.Errorf(DuplicatePart, "part %s is there already", name))
		}
		return nil
	})
	part.kept = err == nil
	return err
}

// CleanUpStagingRequest throws the request and its parts away; an unknown one is no error.
func (l *Live) CleanUpStagingRequest(ctx context.Context, login string, id int64) error {
	var files []string
	c := content.Invoke(login, "cleanUpStagingRequest", id).OnRequest(id)
	err := l.store.Execute(ctx, c, func(tx *content.Tx, u content.User) error {
		r, err := request(ctx, tx.View, id)
		if err != nil {
			if errors.Is(err, NoRequest) {
				return nil
			}
			return err
		}
		c.Site = r.Site
		if err := tx.Permit(ctx, u, content.ExportImportLayouts, r.Site); err != nil {
			return err
		}
		if files, err = content.Column(ctx, tx, `SELECT file FROM parts WHERE request = ?`, id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM requests WHERE id = ?`, id)
		return err
	})
	if err != nil {
		return err
	}
	return l.removeParts(id, files)
}

// removeParts removes files that no row names any more. One that is gone already, or cannot be removed,
// keeps none of the others.
func (l *Live) removeParts(id int64, files []string) error {
	var failed []error
	for _, f := range files {
		if err := os.Remove(l.path(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("clean up %d: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

// PropagateExportImportLifecycleEvent takes note of an event of the publisher; nothing here listens
// to events.
func (l *Live) PropagateExportImportLifecycleEvent(
	ctx context.Context, login string, code, flag int64, process string,
) error {
	return l.store.Consult(ctx, content.Invoke(login, "propagateExportImportLifecycleEvent", code, flag, process),
		func(content.View, content.User) error { return nil })
}

// StagingRequests returns the requests that live, with their parts by name.
func (l *Live) StagingRequests(ctx context.Context) ([]Request, error) {
	all, err := content.Collect(ctx, l.store, func(r *sql.Rows) (q Request, err error) {
		return q, r.Scan(&q.ID, &q.Site, &q.Checksum)
	}, `SELECT id, site, checksum FROM requests ORDER BY id`)
	for i := range all {
		if err == nil {
			all[i].Parts, err = partsOf(ctx, l.store, all[i].ID)
		}
	}
	return all, err
}

func request(ctx context.Context, v content.View, id int64) (Request, error) {
	r := Request{ID: id}
	err := v.QueryRowContext(ctx, `SELECT site, checksum FROM requests WHERE id = ?`, id).Scan(&r.Site, &r.Checksum)
	if errors.Is(err, sql.ErrNoRows) {
		return r, content.Errorf(NoRequest, "no staging request %d", id)
	}
	return r, err
}

// permittedRequest asks permission for the request's own site, as the vendor does, whatever the
// call is going to touch.
func permittedRequest(
	ctx context.Context, v content.View, u content.User, id int64,
) (Request, error) {
	r, err := request(ctx, v, id)
	if err != nil {
		return r, err
	}
	return r, v.Permit(ctx, u, content.ExportImportLayouts, r.Site)
}

func partsOf(ctx context.Context, q content.Querier, id int64) ([]RequestPart, error) {
	return content.Collect(ctx, q, func(r *sql.Rows) (p RequestPart, err error) {
		return p, r.Scan(&p.Name, &p.Size, &p.SHA256, &p.file)
	}, `SELECT name, size, sha256, file FROM parts WHERE request = ? ORDER BY name`, id)
}

// assemble joins the parts in the order of their names and compares the checksum. The parts stay: a
// publish that failed can be looked into and tried again.
func (l *Live) assemble(r Request) (*assembled, error) {
	f, err := os.CreateTemp(l.cfg.Dir, "joined-*")
	if err != nil {
		return nil, fmt.Errorf("assemble %d: %w", r.ID, err)
	}
	a := &assembled{File: f}
	h := md5.New()
	for _, p := range r.Parts {
		n, err := appendFile(io.MultiWriter(f, h), l.path(p.file))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("assemble %d: part %s: %w", r.ID, p.Name, err), a.Close())
		}
		a.size += n
	}
	if hex.EncodeToString(h.Sum(nil)) != r.Checksum {
		return nil, errors.Join(content.Errorf(WrongChecksum,
			"staging request %d: the checksum of the archive is not %s", r.ID, r.Checksum), a.Close())
	}
	return a, nil
}

// assembled is an archive that was put together from its parts; Close removes it.
type assembled struct {
	*os.File
	size int64
}

// Close removes the file.
func (a *assembled) Close() error { return errors.Join(a.File.Close(), os.Remove(a.Name())) }

func appendFile(w io.Writer, path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(w, f)
}
