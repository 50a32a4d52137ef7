package vendor

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The table in the package's documentation names every key that is read.
func TestDocNamesEveryKey(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range portalKeys {
		target := strings.NewReplacer(filterHosts, "hosts.allow", verifierHosts, "hosts.allow").Replace(k.path)
		if !regexp.MustCompile(regexp.QuoteMeta("\t"+k.name) + ` +` + regexp.QuoteMeta(target)).Match(doc) {
			t.Errorf("doc.go lacks %s → %s", k.name, target)
		}
	}
	for _, k := range osgiKeys {
		if !strings.Contains(string(doc), "\tOSGi "+k.name+" ") {
			t.Errorf("doc.go lacks OSGi %s", k.name)
		}
	}
}
