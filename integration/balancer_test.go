package integration_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/internal/harness"
)

// A balancer of a kind, in front of a gateway. FRONT is the socket that it listens on, BACK the
// gateway's address, DIR a folder of its own.
type balancer struct {
	name    string
	program string   // whose absence skips
	args    []string // with CONFIG for the configuration file
	config  string
	through bool // TLS goes through to the gateway
}

const haproxyConfig = `
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  mode MODE
frontend in
  bind unix@FRONT
  default_backend gateway
backend gateway
  OPTION
  server a BACK MORE
`

func haproxy(name, mode, option, more string) balancer {
	return balancer{
		name: name, program: "haproxy", args: []string{"-q", "-db", "-f", "CONFIG"}, through: mode == "tcp",
		config: strings.NewReplacer("MODE", mode, "OPTION", option, "MORE", more).Replace(haproxyConfig),
	}
}

func nginx(name, options string) balancer {
	return balancer{name: name, program: "nginx", args: []string{"-c", "CONFIG", "-p", "DIR", "-e", "DIR/error.log"}, config: `
daemon off; master_process off; worker_processes 1; pid DIR/pid; error_log DIR/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path DIR/body; proxy_temp_path DIR/proxy;
  fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  client_max_body_size 0;
  upstream gateway { server BACK; keepalive 8; }
  server {
    listen unix:FRONT;
    location / {
      proxy_pass https://gateway; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host BACK;
      proxy_next_upstream off;
      ` + options + `
    }
  }
}
`}
}

var balancers = []balancer{
	haproxy("haproxy tcp", "tcp", "", ""),
	haproxy("haproxy http", "http", "http-reuse always", "ssl verify none"),
	haproxy("haproxy http abortonclose", "http", "option abortonclose", "ssl verify none"),
	nginx("nginx", ""),
	nginx("nginx proxy_ignore_client_abort", "proxy_ignore_client_abort on; proxy_request_buffering off;"),
}

// start runs the balancer in front of the gateway and returns how to connect to it.
func (b balancer) start(t *testing.T, g *harness.Gateway) (dial func() *line) {
	t.Helper()
	program, err := harness.Find(b.program)
	if err != nil {
		t.Skipf("%s is not installed", b.program)
	}
	dir, err := os.MkdirTemp("", "balancer") // t.TempDir is too long for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, file := filepath.Join(dir, "front"), filepath.Join(dir, "config")
	fill := strings.NewReplacer("FRONT", socket, "BACK", g.Addr, "DIR", dir, "CONFIG", file)
	if err := os.WriteFile(file, []byte(fill.Replace(b.config)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program)
	for _, a := range b.args {
		cmd.Args = append(cmd.Args, fill.Replace(a))
	}
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return func() *line { return b.connect(t, g, socket, ended, out) }
}

// connect waits for the balancer to listen, and connects.
func (b balancer) connect(t *testing.T, g *harness.Gateway, socket string, ended chan struct{}, out fmt.Stringer) *line {
	t.Helper()
	for late := time.Now().Add(limit); time.Now().Before(late); runtime.Gosched() {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			select {
			case <-ended:
				t.Fatalf("%s ended: %s", b.program, out)
			default:
				continue
			}
		}
		t.Cleanup(func() { conn.Close() })
		if b.through {
			conn = tls.Client(conn, g.TLS)
		}
		if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		return &line{Conn: conn, r: bufio.NewReader(conn), addr: g.Addr}
	}
	t.Fatalf("%s does not listen", b.program)
	return nil
}

// working waits until the engine has a call that it answers when it is let.
func (s slow) working(t *testing.T) {
	t.Helper()
	select {
	case <-s.going:
	case <-time.After(limit):
		t.Fatal("the call did not reach the engine")
	}
}

// The publisher's connection to a balancer breaks around a publish, and its client sends the call
// again. Whatever the balancer does with its own connections, the publish is carried out once, and
// the repeat gets its answer.
func TestOnceBehindABalancer(t *testing.T) {
	moments := []struct {
		name  string
		first func(t *testing.T, s slow, dial func() *line, m message) // sends the call and breaks
		late  bool                                                     // the engine answers once the repeat is under way
	}{
		{"in the middle of the call", func(t *testing.T, s slow, dial func() *line, m message) {
			l := dial()
			if _, err := l.Write(append([]byte(m.head(l.addr)), m.body[:len(m.body)/2]...)); err != nil {
				t.Fatal(err)
			}
			l.Close()
			s.let <- struct{}{}
		}, false},
		{"while the engine works", func(t *testing.T, s slow, dial func() *line, m message) {
			l := dial()
			l.send(t, m)
			s.working(t)
			l.Close()
		}, true},
		{"after the answer, which nobody read", func(t *testing.T, s slow, dial func() *line, m message) {
			l := dial()
			l.send(t, m)
			s.working(t)
			s.let <- struct{}{}
			s.awaitOne(t, func(ev audit.Event) bool {
				return ev.Kind == audit.KindOutcome && strings.Contains(ev.Method, publishing)
			})
			l.Close()
			allowed(t, s.Gateway, dial().call(t, checkSite(site).message(t))) // on the balancer's own connection
		}, false},
		{"after the answer was read", func(t *testing.T, s slow, dial func() *line, m message) {
			s.let <- struct{}{}
			l := dial()
			allowed(t, s.Gateway, l.call(t, m))
			l.Close()
			allowed(t, s.Gateway, dial().call(t, checkSite(site).message(t)))
		}, false},
	}
	for _, b := range balancers {
		for _, moment := range moments {
			t.Run(b.name+"/"+moment.name, func(t *testing.T) {
				t.Parallel()
				s := slowly(t, listed)
				dial := b.start(t, s.Gateway)
				m := publish(s.made(t, 1), settings(int64(site))).message(t)
				moment.first(t, s, dial, m)
				again := dial()
				again.send(t, m)
				if moment.late {
					s.let <- struct{}{}
				}
				got := again.receive(t)
				if r, err := readReply(got.body, missing7); err != nil || r.Thrown != nil {
					t.Errorf("the repeat was answered %d %q: %v", got.status, got.body, err)
				}
				if n := s.executed(publishing); n != 1 {
					t.Errorf("the publish was carried out %d times", n)
				}
				checkLog(t, s.arranged)
			})
		}
	}
}
