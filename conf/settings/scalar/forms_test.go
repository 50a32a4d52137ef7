package scalar_test

import (
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// leaves are the types whose text has a form.
var leaves = []reflect.Type{
	reflect.TypeFor[scalar.Size](), reflect.TypeFor[scalar.Rate](), reflect.TypeFor[time.Duration](), reflect.TypeFor[bool](), reflect.TypeFor[int](),
	reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[*url.URL](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[string](), reflect.TypeFor[scalar.Path](),
}

func typeNamed(t *testing.T, name string) reflect.Type {
	t.Helper()
	for _, l := range leaves {
		if l.String() == name {
			return l
		}
	}
	t.Fatalf("no type %s", name)
	return nil
}

// What is shown of a value makes that value again: an operator copies it from one into the other.
func TestShownIsRead(t *testing.T) {
	for _, tt := range []struct{ typ, in string }{
		{"scalar.Size", "0"}, {"scalar.Size", "1"}, {"scalar.Size", "1025"}, {"scalar.Size", "1536KiB"}, {"scalar.Size", "10MB"}, {"scalar.Size", "8388607TiB"}, {"scalar.Size", "9223372036854775807"},
		{"scalar.Rate", "0"}, {"scalar.Rate", "0/h"}, {"scalar.Rate", "1/h"}, {"scalar.Rate", "7/h"}, {"scalar.Rate", "49/h"}, {"scalar.Rate", "1000/h"}, {"scalar.Rate", "4294967295/h"}, {"scalar.Rate", "4294967295/s"}, {"scalar.Rate", "7/m"}, {"scalar.Rate", "601/m"}, {"scalar.Rate", "4294967291/m"},
		{"time.Duration", "0s"}, {"time.Duration", "1ns"}, {"time.Duration", "1.5s"}, {"time.Duration", "10m0s"}, {"time.Duration", "20m"}, {"time.Duration", "100h"}, {"time.Duration", "1h0m1s"}, {"time.Duration", "7d"}, {"time.Duration", "65535d"}, {"time.Duration", "0d"}, {"time.Duration", "2562047h47m16.854775807s"},
		{"bool", "true"}, {"bool", "false"}, {"int", "-1"}, {"int", "2147483647"},
		{"netip.AddrPort", ":0"}, {"netip.AddrPort", "[::ffff:1.2.3.4]:1"}, {"netip.AddrPort", "[fe80::1%eth0]:8443"},
		{"*url.URL", "https://live.example.com/ctx"}, {"*url.URL", "http://[::1]:80"}, {"*url.URL", "http://a_b:1"},
		{"string", " a "}, {"scalar.Path", "./a b"}, {"netip.Prefix", "10.0.0.0/8"},
	} {
		t.Run(tt.typ+" "+tt.in, func(t *testing.T) {
			typ := typeNamed(t, tt.typ)
			v, err := scalar.Parse(typ, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			shown := scalar.Show(v.Interface())
			again, err := scalar.Parse(typ, shown)
			if err != nil || !reflect.DeepEqual(again.Interface(), v.Interface()) {
				t.Errorf("shown as %s, which is %v, %v", shown, again, err)
			}
		})
	}
}

// Every rate that can be written can be shown: a division that was not exact showed 31/m in a form that is not read.
func TestEveryRateIsShownAsWritten(t *testing.T) {
	for _, unit := range []string{"/s", "/m", "/h"} {
		for n := range 20000 {
			in := scalar.Show(n) + unit
			v, err := scalar.Parse(reflect.TypeFor[scalar.Rate](), in)
			if err != nil {
				t.Fatal(err)
			}
			again, err := scalar.Parse(reflect.TypeFor[scalar.Rate](), scalar.Show(v.Interface()))
			if err != nil || again.Float() != v.Float() {
				t.Fatalf("%s is shown as %s, which is %v, %v", in, scalar.Show(v.Interface()), again, err)
			}
		}
	}
}

func TestRefusedForms(t *testing.T) {
	for _, tt := range []struct{ typ, in, want string }{
		{"scalar.Size", "10 apples", "is not a size"}, {"scalar.Size", "1,5MiB", "is not a size"}, {"scalar.Size", "1mib", "is not a size"}, {"scalar.Size", "٣MiB", "is not a size"}, {"scalar.Size", "1_000", "is not a size"}, {"scalar.Size", "9223372036854775807B0", "is not a size"}, {"scalar.Size", "9007199254740993KiB", "is not a size"},
		{"scalar.Rate", "4294967296/s", "is not a rate"}, {"scalar.Rate", "1.5/s", "is not a rate"}, {"scalar.Rate", "20 /s/s", "is not a rate"}, {"scalar.Rate", "NaN/s", "is not a rate"}, {"scalar.Rate", "Inf", "is not a rate"},
		{"time.Duration", "65536d", "is not a duration"}, {"time.Duration", "-7d", "is not a duration"}, {"time.Duration", "1w", "is not a duration"}, {"time.Duration", "1e3s", "is not a duration"}, {"time.Duration", "9223372036855s", "is not a duration"}, {"time.Duration", " 1s", "is not a duration"}, {"time.Duration", "-0.5s", "is not a duration"},
		{"bool", "1", "is neither"}, {"bool", "TRUE", "is neither"}, {"bool", "on", "is neither"}, {"bool", "", "is neither"},
		{"int", "2147483648", "is not a whole number"}, {"int", "1_000", "is not a whole number"}, {"int", "0x1F", "is not a whole number"}, {"int", "", "is not a whole number"},
		{"netip.AddrPort", "0.0.0.0", "is not an address with a port"}, {"netip.AddrPort", "::1:8443", "is not an address with a port"}, {"netip.AddrPort", ":65536", "is not an address with a port"}, {"netip.AddrPort", ":http", "is not an address with a port"}, {"netip.AddrPort", "", "is not an address with a port"}, {"netip.AddrPort", ":", "is not an address with a port"},
		{"*url.URL", "http://me:s3cret@live", "has a login in it"}, {"*url.URL", "http://me@live", "has a login in it"}, {"*url.URL", "javascript:alert(1)", "is not a URL"}, {"*url.URL", "http://a\nb", "is not a URL"}, {"*url.URL", "unix:///run/x", "is not a URL"},
		{"*url.URL", "http://.", "has no host, or one"}, {"*url.URL", "http://-a", ""}, {"*url.URL", "http://a.", "has no host, or one"}, {"*url.URL", "http://ä.de", "has no host, or one"}, {"*url.URL", "http://a:+1", "is not a URL"}, {"*url.URL", "http://" + strings.Repeat("a", 254), "has no host, or one"},
		{"netip.Prefix", "10.0.0.0", ""}, {"netip.Prefix", "10.0.0.0/33", ""},
	} {
		t.Run(tt.typ+" "+tt.in, func(t *testing.T) {
			v, err := scalar.Parse(typeNamed(t, tt.typ), tt.in)
			if tt.want == "" {
				return // only that it does not panic, and is read in one way or refused
			}
			if err == nil {
				t.Fatalf("it is taken for %v", v)
			}
			if !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("it says %q, want %q", err, tt.want)
			}
		})
	}
}

func TestIs(t *testing.T) {
	for _, l := range append(leaves, reflect.TypeFor[scalar.Secret](), reflect.TypeFor[netip.Addr]()) {
		if !scalar.Is(l) {
			t.Errorf("%s is no leaf", l)
		}
	}
	for _, l := range []reflect.Type{reflect.TypeFor[struct{}](), reflect.TypeFor[[]string](), reflect.TypeFor[float64](), reflect.TypeFor[int64](), reflect.TypeFor[url.URL]()} {
		if l != reflect.TypeFor[url.URL]() && scalar.Is(l) {
			t.Errorf("%s is a leaf", l)
		}
	}
}

// TestAnEmptyAddressIsNone: netip reads nothing as its zero value, which is shown as "invalid Prefix".
func TestAnEmptyAddressIsNone(t *testing.T) {
	for _, l := range []reflect.Type{reflect.TypeFor[netip.Prefix](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.AddrPort]()} {
		if v, err := scalar.Parse(l, ""); err == nil {
			t.Errorf("%s: %v", l, v)
		}
	}
}

// A secret is shown masked, and one that is not set as nothing: an operator sees which of the two it is.
func TestShowOfASecret(t *testing.T) {
	for in, want := range map[string]string{"": "", "hunter2": "***", "***": "***", " ": "***"} {
		v, err := scalar.Parse(reflect.TypeFor[scalar.Secret](), in)
		if err != nil || scalar.Show(v.Interface()) != want {
			t.Errorf("%q is shown as %q, %v", in, scalar.Show(v.Interface()), err)
		}
	}
	if got := scalar.Show((*url.URL)(nil)); got != "" {
		t.Errorf("no URL is shown as %q", got)
	}
}

// FuzzForms: what a parser takes is shown in a form that it takes, with the same meaning, and what it
// refuses is not repeated.
func FuzzForms(f *testing.F) {
	for i := range leaves {
		for _, s := range []string{"", "1KiB", "7/h", "7d", "1h0m0s", "true", "12", ":8443", "https://a:1", "10.0.0.0/8", "s3cret"} {
			f.Add(i, s)
		}
	}
	f.Fuzz(func(t *testing.T, i int, text string) {
		if i < 0 || i >= len(leaves) {
			return
		}
		v, err := scalar.Parse(leaves[i], text)
		if err != nil {
			return
		}
		shown := scalar.Show(v.Interface())
		again, err := scalar.Parse(leaves[i], shown)
		if err != nil || scalar.Show(again.Interface()) != shown {
			t.Errorf("%s: %q is shown as %q, which is %v, %v", leaves[i], text, shown, again, err)
		}
	})
}
