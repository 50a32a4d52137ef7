package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// gate is one gateway in a process of its own.
type gate struct {
	fleet    *fleet
	name     string
	addr, ca string
	cmd      *exec.Cmd
	ended    chan struct{}
}

func (g *gate) file() string { return filepath.Join(g.fleet.dir, g.name+".yaml") }

// write writes the gateway's configuration.
func (g *gate) write() error {
	f := g.fleet
	text := fmt.Sprintf(`listen: [%q]
names: [%q, "127.0.0.1"]
data: %q
drain: 30s
hosts: { allow: ["127.0.0.1"], proxy_protocol: ["127.0.0.1"] }
quota: { per_address_burst: 1000000, peer_rate: 100000/s, peer_burst: 100000, calls_per_peer: 1000 }
engine:
  line: "7.4"
  browser_url: https://www.example.com
  upstream: { nodes: ["http://%s", "http://%s"] }
peers: [{ name: staging, sites: [%d], logins: [%q], secret: { value: %q } }]
store: postgres
cluster:
  node: %s
  key_file: %q
  lease: 3s
  drain_notice: 4s
  postgres: { url: { value: %q } }
`, g.addr, host, filepath.Join(f.dir, g.name), f.nodes[0], f.nodes[1], site, login, password, g.name,
		filepath.Join(f.dir, "cluster.key"),
		f.server.URL())
	return os.WriteFile(g.file(), []byte(text), 0o600)
}

// greeting is what a gateway prints when it listens.
type greeting struct {
	Listen []string `json:"listen"`
	CA     string   `json:"ca"`
}

// launch starts the gateway and returns when it listens.
func (g *gate) launch() error {
	//nolint:gosec // this program
	cmd := exec.Command(g.fleet.program, "run", "--json", "--config", g.file())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(g.fleet.dir, g.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has it
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var said greeting
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // killed is how it may end
	g.cmd, g.ended = cmd, ended
	if err != nil || len(said.Listen) == 0 {
		g.kill()
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s does not start: %w: %s", g.name, err, text)
	}
	g.ca = said.CA
	return nil
}

// kill ends the process at once, as a crash does.
func (g *gate) kill() {
	_ = g.cmd.Process.Kill() // it may have ended
	<-g.ended
}

// restart ends the gateway in order and starts it again at the same address.
func (g *gate) restart() error {
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-g.ended
	return g.launch()
}

// ready reports whether the gateway says that a publish would pass.
func (g *gate) ready(ctx context.Context) bool {
	return exec.CommandContext(ctx, g.fleet.program, "status", "--config", g.file()).Run() == nil //nolint:gosec // this program
}
