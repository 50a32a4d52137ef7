package conf

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// resolve takes a relative path that stands in a file from that file's folder.
func (l *loader) resolve(path string, o Origin) string {
	if path == "" || filepath.IsAbs(path) || (o.Source != File && o.Source != LiferayFile) {
		return path
	}
	return filepath.Join(filepath.Dir(o.Name), path)
}

var errTooLarge = errors.New("is larger than 1 MiB")

// read returns a file's bytes, or what is wrong with it in words that follow its name.
func (l *loader) read(name string) ([]byte, error) {
	data, err := l.opts.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, err
	case len(data) > maxFile:
		return nil, errTooLarge
	}
	return data, nil
}

// unreadable reports a file that could not be read; its name stands at path or is o itself.
func (l *loader) unreadable(o Origin, path, name string, err error) {
	msg, cure := "cannot be read: "+name+": "+cause(err), "check the name and that the gateway's user may read it"
	if errors.Is(err, fs.ErrNotExist) {
		msg = "does not exist: " + name
	}
	l.report(at(o, path, msg, cure))
}

// cause drops the operation and name that a PathError repeats.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// worldReadable tells whether every user of this machine may read the file.
func (l *loader) worldReadable(name string) bool {
	if l.opts.Stat == nil {
		return false
	}
	info, err := l.opts.Stat(name)
	return err == nil && info.Mode().Perm()&0o004 != 0
}

// readSecrets fills in the secrets that stand in files. Of value and file, the one with the higher
// precedence counts.
func (l *loader) readSecrets() {
	l.eachKey(func(path string, k *Key) {
		value, file := l.rank(join(path, "value")), l.rank(join(path, "file"))
		if file < 0 || value > file {
			k.File = ""
		}
		if k.File == "" {
			return
		}
		if value == file && k.Value.IsSet() {
			l.report(l.config.Problem(join(path, "file"), "stands beside a value", "keep one of the two"))
			return
		}
		k.Value = l.readSecret(join(path, "file"), string(k.File))
		l.config.origins[join(path, "value")] = Origin{Source: File, Name: string(k.File), Line: 1}
	})
}

// readSecret reads one secret and checks what a file can get wrong.
func (l *loader) readSecret(path, name string) Secret {
	data, err := l.read(name)
	if err != nil {
		l.unreadable(l.config.Origin(path), path, name, err)
		return Secret{}
	}
	if l.worldReadable(name) {
		l.report(l.config.Problem(path, "may be read by every user of this machine", "chmod 600 "+name))
	}
	s := NewSecret(strings.TrimRight(string(data), "\r\n"))
	if !s.IsSet() {
		l.report(l.config.Problem(path, "is empty", "write the secret into "+name))
	}
	return s
}

// eachKey calls f for every key of the Config and its path.
func (l *loader) eachKey(f func(path string, k *Key)) {
	f("engine.upstream.secret", &l.config.Engine.Upstream.Secret)
	for i := range l.config.Peers {
		s := &l.config.Peers[i].Secret
		path := join(entry("peers", i), "secret")
		f(path, &s.Key)
		f(join(path, "previous"), &s.Previous)
	}
}

// rank returns the index of the highest layer that has the leaf, -1 if none has.
func (l *loader) rank(path string) int {
	for i := len(l.layers) - 1; i >= 0; i-- {
		if _, found := l.layers[i].leaves[path]; found {
			return i
		}
	}
	return -1
}
