package archive_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/refusal"
)

// TestWhatIsTakenForAnArchive: what people name in its place is told by its name, with what to do about it.
func TestWhatIsTakenForAnArchive(t *testing.T) {
	zip := "PK\x03\x04\x14\x00\x00\x00\x08\x00"
	for _, tt := range []struct{ name, text, want, cure string }{
		{"PDF", "%PDF-1.7\n%\xe2\xe3\xcf\xd3", "document of PDF", ".lar"},
		{"digits", hex.EncodeToString([]byte(zip)), "hexadecimal", "xxd -r -p"},
		{"digits in capitals", strings.ToUpper(hex.EncodeToString([]byte(zip))), "hexadecimal", "xxd -r -p"},
		{"a dump of xxd", "00000000: 504b 0304 1400 0000 0800  PK........\n", "hexadecimal", ""},
		{"a dump of hexdump -C", "00000000  50 4b 03 04 14 00 00 00  08 00\n", "hexadecimal", ""},
		{"a message", "MIME-Version: 1.0\nContent-Type: multipart/mixed\n\nUEsDBBQ", "message of mail", "attached"},
		{"a part of a message", "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBBQ", "message of mail", ""},
		{"a text", "curl: (22) The requested URL returned error: 404\n", "a text, not an archive", "error in its place"},
		{"a text in German", "Zugriff verweigert: für diese Seite fehlt die Berechtigung\n", "a text, not an archive", ""},
		{"a text that is cut in a letter", strings.Repeat("a", 1023) + "ü", "a text, not an archive", ""},
		{"a JSON answer", " {\"error\": 404}", "it is JSON", ""},
		{"bytes", "\x00\x01\x02\xff\xfe", "too short", "copy or export it again"},
		{"more bytes", strings.Repeat("\x00\x01\x02\xff\xfe", 30), "end record", "copy or export it again"},
		{"a text in Latin 1", strings.Repeat("Zugriff verweigert f\xfcr alle ", 10), "end record", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := []byte(tt.text)
			_, err := archive.Open(bytes.NewReader(b), int64(len(b)), archive.DefaultLimits())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			var r *refusal.Refusal
			if !errors.As(err, &r) || !strings.Contains(r.Cure(), tt.cure) {
				t.Errorf("got %v, want the cure %q", err, tt.cure)
			}
		})
	}
}
