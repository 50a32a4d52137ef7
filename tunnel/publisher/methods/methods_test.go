package methods_test

import (
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
)

func TestFind(t *testing.T) {
	const (
		old   = "com.liferay.portal.service."
		now   = "com.liferay.portal.kernel.service."
		stage = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
	)
	for _, tt := range []struct {
		build, name   string
		args          int
		service, last string // the last parameter; service empty: not there
		returns       string
	}{
		{"6.2", "publishStagingRequest", 3, old + "StagingServiceUtil", "java.util.Map", "void"},
		{"7.0", "publishStagingRequest", 3, stage, "java.util.Map", "com.liferay.exportimport.kernel.lar.MissingReferences"},
		{"7.2", "publishStagingRequest", 3, stage, "java.util.Map", "com.liferay.exportimport.kernel.lar.MissingReferences"},
		{"7.3", "publishStagingRequest", 3, "", "", ""},
		{"6.2", "publishStagingRequest", 2, "", "", ""},
		{"7.4.3.112", "publishStagingRequest", 2, stage, "com.liferay.exportimport.kernel.model.ExportImportConfiguration",
			"com.liferay.exportimport.kernel.lar.MissingReferences"},
		{"6.2", "validateStagingRequest", 3, old + "StagingServiceUtil", "java.util.Map",
			"com.liferay.portal.kernel.lar.MissingReferences"},
		{"7.3", "validateStagingRequest", 3, "", "", ""},
		{"6.2", "getGroup", 1, old + "GroupServiceUtil", "long", "com.liferay.portal.model.Group"},
		{"7.0", "getGroup", 2, now + "GroupServiceUtil", "java.lang.String", "com.liferay.portal.kernel.model.Group"},
		{"6.2", "hasRemoteLayout", 3, "", "", ""},
		{"7.0", "hasRemoteLayout", 3, "", "", ""},
		{"7.1", "hasRemoteLayout", 3, stage, "boolean", "boolean"},
		{"7.4.3.51", "createStagingRequest", 1, "", "", ""},
		{"7.1", "deleteGroup", 1, "", "", ""},
		{"", "getGroup", 1, now + "GroupServiceUtil", "long", "com.liferay.portal.kernel.model.Group"},
	} {
		t.Run(tt.build+" "+tt.name, func(t *testing.T) {
			m, returns, err := methods.Find(tt.build, tt.name, tt.args)
			if tt.service == "" {
				if err == nil || !strings.Contains(err.Error(), tt.build) || !strings.Contains(err.Error(), tt.name) {
					t.Errorf("got %s, %v; want an error that names both", m.Signature(), err)
				}
				return
			}
			if err != nil || m.Service != tt.service || m.Parameters[len(m.Parameters)-1] != tt.last || returns != tt.returns {
				t.Errorf("got %s, returns %s, %v", m.Signature(), returns, err)
			}
		})
	}
}

// TestFindIsOneOnly holds what Find promises: no build has a name twice with as many arguments. A caller
// cannot change the list either.
func TestFindIsOneOnly(t *testing.T) {
	for _, build := range liferay.Builds() {
		all := methods.Declared(build)
		if len(all) == 0 {
			t.Fatalf("build %s has no calls", build)
		}
		seen := map[string]string{}
		for signature, returns := range all {
			name, list, _ := strings.Cut(signature, "(")
			name = name[strings.LastIndexAny(name, ".#")+1:]
			args := 0
			if list != ")" {
				args = strings.Count(list, ",") + 1
			}
			key := name + strings.Repeat("*", args)
			if was := seen[key]; was != "" {
				t.Errorf("build %s: %s and %s", build, was, signature)
			}
			seen[key] = signature
			m, found, err := methods.Find(build, name, args)
			if err != nil || m.Signature() != signature || found != returns {
				t.Errorf("build %s: %s finds %s, %v", build, signature, m.Signature(), err)
			}
			if args > 0 {
				m.Parameters[0] = "changed"
			}
		}
		for signature := range methods.Declared(build) {
			if strings.Contains(signature, "changed") {
				t.Errorf("a caller changed %s", signature)
			}
		}
	}
}

// TestRepeatable holds: what counts, publishes or appends is never sent twice by itself, and neither is
// what the list does not know.
func TestRepeatable(t *testing.T) {
	for name, want := range map[string]bool{
		"checkRemoteStagingGroup": true, "getGroup": true, "createStagingRequest": true, "cleanUpStagingRequest": true,
		"updateStagedPortlets": true, "hasRemoteLayout": true, "getDefaultPlid": true,
		"enableStaging": false, "disableStaging": false, "updateStagingRequest": false,
		"validateStagingRequest": false, "publishStagingRequest": false,
		"deleteGroup": false, "": false, "GETGROUP": false,
	} {
		if got := methods.Repeatable(name); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
}

// TestNoBuildSpeaksTheNamesOfAnother holds for services and types alike.
func TestNoBuildSpeaksTheNamesOfAnother(t *testing.T) {
	for _, build := range liferay.Builds() {
		for signature, returns := range methods.Declared(build) {
			s := signature + " " + returns
			old := strings.Contains(s, "com.liferay.portal.service.") || strings.Contains(s, "com.liferay.portal.model.")
			kernel := strings.Contains(s, "com.liferay.exportimport.") || strings.Contains(s, "com.liferay.portal.kernel.service.") ||
				strings.Contains(s, "com.liferay.portal.kernel.model.")
			if old == kernel || old != (build == liferay.Line62) {
				t.Errorf("build %s: %s", build, s)
			}
		}
	}
}
