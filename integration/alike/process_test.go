package alike_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/gateway/node"
)

// asGateway is the variable that makes this test binary a gateway; it holds an errand.
const asGateway = "STAGELOCK_TEST_SERVER"

// errand is what such a process does: it dies when it reaches the point so many times, if it has one.
type errand struct {
	File  string // configuration
	Point string
	Hit   int64
}

func TestMain(m *testing.M) {
	if text := os.Getenv(asGateway); text != "" {
		if err := serveErrand(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serveErrand runs a gateway until standard input ends.
func serveErrand(text string) error {
	var e errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	c, problems := conf.Load(conf.Options{File: e.File})
	if conf.Fatal(problems) {
		return fmt.Errorf("configuration: %v", problems)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	g, err := node.New(ctx, node.Config{Conf: c, Log: logrus.NewEntry(log), Version: "test", Pause: e.pause()})
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println("ready")
	return g.Run(ctx)
}

// pause kills the process: nothing of Go runs after that.
func (e errand) pause() func(string) {
	if e.Point == "" {
		return nil
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return nil
	}
	var hits atomic.Int64
	return func(point string) {
		if point == e.Point && hits.Add(1) == e.Hit {
			_ = self.Kill()
			select {}
		}
	}
}

// launch starts a gateway in a process of its own, and returns a channel that closes when it is gone.
func (w *network) launch(s *server, point string, hit int64) <-chan struct{} {
	w.t.Helper()
	check(w.t, os.WriteFile(s.file, []byte(w.configuration(s)), 0o600))
	text, err := json.Marshal(errand{File: s.file, Point: point, Hit: hit})
	check(w.t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asGateway+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(w.t, err)
	stdin, err := cmd.StdinPipe()
	check(w.t, err)
	check(w.t, cmd.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed is how some of them end
		close(ended)
	}()
	s.kill = func() {
		_ = cmd.Process.Kill() // it may be gone
		<-ended
	}
	s.stop = func() {
		s.stop = nil
		_ = stdin.Close() // it may be gone
		select {
		case <-ended:
		case <-time.After(time.Minute):
			w.t.Error(errors.Join(errors.New("a gateway does not stop"), cmd.Process.Kill()))
		}
	}
	if err != nil {
		s.stop()
		w.t.Fatalf("server %d does not start: %v", s.n, err)
	}
	return ended
}
