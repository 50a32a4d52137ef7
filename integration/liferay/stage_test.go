package liferay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// build of the CMS and the version line that a gateway's configuration names for it.
type release struct {
	name, line string
	hides      bool   // tunnel.servlet.hide.exception.data is there
	like       string // the release of the table whose calls it makes; empty: its own
}

var releases = []release{
	{name: "6.2", line: "6.2"}, {name: "7.0", line: "7.0"}, {name: "7.1", line: "7.1"}, {name: "7.2", line: "7.2"}, {name: "7.3", line: "7.3"},
	{name: "7.4.3.51", line: "7.4", hides: true}, {name: "7.4.3.112", line: "7.4", hides: true},
}

// further are more builds of the lines, each with the vendor's implementation of the version behind the hyphen. Only flows are
// driven with them.
var further = []release{
	{name: "6.2-6.2.2", line: "6.2", like: "6.2"}, {name: "7.0-2.22.0", line: "7.0", like: "7.0"},
	{name: "7.1-3.0.0", line: "7.1", like: "7.1"}, {name: "7.2-4.27.0", line: "7.2", like: "7.2"},
	{name: "7.3-5.18.2", line: "7.3", like: "7.3"}, {name: "7.4-59.0.0", line: "7.4", like: "7.4.3.112"},
	{name: "7.4-88.0.1", line: "7.4", like: "7.4.3.112"},
}

// selected returns those that -lines names.
func selected(among []release) []release {
	var list []release
	for _, r := range among {
		if *only == "" || slices.Contains(strings.Split(*only, ","), r.name) {
			list = append(list, r)
		}
	}
	return list
}

// What publishers and server know of each other. The other site is one that no peer may publish into.
const (
	inside    = "/portal"
	outside   = "/live"
	site      = 20143
	secondary = 20150
	other     = 20999
	oddLogin  = "a+b%41@example.com"
)

// secret is a shared secret in one of the ways to write it.
type secret struct {
	name, algorithm, value string
	hex                    bool
}

var secrets = []secret{
	{"AES", "AES", "1234567890123456", false},
	{"AES hex", "AES", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", true},
	{"Blowfish", "Blowfish", "blow1234567890fish", false},
	{"Blowfish hex", "Blowfish", "00112233445566778899aabbccddeeff", true},
	{"DESede", "DESede", "123456789012345678901234", false},
	{"DESede hex", "DESede", "0123456789abcdeffedcba98765432100011223344556677", true},
}

func (s secret) settings() fields {
	return fields{"secret": s.value, "algorithm": s.algorithm, "hex": s.hex}
}

func with(f fields, more fields) fields {
	for k, v := range more {
		f[k] = v
	}
	return f
}

// serve starts the line's real servlet and returns its base URL without the path context.
func serve(t testing.TB, r release, s secret) (*program, string) {
	t.Helper()
	type ready struct {
		OK   bool `json:"ok"`
		Port int  `json:"port"`
	}
	p, a := launch[ready](t, r, "Server", with(s.settings(), fields{
		"contextPath": inside, "users": map[string]int{harness.Login: 20199, nickname: 20199, oddLogin: 20200},
	}))
	if !a.OK || a.Port == 0 {
		p.died(fmt.Errorf("answered %+v", a))
	}
	return p, fmt.Sprintf("http://127.0.0.1:%d", a.Port)
}

// pace lets tests be as fast as they can; how the gateway slows down peers is not what they are about.
var pace = []string{
	"quota: { peer_rate: 100000/s, peer_burst: 100000, per_address_rate: 100000/s, per_address_burst: 1000000, failure_cost: 1 }",
}

// browserURL is where browsers see the live sites.
const browserURL = "https://www.example.com/live"

// options returns what a gateway before the server at that address is made from.
func options(r release, s secret, upstream string) harness.Options {
	return harness.Options{
		Upstream: upstream, Inside: inside, Context: outside, Line: r.line, Sites: fmt.Sprintf("[%d, %d]", site, secondary),
		Algorithm: s.algorithm, Hex: s.hex, Secret: s.value, Extra: pace, Behind: []string{"browser_url: " + browserURL},
	}
}

// client starts the line's real client, which trusts the authorities of those gateways.
func client(t testing.TB, r release, s secret, base string, gateways []*harness.Gateway, flags ...string) (*program, []string) {
	t.Helper()
	var pem bytes.Buffer
	for _, g := range gateways {
		path, _, _, ok := g.Node.CA()
		text, err := os.ReadFile(path)
		if !ok || err != nil {
			t.Fatalf("authority: %t, %v", ok, err)
		}
		pem.Write(text)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	type ready struct {
		OK    bool     `json:"ok"`
		Calls []string `json:"calls"`
	}
	p, a := launch[ready](t, r, "Publisher", with(s.settings(), fields{
		"baseURL": base, "login": harness.Login, "trustPEM": file,
	}), flags...)
	if !a.OK {
		p.died(fmt.Errorf("answered %+v", a))
	}
	return p, a.Calls
}

// stage is one line set up: its server, the gateways before it, its client.
type stage struct {
	release
	server  *program
	address string // of the server, for what goes straight
	gateway *harness.Gateway
	faulty  *faulty
	fronts  fronts
	client  *program
	labels  []string // of the calls that the line's client can make: name(type,type)
}

// has says whether the line's client can make the call.
func (s *stage) has(method string) bool {
	return slices.ContainsFunc(s.labels, func(l string) bool { return strings.HasPrefix(l, method+"(") })
}

func newStage(t *testing.T, r release) *stage {
	t.Helper()
	build(t, r.name)
	s := &stage{release: r, faulty: newFaulty(t)}
	s.server, s.address = serve(t, r, secrets[0])
	o := options(r, secrets[0], s.address)
	s.gateway = harness.Start(t, o)
	s.fronts = newFronts(t, o, s.faulty)
	s.client, s.labels = client(t, r, secrets[0], s.gateway.URL, append(s.fronts.all(), s.gateway))
	return s
}

// in has the programs report their failures to that part of the test.
func (s *stage) in(t testing.TB) { s.server.t, s.client.t = t, t }

// straight is what a client's command says to go past the gateway.
func (s *stage) straight() string { return s.address + inside }

// call is a call as the server recorded it.
type call struct {
	Service      string            `json:"service"`
	Method       string            `json:"method"`
	Digest       string            `json:"digest"`
	Serialized   []string          `json:"serialized"`
	Args         []json.RawMessage `json:"args"`
	ResultDigest string            `json:"resultDigest"`
	Exception    *thrown           `json:"exception"`
	Target       json.RawMessage   `json:"target"`
	Deserialized string            `json:"deserialized"`
	Address      json.RawMessage   `json:"remoteAddress"`
	User         int64             `json:"user"`
}

// calls returns what reached the service since the last time.
func (s *stage) calls() []call {
	s.server.t.Helper()
	return must[struct {
		Calls []call `json:"calls"`
	}](s.server, "calls", nil).Calls
}

// counters say how far requests came at the server since the last reset.
type counters struct {
	Requests  int64             `json:"requests"`
	DoPost    int64             `json:"doPost"`
	Bodies    int64             `json:"bodies"`
	Streams   int64             `json:"streams"`
	Objects   int64             `json:"objects"`
	Executed  int64             `json:"executed"`
	SlowestMS int64             `json:"slowestMs"`
	Services  map[string]string `json:"services"`
}

func (s *stage) counters() counters {
	s.server.t.Helper()
	return must[counters](s.server, "counters", nil)
}

func (s *stage) reset() {
	s.server.t.Helper()
	must[outcome](s.server, "reset", nil)
}
