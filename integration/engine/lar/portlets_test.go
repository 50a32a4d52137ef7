package lar_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
)

const (
	journalApp = "com_liferay_journal_web_portlet_JournalPortlet"
	showing    = "com_liferay_journal_content_web_portlet_JournalContentPortlet"
)

func TestTypesOfApplications(t *testing.T) {
	for id, want := range map[string][2]content.Type{
		journalApp:                   {content.WebContent, content.WebContent},
		showing:                      {"", content.WebContent},
		showing + "_INSTANCE_abc":    {"", content.WebContent},
		journalApp + "_INSTANCE_abc": {content.WebContent, content.WebContent},
		"com_acme":                   {"", ""}, "": {"", ""},
	} {
		if got := [2]content.Type{lar.TypeOfPortlet(id), lar.CarriedBy(id)}; got != want {
			t.Errorf("%q has and carries %q, want %q", id, got, want)
		}
	}
}

// What live is told is read back as the types that were staged, whichever they are.
func TestStagedFlagsAndTypes(t *testing.T) {
	all := content.Types(false)
	for bits := range 1 << len(all) {
		var types []content.Type
		for i, of := range all {
			if bits>>i&1 == 1 {
				types = append(types, of)
			}
		}
		flags := lar.StagedFlags(types)
		if diff := cmp.Diff(types, lar.StagedTypes(flags)); diff != "" || len(flags) != len(all) {
			t.Errorf("%v: %d flags\n%s", types, len(flags), diff)
		}
	}
}
