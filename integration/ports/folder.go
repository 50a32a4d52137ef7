package ports

import "os"

// room is how long the name of the folder for temporary files may be: that of a socket has 103 bytes at most, and a server
// may make one beside it.
const room = 60

// Folder returns a new folder for sockets, which is removed when the test ends. That of t.TempDir is too long for their
// names, and so is the one for temporary files on some machines.
func Folder(t test) string {
	t.Helper()
	in := os.TempDir()
	if len(in) > room {
		in = "/tmp"
	}
	dir, err := os.MkdirTemp(in, "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
