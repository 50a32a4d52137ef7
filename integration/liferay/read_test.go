package liferay_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// seen is what the line's real classes make of a stream.
type seen struct {
	outcome
	Same      bool              `json:"same"` // written again by that JVM it is the same bytes
	Principal json.RawMessage   `json:"principal"`
	Service   string            `json:"service"`
	Method    string            `json:"method"`
	Types     []string          `json:"types"`
	Args      []json.RawMessage `json:"args"`
	Thrown    *thrown           `json:"thrown"`
	Value     json.RawMessage   `json:"value"`
}

// reader is a JVM with the line's classes, and how many streams it read.
type reader struct {
	*program
	build string
	n     int
}

// reads has the line's real classes read what our writer makes: calls, recorded calls that were changed, and answers.
func reads(t *testing.T, s *stage, sum *row) {
	p, a := launch[outcome](t, s.release, "Read", secrets[0].settings())
	if !a.OK {
		p.died(fmt.Errorf("answered %+v", a))
	}
	r := &reader{program: p, build: s.name}
	r.written(t)
	r.changed(t)
	r.answers(t)
	sum.read = fmt.Sprint(r.n)
}

func (r *reader) look(t *testing.T, name string, body []byte) seen {
	t.Helper()
	r.n++
	x := do[seen](r.program, "read", fields{"body": base64.StdEncoding.EncodeToString(body)})
	if !x.OK {
		t.Errorf("%s: %v", name, x.Exception)
	}
	return x
}

// samples are arguments by the type of their parameter; a call with another type is left out.
var samples = map[string]any{
	"long": int64(1)<<40 + 5, "int": int64(7), "boolean": true, "java.lang.String": "\u00fc\u4f8b\U0001F600\x00 text", "[B": tunnel.Content{Size: 5},
	"java.util.Map": map[string][]string{"a": {"b", "c"}, "\u4f8b": {}, "d": {""}},
	"com.liferay.exportimport.kernel.model.ExportImportConfiguration": liferay.Settings{
		"targetGroupId": int64(20143), "layoutIds": []int64{1, 2}, "locale": liferay.Locale{Language: "hu", Country: "HU"},
		"timezone": liferay.Zone{ID: "UTC"}, "privateLayout": false, "remoteAddress": "live.example.com", "remotePort": int32(443), "fileName": nil,
		"parameterMap": map[string][]string{"range": {"all"}}, "layoutIdMap": map[int64]bool{1: true, 2: false},
	},
}

// canonical is how a JVM prints the samples.
var canonical = map[string]string{
	"long": `{"$":"Long","v":1099511627781}`, "int": `{"$":"Integer","v":7}`, "boolean": "true",
	"java.lang.String": `"\u00fc\u4f8b\ud83d\ude00\u0000 text"`,
	"java.util.Map":    `{"$":"HashMap","v":[["\u4f8b",{"$":"String[]","v":[]}],["a",{"$":"String[]","v":["b","c"]}],["d",{"$":"String[]","v":[""]}]]}`,
}

// written reads calls that our own publisher would make.
func (r *reader) written(t *testing.T) {
	for _, m := range declared(t, r.build) {
		args := make([]any, 0, len(m.Parameters))
		for _, p := range m.Parameters {
			if m.Name == "updateStagedPortlets" && p == "java.util.Map" {
				args = append(args, map[string]string{"staged-portlet_x": "true"})
			} else if sample, ok := samples[p]; ok {
				args = append(args, sample)
			}
		}
		if len(args) != len(m.Parameters) {
			continue
		}
		c, err := liferay.NewCall(r.build, liferay.Principal{Login: harness.Login, Password: "x", URL: "https://live.example.com"}, m, args...)
		if err != nil {
			t.Errorf("%s: %v", m.Signature(), err)
			continue
		}
		x := r.look(t, m.Signature(), whole(t, c, []byte("bytes")))
		if x.Service != m.Service || x.Method != m.Name || !slices.Equal(x.Types, m.Parameters) || len(x.Args) != len(args) {
			t.Errorf("%s is read as %s#%s%v of %d", m.Signature(), x.Service, x.Method, x.Types, len(x.Args))
		}
		for i, p := range m.Parameters {
			if want, ok := canonical[p]; ok && m.Name != "updateStagedPortlets" && i < len(x.Args) && string(x.Args[i]) != want {
				t.Errorf("%s: argument %d is read as %s, want %s", m.Signature(), i+1, x.Args[i], want)
			}
		}
		if !bytes.Contains(x.Principal, []byte(harness.Login)) {
			t.Errorf("%s: principal %s", m.Signature(), x.Principal)
		}
	}
}

func declared(t *testing.T, build string) []tunnel.Method {
	t.Helper()
	text, err := os.ReadFile("../../policy/calls/calls.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Service, Method   string
		Parameters, Lines []string
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	var list []tunnel.Method
	for _, d := range all {
		if slices.Contains(d.Lines, build) {
			list = append(list, tunnel.Method{Service: d.Service, Name: d.Method, Parameters: d.Parameters})
		}
	}
	return list
}

// whole is the body of a call, with the content if it carries one.
func whole(t *testing.T, c *liferay.Call, content []byte) []byte {
	t.Helper()
	head, tail, err := c.Split()
	if err != nil {
		body, err := c.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	return append(append(head, content...), tail...)
}

// changed reads recorded calls whose every Long was set to another number.
func (r *reader) changed(t *testing.T) {
	files, err := filepath.Glob("../../tunnel/liferay/testdata/real/" + r.build + "/*.req.ser")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var content []byte
		lim := javaser.DefaultLimits()
		c, err := liferay.Read(source.New(bytes.NewReader(data), nil, lim.Held), lim, func(p liferay.Part) (err error) {
			content, err = io.ReadAll(p.Content)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		original := r.look(t, filepath.Base(f), data)
		for i := range c.Args {
			if c.SetLong(i, 7_000_000+int64(i)) != nil {
				continue
			}
			body := whole(t, c, content)
			x := r.look(t, filepath.Base(f), body)
			if original.Same && !x.Same {
				t.Errorf("%s: Java writes it otherwise", filepath.Base(f))
			}
			if want := fmt.Sprintf(`{"$":"Long","v":%d}`, 7_000_000+i); i >= len(x.Args) || string(x.Args[i]) != want {
				t.Errorf("%s: argument %d is not %s in %s", filepath.Base(f), i+1, want, x.Args)
			}
		}
	}
}

// answers reads replies as the gateway and the engine write them.
func (r *reader) answers(t *testing.T) {
	for name, write := range map[string]func() ([]byte, error){
		"Long":    func() ([]byte, error) { return liferay.AppendValue(nil, r.build, int64(40201)) },
		"String":  func() ([]byte, error) { return liferay.AppendValue(nil, r.build, "\u4f8b") },
		"Boolean": func() ([]byte, error) { return liferay.AppendValue(nil, r.build, true) },
		"Group": func() ([]byte, error) {
			return liferay.AppendGroup(nil, r.build, liferay.Model{"_groupId": int64(site)})
		},
		"Layout": func() ([]byte, error) { return liferay.AppendLayout(nil, r.build, liferay.Model{"_plid": int64(7)}) },
		"MissingReferences": func() ([]byte, error) {
			return liferay.AppendMissing(nil, r.build, nil, []liferay.MissingReference{{ClassName: "a.B", ClassPK: "1", DisplayName: "x", Type: "weak"}})
		},
		"PortalException": func() ([]byte, error) {
			return liferay.AppendThrown(nil, r.build, liferay.Thrown{Class: liferay.ClassPortalException, Message: "\u4f8b (reference x)"})
		},
		"RemoteAuthException": func() ([]byte, error) { return liferay.AppendRemoteAuth(nil, r.build, liferay.TypeWrongSecret, "no") },
	} {
		body, err := write()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x := r.look(t, name, body)
		if got := string(x.Value) + x.Thrown.String(); !bytes.Contains([]byte(got), []byte(name)) && name != "String" && name != "Boolean" {
			t.Errorf("%s is read as %s", name, got)
		}
	}
}
