package reports

import (
	"strings"
	"testing"
)

func secrets() []report {
	const kind = "a secret that everybody knows"
	known := func(name, input, text string, more ...string) report {
		return report{"13-published-secret/" + name, kind, func(_ *testing.T, d *desk) {
			if input != "" {
				d.take("13-published-secret/"+input, "secret")
			} else {
				d.write("secret", text)
			}
			d.expect(0, []string{"warning: the secret is one that stands in the vendor's documentation or counts up"},
				append([]string{"secret", "check", "--secret-file", "secret"}, more...)...)
			// validate must know it too.
			hex := strings.Join(more, "") == "--hex"
			text := "tunneling.servlet.shared.secret=" + strings.TrimSpace(d.read("secret")) + "\ntunnel.servlet.hosts.allowed=" + all + "\n"
			if hex {
				text += "tunneling.servlet.shared.secret.hex=true\n"
			}
			j := judged{text: text, says: []string{"warning: ", "everybody knows it"}, code: 0}
			j.run(d.t, d)
		}}
	}
	return []report{
		known("hex", "hex.txt", "", "--hex"), known("ascii", "ascii.txt", ""), known("counted", "counted.txt", ""),
		known("one letter", "", "aaaaaaaaaaaaaaaa\n"),
		known("counted, 32", "", "12345678901234567890123456789012\n"), known("upper case", "", "ABCDEFGHIJKLMNOP\n"),
		known("in hex digits, one byte", "", strings.Repeat("00", 16), "--hex"),
		known("in hex digits, counted", "", "000102030405060708090a0b0c0d0e0f", "--hex"),
		{"13-published-secret/one of its own", kind, func(_ *testing.T, d *desk) {
			d.expect(0, nil, "secret", "new", "--out", "secret")
			d.expect(0, []string{"The secret can be used."}, "secret", "check", "--secret-file", "secret", "--hex")
			if strings.Contains(d.tail, "warning") {
				d.t.Errorf("a new secret is warned of: %s", d.tail)
			}
		}},
	}
}
