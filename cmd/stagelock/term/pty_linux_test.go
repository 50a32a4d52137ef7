package term_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// pty is a terminal of that width: what is typed at one end, and the end that a command has.
func pty(t *testing.T, width uint16) (user, command *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	t.Cleanup(func() { _ = user.Close() })
	fd := int(user.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	command, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	t.Cleanup(func() { _ = command.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Fatal(err)
	}
	return user, command
}

// TestColoursAreForTerminals: on one, unless it is dumb, has no width, or its user wants none.
func TestColoursAreForTerminals(t *testing.T) {
	for _, tt := range []struct {
		name     string
		width    uint16
		env      []string
		terminal bool
		colours  bool
	}{
		{"a terminal", 80, []string{"TERM=xterm"}, true, true},
		{"of no name", 80, nil, true, true},
		{"a dumb one", 80, []string{"TERM=dumb"}, false, false},
		{"without a width", 0, []string{"TERM=xterm"}, false, false},
		{"no colours", 80, []string{"TERM=xterm", "NO_COLOR=1"}, true, false},
		{"an empty NO_COLOR", 80, []string{"NO_COLOR="}, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, command := pty(t, tt.width)
			sh := &term.Shell{Environ: tt.env}
			p := sh.Paint(command)
			got := p.Good("a") + p.Bad("b") + p.Warn("c") + p.Title("d") + p.Faint("e") + p.Good("")
			want := "abcde"
			if tt.colours {
				want = "\x1b[32ma\x1b[0m\x1b[31mb\x1b[0m\x1b[33mc\x1b[0m\x1b[1md\x1b[0m\x1b[2me\x1b[0m"
			}
			if sh.Terminal(command) != tt.terminal || got != want {
				t.Errorf("a terminal %v, want %v; %q, want %q", sh.Terminal(command), tt.terminal, got, want)
			}
		})
	}
}

// TestASecretThatIsTypedIsNotShown: the prompt is, and the line that ends it.
func TestASecretThatIsTypedIsNotShown(t *testing.T) {
	user, command := pty(t, 80)
	asked := make(chan struct{})
	var errs bytes.Buffer
	var once bool
	sh := &term.Shell{In: command, Err: writer(func(p []byte) (int, error) {
		if !once {
			once = true
			close(asked)
		}
		return errs.Write(p)
	})}
	typed := make(chan error, 1)
	go func() {
		<-asked
		for { // it is typed once the terminal no longer shows it
			tio, err := unix.IoctlGetTermios(int(command.Fd()), unix.TCGETS)
			if err != nil || tio.Lflag&unix.ECHO == 0 {
				break
			}
		}
		_, err := io.WriteString(user, "s3cret word\n")
		typed <- err
	}()
	s, err := sh.AskSecret("Shared secret: ")
	if err := <-typed; err != nil {
		t.Fatal(err)
	}
	if err != nil || s != "s3cret word" || errs.String() != "Shared secret: \n" {
		t.Errorf("got %q, %v; it said %q", s, err, errs.String())
	}
	tio, err := unix.IoctlGetTermios(int(command.Fd()), unix.TCGETS)
	if err != nil || tio.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal stays silent: %v", err)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestBarOnATerminal: it says what goes on and how far it is, and what it leaves is of the terminal.
func TestBarOnATerminal(t *testing.T) {
	user, command := pty(t, 120)
	all := make(chan string)
	go func() {
		var text bytes.Buffer
		buf := make([]byte, 4096)
		for {
			n, err := user.Read(buf)
			text.Write(buf[:n])
			if err != nil || strings.Contains(text.String(), "THE END") {
				all <- text.String()
				return
			}
		}
	}()
	now := time.Unix(1e9, 0)
	sh := &term.Shell{Out: io.Discard, Err: command, Now: func() time.Time { now = now.Add(time.Second); return now }}
	d := sh.NewDisplay(4096)
	for _, p := range []publisher.Progress{
		{Stage: publisher.StageCheck}, {Note: "goes on\x1b[2J here"},
		{Stage: publisher.StageUpload, Part: 1, Parts: 2, Total: 4096},
		{Stage: publisher.StageUpload, Part: 2, Parts: 2, Done: 4096, Arrived: 3072, Total: 4096},
	} {
		d.Update(p)
	}
	d.Close()
	fmt.Fprint(command, "THE END")
	got := <-all
	for _, want := range []string{"note: goes on?[2J here", "uploading part 2 of 2", "3.0 KiB / 4.0 KiB"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

// TestBarIsForTerminalsOnly: NewBar says nothing where nobody looks, nor beside JSON.
func TestBarIsForTerminalsOnly(t *testing.T) {
	_, command := pty(t, 80)
	var errs bytes.Buffer
	for name, sh := range map[string]*term.Shell{"no terminal": {Err: &errs}, "JSON": {Err: command, JSON: true}} {
		d := sh.NewBar(10) // it has no clock: what it is told is not looked at
		d.Update(publisher.Progress{Stage: publisher.StageUpload, Part: 1, Parts: 1, Total: 10})
		d.Close()
		if errs.Len() > 0 {
			t.Errorf("%s: %q", name, errs.String())
		}
	}
}
