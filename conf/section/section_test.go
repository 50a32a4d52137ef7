package section_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf/section"
	"github.com/stagelock/stagelock/conf/settings/scalar"
)

func TestSiteIsAnIDOrAny(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want section.Site
		bad  bool
	}{
		{"1", 1, false}, {"20143", 20143, false}, {"9223372036854775807", 9223372036854775807, false}, {"any", section.AnySite, false},
		{"007", 7, false}, {"", 0, true}, {"0", 0, true}, {"-1", 0, true}, {"+1", 0, true}, {"9223372036854775808", 0, true}, {"Any", 0, true},
		{" 1", 0, true}, {"1 ", 0, true}, {"1.0", 0, true}, {"0x10", 0, true}, {"1_000", 0, true}, {"guest", 0, true}, {"*", 0, true},
	} {
		var got section.Site
		err := got.UnmarshalText([]byte(tt.in))
		if (err != nil) != tt.bad || got != tt.want {
			t.Errorf("%q: %d, %v, want %d", tt.in, got, err, tt.want)
		}
		if err != nil && err.Error() != "is neither the group id of a site nor the word any" {
			t.Errorf("%q: %v", tt.in, err)
		}
	}
}

func TestASiteIsWrittenAsItIsRead(t *testing.T) {
	for _, s := range []section.Site{1, 20143, 9223372036854775807, section.AnySite} {
		var back section.Site
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("%d is written %q and read %d, %v", int64(s), s, back, err)
		}
	}
}

func TestWhatAPeerMayPublish(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sites []section.Site
		site  section.Site
		want  bool
	}{
		{"nothing, as nothing is listed", nil, 1, false}, {"one that is listed", []section.Site{7, 8}, 8, true}, {"one that is not", []section.Site{7, 8}, 9, false},
		{"any", []section.Site{section.AnySite}, 9, true}, {"any beside one", []section.Site{7, section.AnySite}, 9, true}, {"none of one", []section.Site{7}, 0, false},
	} {
		p := section.Peer{Sites: tt.sites}
		if got := p.MayPublish(tt.site); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
		if got, want := p.AnySite(), len(tt.sites) > 0 && tt.sites[len(tt.sites)-1] == section.AnySite; got != want {
			t.Errorf("%s: into any site: %t", tt.name, got)
		}
	}
}

func TestHostOfASite(t *testing.T) {
	u := section.Upstream{Host: "main", Hosts: []section.VirtualHost{{Host: "a", Sites: []section.Site{1, 2}}, {Host: "b", Sites: []section.Site{2, 3}}}}
	for site, want := range map[int64]string{1: "a", 2: "a", 3: "b", 4: "main", 0: "main", -1: "main"} {
		if got := u.HostOf(site); got != want {
			t.Errorf("site %d: %q, want %q", site, got, want)
		}
	}
	if got := (&section.Upstream{}).HostOf(1); got != "" {
		t.Errorf("without a host: %q", got)
	}
}

func key(text, algorithm string, hex bool) section.Key {
	return section.Key{Value: scalar.NewSecret(text), Algorithm: algorithm, Hex: hex}
}

// Keys are the same if they make the same tokens, wherever they stand.
func TestKeysThatAreTheSame(t *testing.T) {
	base := key("s", "AES", false)
	inFile := base
	inFile.File = "/etc/key"
	for _, tt := range []struct {
		name string
		o    section.Key
		want bool
	}{
		{"itself", base, true}, {"out of a file", inFile, true}, {"another text", key("t", "AES", false), false},
		{"another algorithm", key("s", "Blowfish", false), false}, {"in digits", key("s", "AES", true), false}, {"none", section.Key{}, false},
	} {
		if got := base.Same(tt.o); got != tt.want || tt.o.Same(base) != got {
			t.Errorf("%s: %t, the other way round %t", tt.name, got, tt.o.Same(base))
		}
		k := section.Keys{Key: key("new", "AES", false), Previous: base}
		if got := k.Take(tt.o); got != tt.want {
			t.Errorf("%s, as the previous one: taken %t", tt.name, got)
		}
		if k = (section.Keys{Key: base, Previous: key("old", "AES", false)}); k.Take(tt.o) != tt.want {
			t.Errorf("%s, as the present one: taken %t", tt.name, k.Take(tt.o))
		}
	}
}

// authority makes a PEM text with a certificate of that name.
func authority(t *testing.T, name string) string {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificatesOfAFile(t *testing.T) {
	a, b := authority(t, "a"), authority(t, "b")
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")}))
	private := strings.ReplaceAll(a, "CERTIFICATE", "PRIVATE KEY")
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil}, {"no PEM", "hello", nil}, {"one", a, []string{"a"}}, {"two", a + b, []string{"a", "b"}},
		{"words around", "mine:\n" + a + "\ntheirs:\n" + b + "end\n", []string{"a", "b"}}, {"a broken one between", a + broken + b, []string{"a", "b"}},
		{"a key of the same bytes", private, nil}, {"lines of Windows", strings.ReplaceAll(a, "\n", "\r\n"), []string{"a"}}, {"cut", a[:len(a)/2], nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range section.Certificates([]byte(tt.text)) {
				got = append(got, c.Subject.CommonName)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
			var u section.Upstream
			u.Trust([]byte(tt.text))
			if len(u.Authorities()) != len(tt.want) || (u.Roots() == nil) != (tt.text == "") {
				t.Errorf("%d authorities, roots %v", len(u.Authorities()), u.Roots())
			}
		})
	}
}

// An authority counts beside the system's: certificates of either are trusted.
func TestRootsTrustTheFileToo(t *testing.T) {
	var u section.Upstream
	u.Trust([]byte(authority(t, "inside the house")))
	own := u.Authorities()[0]
	if _, err := own.Verify(x509.VerifyOptions{Roots: u.Roots()}); err != nil {
		t.Error(err)
	}
	if _, err := own.Verify(x509.VerifyOptions{Roots: section.Roots([]byte(authority(t, "another")))}); err == nil {
		t.Error("a certificate of another authority is trusted")
	}
}

// Every setting says what it is for, in a sentence, and its name is one that a variable can have.
func TestEverySettingIsDescribed(t *testing.T) {
	for _, v := range []any{section.Cluster{}, section.TLS{}, section.Hosts{}, section.Peer{}, section.Key{}, section.Keys{}, section.Engine{}, section.Upstream{},
		section.Health{}, section.Liferay{}, section.Quota{}, section.Limits{}, section.Repeats{}, section.Requests{}, section.Audit{}, section.Admin{}, section.Log{},
		section.Sync{}, section.SyncEngine{}, section.SyncPeer{}, section.VirtualHost{}, section.Postgres{}, section.PostgresURL{}, section.ACME{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Anonymous || !f.IsExported() {
				continue
			}
			name, doc := f.Tag.Get("yaml"), f.Tag.Get("doc")
			if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" || !strings.HasSuffix(doc, ".") {
				t.Errorf("%s.%s: named %q, for %q", typ.Name(), f.Name, name, doc)
			}
		}
	}
}
