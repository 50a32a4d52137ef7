package liferay_test

import (
	"archive/zip"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// lars are real archives of a 6.1 portal.
const lars = "../../archive/testdata/lar/*.lar"

// command publishes a real archive with our own command, through the gateway, to the real servlet.
func command(t *testing.T, s *stage, sum *row) {
	binary := filepath.Join(t.TempDir(), "stagelock")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/stagelock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ca, _, _, _ := s.gateway.Node.CA()
	file, err := filepath.Abs("../../archive/testdata/lar/community-a5fc79.lar")
	if err != nil {
		t.Fatal(err)
	}
	forms := []string{""}
	if s.has("validateStagingRequest") && s.line != "6.2" {
		forms = append(forms, "--map")
	}
	calls := 0
	for _, form := range forms {
		s.reset()
		args := []string{"publish", "--to", s.gateway.URL, "--site", fmt.Sprint(site), "--login", harness.Login, "--line", s.name,
			"--ca", ca, "--buffer", "4kB", "--json", "--any-build"} // the archive is of 6.0
		if form != "" {
			args = append(args, form)
		}
		cmd := exec.CommandContext(t.Context(), binary, append(args, file)...)
		cmd.Env = append(os.Environ(), "STAGELOCK_SECRET="+secrets[0].value, "XDG_STATE_HOME="+t.TempDir())
		out, err := cmd.Output()
		if err != nil {
			var exit *exec.ExitError
			_ = errors.As(err, &exit)
			t.Fatalf("%v\n%s\n%s", err, out, exit.Stderr)
		}
		if !arrivedWhole(s, file) {
			t.Errorf("the archive did not arrive as it is: %s", out)
		}
		for _, c := range s.calls() {
			if c.Exception != nil {
				t.Errorf("%s: %v", c.Method, c.Exception)
			}
			calls++
		}
	}
	sum.command = fmt.Sprintf("%d calls, MD5 equal", calls)
}

// toEngine has the real client publish real archives through the gateway into the reference engine; every entry of them is then
// a part of the site, byte for byte.
func toEngine(t *testing.T, s *stage, _ *row) {
	if s.name != "7.4.3.112" {
		return // one line is enough: the engine is the same
	}
	e := harness.StartEngine(t, harness.EngineOptions{Context: inside, Key: harness.NewKey(t, secrets[0].value)})
	o := options(s.release, secrets[0], e.URL)
	o.Sites = fmt.Sprintf("[%d]", harness.Site)
	g := harness.Start(t, o)
	p, _ := client(t, s.release, secrets[0], g.URL, []*harness.Gateway{g})
	files, err := filepath.Glob(lars)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d archives, %v", len(files), err)
	}
	entries := 0
	for _, file := range files {
		publishLAR(t, p, file)
		entries += sameEntries(t, e.Engine, file)
	}
	t.Logf("%d archives, %d entries equal", len(files), entries)
}

// publishLAR makes the calls of a publish of that archive, with the settings of what it holds: pages, or one application's data.
func publishLAR(t *testing.T, p *program, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	call := func(method string, args ...any) int64 {
		return must[struct {
			Result struct {
				V int64 `json:"v"`
			} `json:"result"`
		}](p, "call", fields{"method": method, "args": args}).Result.V
	}
	call("checkRemoteStagingGroup", harness.Site)
	sum := md5.Sum(content)
	id := call("createStagingRequest", harness.Site, hex.EncodeToString(sum[:]))
	n := 0
	for part := range slices.Chunk(content, 5000) {
		call("updateStagingRequest", id, fmt.Sprintf("real.zip%03d", n),
			fields{"$": "byte[]", "base64": base64.StdEncoding.EncodeToString(part)})
		n++
	}
	call("publishStagingRequest", id, configuration(t, content))
	call("cleanUpStagingRequest", id)
}

func configuration(t *testing.T, content []byte) fields {
	t.Helper()
	lar, err := archive.Open(bytes.NewReader(content), int64(len(content)), archive.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Of(lar)
	if err != nil {
		t.Fatal(err)
	}
	var parameters [][2]any
	for name, value := range publisher.DefaultParameters() {
		parameters = append(parameters, [2]any{name, fields{"$": "String[]", "v": value}})
	}
	settings := [][2]any{
		{"targetGroupId", fields{"$": "Long", "v": harness.Site}}, {"privateLayout", false},
		{"parameterMap", fields{"$": "HashMap", "v": parameters}},
	}
	if id := m.Header.RootPortletID; id != "" {
		settings = append(settings, [2]any{"portletId", id})
	}
	return fields{"$": "Configuration", "group": harness.Site, "settingsMap": fields{"$": "HashMap", "v": settings}}
}

// sameEntries compares every file of the archive with what the site has.
func sameEntries(t *testing.T, e *engine.Engine, file string) int {
	t.Helper()
	lar, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer lar.Close()
	n := 0
	for _, f := range lar.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		want := readAll(t, f.Open)
		got := readAll(t, func() (io.ReadCloser, error) { return e.ReadEntry(t.Context(), harness.Site, f.Name) })
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d", f.Name, len(got), len(want))
			continue
		}
		n++
	}
	return n
}

func readAll(t *testing.T, open func() (io.ReadCloser, error)) []byte {
	t.Helper()
	r, err := open()
	if err != nil {
		t.Error(err)
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return b
}
