package trust_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/gateway/certs/trust"
)

// TestKeytool lets a shell read what is printed: the path is one word of it, as it stands.
func TestKeytool(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh on the PATH")
	}
	for _, path := range []string{"/plain", "/with space", "/it's", "/$(id)`id`", `/back\slash"`, "/new\nline", "''"} {
		line := trust.Keytool(path, "AB:CD:EF:01:23", "-cacerts")
		out, err := exec.Command("sh", "-c", `keytool() { for w in "$@"; do printf '%s|' "$w"; done; }; `+line).Output()
		want := "-importcert|-trustcacerts|-noprompt|-alias|stagelock-abcdef01|-file|" + path + "|-cacerts|-storepass|changeit|"
		if err != nil || string(out) != want {
			t.Errorf("%q became %q, %v", path, out, err)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := trust.Read(dir + "/ca.pem"); err == nil || !strings.Contains(err.Error(), "ca.pem") {
		t.Errorf("a file that is not there: %v", err)
	}
}
