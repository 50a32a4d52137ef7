package syncserver_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var write = flag.Bool("update", false, "write the fixtures")

// TestFixtureFile keeps the fixtures where tests of running gateways read them; large ones they make.
func TestFixtureFile(t *testing.T) {
	const name = "testdata/fixtures.json"
	type fixture struct{ Name, Code, Body string }
	var all []fixture
	for _, f := range fixtures {
		if s := f.m.String(); len(s) < 64<<10 {
			all = append(all, fixture{f.name, string(f.code), s})
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	if *write {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(name); err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what the fixtures are (%v): run the test with -update", name, err)
	}
}
