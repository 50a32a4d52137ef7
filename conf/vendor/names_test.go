package vendor

import "testing"

// The names and results are those of the vendor's own test of its decoder.
func TestDecodeLiferayName(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"nothing to decode", "LIFERAY_ABCDEF", "abcdef"},
		{"not closed", "LIFERAY_ABC_DEF", "abc_def"},
		{"names", "LIFERAY_ABC_COLON_D_COMMA__CARET_E_OPENBRACKET_F_CLOSEBRACKET__LOWERCASEG__UNDERLINE__UPPERCASEH_", "abc:d,^e[f]g_H"},
		{"numbers", "LIFERAY_ABC_58_D_44__94_E_91_F_93_", "abc:d,^e[f]"},
		{"unknown", "LIFERAY_ABC_XYZ_D_-1__DEF__GH", "abc_xyz_d_-1__def__gh"},
		{"the secret", "LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET", "tunneling.servlet.shared.secret"},
		{"the verifier's hosts", "LIFERAY_AUTH_PERIOD_VERIFIER_PERIOD__UPPERCASET_UNNELING_UPPERCASES_ERVLET_UPPERCASEA_UTH_UPPERCASEV_ERIFIER_PERIOD_HOSTS_PERIOD_ALLOWED",
			"auth.verifier.TunnelingServletAuthVerifier.hosts.allowed"},
		{"small letters in the name", "LIFERAY_a_period_b", "a.b"},
		{"no character", "LIFERAY_A_55296_B", "a_55296_b"},
		{"nothing", "LIFERAY_", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := decodeLiferayName(tt.in); got != tt.want || !ok {
				t.Errorf("decodeLiferayName(%q) = %q, %t, want %q", tt.in, got, ok, tt.want)
			}
		})
	}
	if _, ok := decodeLiferayName("HOME"); ok {
		t.Error("a foreign variable was decoded")
	}
}

func TestEncodeLiferayName(t *testing.T) {
	for _, k := range portalKeys {
		name := encodeLiferayName(k.name)
		if got, _ := decodeLiferayName(name); got != k.name {
			t.Errorf("%s → %s → %s", k.name, name, got)
		}
	}
	if got, want := encodeLiferayName(portalKeys[0].name), "LIFERAY_TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"7.4": "7.4", "2024.Q4": "7.4", "2025.q1.3": "7.4", "7.4.3.112": "7.4", "7.4-u92": "7.4", "7.4 u92": "7.4", "7.4.13": "7.4",
		"7.0.10": "7.0", "7.2 FP14": "7.2", "DXP 7.3": "7.3", "6.2 EE": "6.2", "6.2.5": "6.2", "Liferay DXP 2023.Q3": "7.4",
		"7.5": "7.5", "7": "7", "7.40": "7.40", "6.1.2": "6.1.2", "": "", "1999.Q1": "1999.Q1", "latest": "latest",
		"liferay/dxp:2024.q1.1": "7.4", "liferay/portal:7.4.3.112-ga112": "7.4", "docker.io/liferay/dxp:7.2.10-dxp-8": "7.2", "v7.4": "7.4",
		"portal-7.1.3-ga4": "7.1", "2027.Q1": "7.4", "2025.LTS": "7.4", "2022.Q4": "2022.Q4", "2024": "2024", "7413": "7.4", "6210": "6.2",
		"6110": "6110", "7510": "7510", "74130": "74130", "liferay/dxp:latest": "liferay/dxp:latest", "7.41": "7.41", ":": ":",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzLiferayName: the name made for a property that was decoded decodes to it again.
func FuzzLiferayName(f *testing.F) {
	f.Add("TUNNELING_PERIOD_SERVLET_PERIOD_SHARED_PERIOD_SECRET")
	f.Add("A__UPPERCASEH__58__XYZ_-1_")
	f.Fuzz(func(t *testing.T, s string) {
		key, ok := decodeLiferayName(liferayPrefix + s)
		if !ok {
			t.Fatal("not decoded")
		}
		for _, r := range key {
			if r == '\ufffd' {
				return // no text to begin with
			}
		}
		if again, _ := decodeLiferayName(encodeLiferayName(key)); again != key {
			t.Fatalf("%q → %q → %q", key, encodeLiferayName(key), again)
		}
	})
}
