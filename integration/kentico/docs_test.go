package kentico_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

// instructions returns the nth configuration that the instructions show.
func instructions(t *testing.T, n int) string {
	t.Helper()
	text, err := os.ReadFile("../../gateway/tasks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(all) <= n {
		t.Fatal("the instructions show no such configuration")
	}
	return regexp.MustCompile(`(?m)^   `).ReplaceAllString(string(all[n][1]), "")
}

// asShown is a configuration of the instructions with the addresses of this machine in the place of those
// that they use.
func asShown(t *testing.T, text, secrets string, w *twin, otherURL, otherCA string) harness.Options {
	t.Helper()
	for _, r := range [][2]string{
		{`https://gw-\w+\.example\.com:8443`, otherURL}, {`gw-\w+\.example\.com`, "127.0.0.1"},
		{`https://10\.\d\.\d\.\d`, w.URL}, {`10\.\d\.\d\.\d`, "127.0.0.1"},
		{`/etc/stagelock/\w+-gateway-ca\.pem`, otherCA}, {`/etc/stagelock/\w+-ca\.pem`, w.ca(t)}, {`/etc/stagelock/`, secrets + "/"},
		{`6f9619ff-8b86-d011-b42d-00cf4fc964ff`, "00000001-0001-0001-0101-010101010101"}, // of the twins' editor
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return harness.Options{Whole: func(data string) string {
		return text + "listen: [\"127.0.0.1:0\"]\ndata: " + data + "\nadmin: { listen: [\"127.0.0.1:0\"] }\ndrain: 100ms\n"
	}}
}

// TestTheInstructionsWork: two servers are set up as the instructions say, and a change goes each way.
func TestTheInstructionsWork(t *testing.T) {
	shown, secrets := instructions(t, 0), t.TempDir()
	for name, text := range map[string]string{"behind": "of both", "own": "own password", "between": "between"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	turned := strings.NewReplacer("live", "dev", "dev", "live").Replace(shown)
	a, b := newTwin(t, "dev"), newTwin(t, "live")
	for _, w := range []*twin{a, b} {
		w.Password, w.Logging = "of both", true
	}
	ga := start(t, a, asShown(t, turned, secrets, a, "https://127.0.0.1:1", a.ca(t)))
	gb := start(t, b, asShown(t, shown, secrets, b, ga.URL, authority(t, ga)))
	ga.Write(t, asShown(t, turned, secrets, a, gb.URL, authority(t, gb)))
	if r, err := ga.Node.Reload(context.Background()); err != nil {
		t.Fatal(err, r.Problems)
	}
	a.list(target{"stagelock", ga.URL + "/to-live", "dev", "own password", ga.client})
	b.list(target{"stagelock", gb.URL + "/to-dev", "live", "own password", gb.client})
	a.edit("1", "made at dev")
	b.edit("2", "made at live")
	if sent, failed := settle(t, 5, a, b); sent != 2 || len(failed) > 0 {
		t.Errorf("%d tasks, failed %q", sent, failed)
	}
	if b.page("1") != "made at dev" || a.page("2") != "made at live" {
		t.Errorf("live has %q, dev has %q", b.page("1"), a.page("2"))
	}
}

// TestTheInstructionsOfStoreAndForwardWork: two servers are set up as they say, and a change goes each way.
func TestTheInstructionsOfStoreAndForwardWork(t *testing.T) {
	shown := instructions(t, 1)
	h := newHouse(t, twoKenticos)
	a, b := h.servers[0], h.servers[1] // dev, live
	a.twin.Name, b.twin.Name = "dev", "live"
	secrets := t.TempDir()
	a.twin.Password, b.twin.Password = "of both", "of both"
	for name, text := range map[string]string{"behind": "of both", "own": "own password"} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range h.servers {
		other, text := h.servers[1-i], shown
		if i == 0 {
			text = strings.NewReplacer("live", "dev", "dev", "live").Replace(shown)
		}
		name := []string{"dev", "live"}[i]
		s.twin.list(target{"stagelock", "https://" + s.addr + "/handed-in", name, "own password", h.client})
		for _, r := range [][2]string{
			{`https://gw-\w+\.example\.com:8443`, "https://" + other.addr}, {`gw-\w+\.example\.com`, "127.0.0.1"},
			{`https://10\.\d\.\d\.\d`, s.twin.URL}, {`10\.\d\.\d\.\d`, "127.0.0.1"},
			{`/etc/stagelock/\w+-gateway-ca\.pem`, h.tls + "/c.pem"}, {`/etc/stagelock/\w+-ca\.pem`, s.twin.ca(t)},
			{`/etc/stagelock/`, secrets + "/"}, {`YIOQDGL2CAZUCSSCP52C`, string(other.id)},
			{`6f9619ff-8b86-d011-b42d-00cf4fc964ff`, "00000001-0001-0001-0101-010101010101"}, // of the twins' editor
		} {
			text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
		}
		s.whole = fmt.Sprintf("%s%slisten: [%q]\ndata: %s\ndrain: 100ms\ntls: { source: files, certificate: %s/c.pem, key: %s/k.pem }\n",
			text, s.more, s.addr, s.dir, h.tls, h.tls)
	}
	h.start()
	a.twin.edit("1", "made at dev")
	b.twin.edit("2", "made at live")
	if sent, failed := h.handIn(); sent != 2 || len(failed) > 0 {
		t.Fatalf("%d tasks, failed %q", sent, failed)
	}
	h.everywhere("1", "made at dev")
	h.everywhere("2", "made at live")
	b.twin.remove("1")
	h.handIn()
	h.everywhere("1", "")
}
