package remote_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/remote"
)

// A staging site has the documentation's settings while staging is on; what the live site is known by
// stays afterwards.
func TestSettingsOfAStagingSite(t *testing.T) {
	p := newPair(t)
	live, err := p.live.Site(t.Context(), there)
	p.must(err)
	c := p.remote
	c.PathContext, c.Types, c.RemoteURL, c.VersionPublic = "", []content.Type{content.Pages, content.WebContent}, "https://www.example.com", true
	_, err = p.staging.Staging.Enable(t.Context(), login, here, c)
	p.must(err)
	got := p.settings()
	for key, want := range map[string]string{
		"staged": "true", "stagedRemotely": "true", "remoteAddress": "127.0.0.1", "remotePathContext": "",
		"remoteGroupId": "30001", "secureConnection": "false", "overrideRemoteSiteURL": "true",
		"remoteSiteURL": "https://www.example.com", "branchingPublic": "true", "branchingPrivate": "false",
		"remoteGroupUUID": live.UUID, "remoteGroupExternalReferenceCode": live.UUID,
		"staged-portlet_com_liferay_journal_web_portlet_JournalPortlet":                 "true",
		"staged-portlet_com_liferay_document_library_web_portlet_DLAdminPortlet":        "false",
		"staged-portlet_com_liferay_layout_admin_web_portlet_GroupPagesPortlet":         "true",
		"staged-portlet_com_liferay_asset_tags_admin_web_portlet_AssetTagsAdminPortlet": "false",
	} {
		if value, is := got[key]; !is || value != want {
			t.Errorf("%s is %q, want %q", key, value, want)
		}
	}
	_, err = p.staging.Staging.Disable(t.Context(), login, here, false)
	p.must(err)
	want := content.Settings{"remoteGroupUUID": live.UUID, "remoteGroupExternalReferenceCode": live.UUID}
	if diff := cmp.Diff(want, p.settings()); diff != "" {
		t.Errorf("after disable:\n%s", diff)
	}
}

func (p *pair) settings() content.Settings {
	p.Helper()
	s, err := p.staging.Site(p.Context(), here)
	p.must(err)
	return content.ParseSettings(s.Settings)
}

// Disabling that breaks leaves staging on and says so, or live is free; a second try ends it in any case,
// and live never counts less than nothing.
func TestDisableThatBreaks(t *testing.T) {
	for _, after := range []bool{false, true} {
		p := newPair(t)
		p.enable()
		p.faults.set(1, after)
		_, err := p.staging.Staging.Disable(t.Context(), login, here, false)
		if err == nil {
			t.Error("it did not break")
		}
		if _, on := p.staging.Staging.State(t.Context(), here); on != nil {
			t.Errorf("staging is off here, live counts %d: %v", p.attached(), on)
		}
		p.faults.set(0, false)
		_, err = p.staging.Staging.Disable(t.Context(), login, here, false)
		p.must(err)
		if _, off := p.staging.Staging.State(t.Context(), here); !errors.Is(off, remote.NotStaged) || p.attached() != 0 {
			t.Errorf("after the second try live counts %d, %v", p.attached(), off)
		}
	}
}
