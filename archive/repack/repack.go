package repack

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/archive/record"
	"github.com/stagelock/stagelock/archive/refusal"
)

// Repacked is what Write did.
type Repacked struct {
	Entries int      `json:"entries"`
	Renamed []string `json:"renamed,omitempty"` // old names, where they were not as the portal writes them
	Left    []string `json:"left,omitempty"`    // names of what packers add and no portal reads
}

// inMemory is the most content that Repack holds at a time; what is larger streams.
const inMemory = 32 << 20

// Write reads the archive of size bytes in r by its central directory, as an importer with a file
// does, and writes it to w in the form that Open accepts: names as the portal writes them (with
// slashes, composed, without a folder around everything), without what packers leave on the side,
// the manifest last. Nothing of the content changes. What would be dangerous is refused, as Open
// refuses it; such an error is a *Refusal. After an error w holds no archive.
func Write(ctx context.Context, w io.Writer, r io.ReaderAt, size int64, lim archive.Limits) (Repacked, error) {
	in, err := zip.NewReader(r, size)
	if err != nil {
		if _, ours := archive.Open(r, size, lim); refusal.CodeOf(ours) != "" {
			err = ours
		}
		return Repacked{}, err
	}
	p := &repacking{ctx: ctx, out: archive.NewWriter(w), lim: lim, left: lim.Total}
	if err := p.plan(in.File); err != nil {
		return p.Repacked, err
	}
	for _, f := range p.files {
		if err := p.add(f); err != nil {
			return p.Repacked, err
		}
	}
	return p.Repacked, p.out.Close()
}

// repacking is an archive on its way into the accepted form.
type repacking struct {
	Repacked
	ctx   context.Context
	out   *archive.Writer
	lim   archive.Limits
	left  int64 // content that may still come
	files []repackedFile
}

type repackedFile struct {
	*zip.File
	name string
}

// litter are names, in any folder, of what systems and packers leave.
var litter = []string{".DS_Store", "Thumbs.db", "desktop.ini"}

func isLitter(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, "._") || slices.Contains(litter, base)
}

// plan gives every entry its name and its place.
func (p *repacking) plan(files []*zip.File) error {
	if len(files) > p.lim.Entries {
		return refusal.New(refusal.CodeEntries, "%d entries are more than %d", len(files), p.lim.Entries)
	}
	for _, f := range files {
		name := portalName(f.Name)
		switch {
		case !utf8.ValidString(f.Name):
			return refusal.New(refusal.CodeName, "name %q is in no known character set", f.Name).
				Heal("pack it with names in UTF-8: 7z a -tzip -mcu=on")
		case isLitter(name):
			p.Left = append(p.Left, f.Name)
			continue
		case name == "" || name == "/":
			continue
		}
		p.files = append(p.files, repackedFile{f, name})
	}
	p.unwrap()
	for _, f := range p.files {
		if f.name != f.Name {
			p.Renamed = append(p.Renamed, f.Name)
		}
	}
	slices.SortStableFunc(p.files, func(a, b repackedFile) int {
		return cmp.Compare(last(a.name), last(b.name))
	})
	return nil
}

// last orders the manifest behind everything else, where exporters write it.
func last(name string) int {
	if name == manifest.Name {
		return 1
	}
	return 0
}

// portalName returns the name as an exporter writes it. Names that lead out of the archive are left
// as they are, for the Writer to refuse.
func portalName(name string) string {
	name = norm.NFC.String(strings.ReplaceAll(name, `\`, "/"))
	for strings.HasPrefix(name, "./") {
		name = strings.TrimPrefix(name, "./")
	}
	return name
}

// unwrap takes away the one folder that is around everything, if the manifest is in it.
func (p *repacking) unwrap() {
	if len(p.files) == 0 {
		return
	}
	top, _, _ := strings.Cut(p.files[0].name, "/")
	top += "/"
	wrapped := false
	for _, f := range p.files {
		if !strings.HasPrefix(f.name, top) {
			return
		}
		wrapped = wrapped || f.name == top+manifest.Name
	}
	if !wrapped {
		return
	}
	for i := range p.files {
		p.files[i].name = strings.TrimPrefix(p.files[i].name, top)
	}
	p.files = slices.DeleteFunc(p.files, func(f repackedFile) bool { return f.name == "" })
}

func (p *repacking) add(f repackedFile) error {
	switch mode := f.Mode(); {
	case p.ctx.Err() != nil:
		return context.Cause(p.ctx)
	case strings.HasSuffix(f.name, "/"):
		return p.out.Mkdir(f.name, f.Modified)
	case !mode.IsRegular():
		return refusal.New(refusal.CodeMode, "entry %q is neither a regular file nor a directory", f.Name)
	case f.Flags&record.FlagEncrypted != 0:
		return refusal.New(refusal.CodeFlags, "entry %q is encrypted with a password", f.Name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return archive.ForeignMethod(record.Method(f.Method))
	}
	p.Entries++
	in, err := f.Open()
	if err != nil {
		return damaged(f, err)
	}
	most := min(p.lim.Entry, p.left)
	head, err := io.ReadAll(io.LimitReader(in, min(inMemory, most)+1))
	switch {
	case err != nil:
		err = damaged(f, err)
	case int64(len(head)) > most:
		err = refusal.New(refusal.CodeTotalSize, "content of %q is more than %d bytes", f.Name, most)
	case len(head) <= inMemory:
		p.left -= int64(len(head))
		err = p.out.Put(f.name, f.Modified, head)
	default:
		err = p.stream(f, head, in, most)
	}
	return errors.Join(err, in.Close())
}

// stream writes a large file without holding it.
func (p *repacking) stream(f repackedFile, head []byte, in io.Reader, most int64) error {
	out, err := p.out.Create(f.name, f.Modified)
	if err != nil {
		return err
	}
	rest := io.LimitReader(io.MultiReader(bytes.NewReader(head), in), most+1)
	d := &countWriter{w: out}
	if err := parts.CopyAll(p.ctx, d, rest); err != nil {
		return damaged(f, err)
	}
	if p.left -= d.n; d.n > most {
		return refusal.New(refusal.CodeTotalSize, "content of %q is more than %d bytes", f.Name, most)
	}
	return nil
}

type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// damaged tells content that cannot be read for what it is from a fault of the disk.
func damaged(f repackedFile, err error) error {
	if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &refusal.Refusal{Code: refusal.CodeData, Index: -1, Offset: -1, Entry: f.Name,
			Msg: fmt.Sprintf("content of %q cannot be read", f.Name), Err: err}
	}
	return fmt.Errorf("entry %q: %w", f.Name, err)
}
