package liferay_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// recordings calls fn with every recorded stream of that kind: req or rep.
func recordings(t testing.TB, kind string, fn func(build, method, name string, data []byte)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "real", "*", "*."+kind+".ser"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(filepath.Base(f), "."+kind+".ser")
		build := filepath.Base(filepath.Dir(f))
		fn(build, base[4:], build+"/"+base, data)
	}
}

func read(data []byte) (*liferay.Call, []byte, error) {
	lim := javaser.DefaultLimits()
	var content []byte
	in := source.New(bytes.NewReader(data), nil, lim.Held)
	call, err := liferay.Read(in, lim, func(p liferay.Part) (err error) {
		content, err = io.ReadAll(p.Content)
		return err
	})
	return call, content, err
}

func TestRequestsAreWrittenBack(t *testing.T) {
	recordings(t, "req", func(build, method, name string, data []byte) {
		t.Run(name, func(t *testing.T) {
			original := bytes.Clone(data)
			call, content, err := read(data)
			if err != nil {
				t.Fatal(err)
			}
			clear(data) // what is written must come from the call alone
			if method != "unknownUser" && call.Method.Name != method {
				t.Errorf("method %s", call.Method.Signature())
			}
			var got []byte
			if content == nil {
				got, err = call.Append(nil)
			} else {
				head, tail, splitErr := call.Split()
				got, err = append(append(head, content...), tail...), splitErr
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, original) {
				t.Errorf("written back differently:\n got %x\nwant %x", got, original)
			}
		})
	})
}

var returns = map[string]string{
	"checkRemoteStagingGroup": "void", "createStagingRequest": "long", "updateStagingRequest": "void",
	"cleanUpStagingRequest": "void", "propagateExportImportLifecycleEvent": "void", "hasRemoteLayout": "boolean",
	"validateStagingRequest": "com.liferay.exportimport.kernel.lar.MissingReferences",
	"publishStagingRequest":  "com.liferay.exportimport.kernel.lar.MissingReferences",
	"getGroup":               "com.liferay.portal.kernel.model.Group", "getGroupDisplayURL": "java.lang.String",
	"getLayoutByUuidAndGroupId": "com.liferay.portal.kernel.model.Layout", "getLayoutPlid": "long",
	"hasLayout": "boolean", "hasPortletId": "boolean", "getControlPanelLayoutPlid": "long", "unknownUser": "void",
	"fetchByClassNameId": "com.liferay.portal.kernel.model.ClassName",
}

func TestRepliesAreWrittenBack(t *testing.T) {
	recordings(t, "rep", func(build, method, name string, data []byte) {
		t.Run(name, func(t *testing.T) {
			original := bytes.Clone(data)
			typ := returns[method]
			if build == "6.2" && method == "publishStagingRequest" {
				typ = "void"
			}
			lim := javaser.DefaultLimits()
			r, err := liferay.ReadReply(source.New(bytes.NewReader(data), nil, lim.Held), lim, typ, false)
			if err != nil {
				t.Fatal(err)
			}
			clear(data)
			got, err := r.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, original) {
				t.Errorf("written back differently:\n got %x\nwant %x", got, original)
			}
		})
	})
}
