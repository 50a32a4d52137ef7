package liferay_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// vendorReader is a JVM with the classes of one build of the CMS, which says what it sees in a stream.
type vendorReader struct {
	in  *json.Encoder
	out *json.Decoder
}

// seen is what it says: of a request its parts, of a reply its value or exception.
type seen struct {
	OK        bool            `json:"ok"`
	Exception json.RawMessage `json:"exception"`
	Service   string          `json:"service"`
	Method    string          `json:"method"`
	Types     []string        `json:"types"`
	Args      []any           `json:"args"`
	Same      bool            `json:"same"` // written again it is the same bytes
	Value     any             `json:"value"`
	Thrown    struct {
		Class   string `json:"class"`
		Message string `json:"message"`
	} `json:"thrown"`
}

// startVendor starts the reader of a build, or skips the test: integration/liferay/jvm/build makes it.
func startVendor(t *testing.T, build string) *vendorReader {
	t.Helper()
	if testing.Short() {
		t.Skip("a JVM for each build takes a while")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("no java in PATH: the vendor's classes are not asked")
	}
	home, err := filepath.Abs(filepath.Join("..", "..", "integration", "liferay", "jvm"))
	if err != nil {
		t.Fatal(err)
	}
	args := filepath.Join("target", build, "java.args")
	if _, err := os.Stat(filepath.Join(home, args)); err != nil {
		t.Skipf("the vendor's classes of %s are not there: run integration/liferay/jvm/build", build)
	}
	cmd := exec.Command(java, "@"+args, "stagelock.interop.Read")
	cmd.Dir = home
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if inErr != nil || outErr != nil {
		t.Fatal(inErr, outErr)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("java does not start: %v", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if t.Failed() {
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	})
	r := &vendorReader{in: json.NewEncoder(in), out: json.NewDecoder(out)}
	if up := r.ask(t, map[string]string{"line": build}); !up.OK {
		t.Fatalf("the JVM did not start: %s", up.Exception)
	}
	return r
}

func (r *vendorReader) ask(t *testing.T, question any) seen {
	t.Helper()
	var answer seen
	if err := r.in.Encode(question); err != nil {
		t.Fatal(err)
	}
	if err := r.out.Decode(&answer); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return answer
}

func (r *vendorReader) read(t *testing.T, data []byte) seen {
	t.Helper()
	return r.ask(t, map[string]string{"do": "read", "body": base64.StdEncoding.EncodeToString(data)})
}

// TestVendorReads asks the vendor's own classes, of each build, what they see in what is written here.
func TestVendorReads(t *testing.T) {
	for _, build := range liferay.Builds() {
		t.Run(build, func(t *testing.T) {
			vendor := startVendor(t, build)
			t.Run("recorded", func(t *testing.T) { vendorReadsCalls(t, build, vendor) })
			t.Run("made", func(t *testing.T) { vendorReadsWhatWeMake(t, build, vendor) })
		})
	}
}

// vendorReadsCalls changes the first number of every recorded call and writes the call.
func vendorReadsCalls(t *testing.T, build string, vendor *vendorReader) {
	const changed = 4_711_000_815
	asked := 0
	recordings(t, "req", func(of, _, name string, data []byte) {
		if of != build {
			return
		}
		call, content, err := read(data)
		if err != nil {
			t.Fatal(err)
		}
		longs := slices.Index(call.Method.Parameters, "long")
		if longs >= 0 {
			if err := call.SetLong(longs, changed); err != nil {
				t.Fatal(err)
			}
		}
		written, err := call.Append(nil)
		if content != nil {
			head, tail, splitErr := call.Split()
			written, err = joined(head, content, tail), splitErr
		}
		if err != nil || bytes.Equal(written, data) == (longs >= 0) {
			t.Fatalf("%s: %v", name, err)
		}
		asked++
		answer := vendor.read(t, written)
		if !answer.OK || answer.Service != call.Method.Service || answer.Method != call.Method.Name ||
			!slices.Equal(answer.Types, call.Method.Parameters) {
			t.Errorf("%s: the vendor sees %s#%s%v, %s", name, answer.Service, answer.Method, answer.Types, answer.Exception)
			return
		}
		if longs >= 0 && !strings.Contains(string(marshal(t, answer.Args[longs])), "4711000815") {
			t.Errorf("%s: the vendor sees %s", name, marshal(t, answer.Args[longs]))
		}
		if answer.Same != vendor.read(t, data).Same { // a map is written with another table once it was read
			t.Errorf("%s: the vendor would write it differently", name)
		}
	})
	t.Logf("%d calls read by the classes of %s", asked, build)
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vendorReadsWhatWeMake has calls and replies that no recording stood model for.
func vendorReadsWhatWeMake(t *testing.T, build string, vendor *vendorReader) {
	service := staging
	if build == liferay.Line62 {
		service = "com.liferay.portal.service.StagingServiceUtil"
	}
	call, err := liferay.NewCall(build, liferay.Principal{Login: "a@b.c", Password: "p", URL: "http://x"},
		tunnel.Method{Service: service, Name: "createStagingRequest", Parameters: []string{"long", "java.lang.String"}},
		int64(7), "d41d8cd98f00b204e9800998ecf8427e")
	if err != nil {
		t.Fatal(err)
	}
	request, err := call.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := vendor.read(t, request); !got.OK || got.Method != "createStagingRequest" || len(got.Args) != 2 {
		t.Errorf("a call: %s#%s%v %s", got.Service, got.Method, got.Args, got.Exception)
	}
	for _, r := range []struct {
		name    string
		append  func() ([]byte, error)
		message string
	}{
		{"an exception", func() ([]byte, error) {
			return liferay.AppendThrown(nil, build, liferay.Thrown{Class: portal, Message: "not here"})
		}, "not here"},
		{"a wrong secret", func() ([]byte, error) {
			return liferay.AppendRemoteAuth(nil, build, liferay.TypeWrongSecret, "not you")
		}, "not you"},
		{"a Long", func() ([]byte, error) { return liferay.AppendValue(nil, build, int64(5)) }, ""},
		{"text", func() ([]byte, error) { return liferay.AppendValue(nil, build, "é😀") }, ""},
		{"missing references", func() ([]byte, error) {
			return liferay.AppendMissing(nil, build, []liferay.MissingReference{{ClassName: "c", ClassPK: "1"}}, nil)
		}, ""},
		{"a site", func() ([]byte, error) {
			return liferay.AppendGroup(nil, build, liferay.Model{"_groupId": int64(5), "_friendlyURL": "/x"})
		}, ""},
		{"a page", func() ([]byte, error) { return liferay.AppendLayout(nil, build, liferay.Model{"_plid": int64(5)}) }, ""},
	} {
		data, err := r.append()
		if err != nil {
			t.Fatal(err)
		}
		if got := vendor.read(t, data); !got.OK || got.Thrown.Message != r.message {
			t.Errorf("%s: %+v, %s", r.name, got, got.Exception)
		}
	}
}
