package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fullPipe is a pipe that nobody reads and that takes nothing more.
func fullPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if err := w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the pipe is not full: %v", err)
	}
	return r, w
}

// TestAStuckReaderOfStderrBlocksNeitherRefusalsNorTheShutdown: each refusal writes a line, and waited for whatever
// reads them; so did the end.
func TestAStuckReaderOfStderrBlocksNeitherRefusalsNorTheShutdown(t *testing.T) {
	file, _ := configFile(t, upstream(t))
	r, w := fullPipe(t)
	cmd := exec.Command("stagelock", "run", "--json", "--config", file)
	cmd.Stderr = w
	p := startCommand(t, cmd)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for range 20 {
		resp, err := client.Get("https://" + p.greeting.Listen[0].String() + "/nothing")
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusNotFound {
			t.Fatalf("refused with %s", resp.Status)
		}
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	w.Close()
	if b, err := io.ReadAll(r); err != nil || strings.Contains(string(b), "stopped") {
		t.Errorf("the pipe was not full: %d bytes, %v", len(b), err)
	}
}

// A reader that keeps up has the last line before the gateway has ended.
func TestTheLastLineIsRead(t *testing.T) {
	file, _ := configFile(t, upstream(t))
	p := start(t, file)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 || !strings.Contains(p.log.String(), "stopped") {
		t.Errorf("exit code %d, log %s", code, p.log)
	}
}
