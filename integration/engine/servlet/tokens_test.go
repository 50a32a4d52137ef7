package servlet_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestTokens(t *testing.T) {
	token := func(login string) string { return "t-" + login }
	for _, tt := range []struct {
		name, line, header, want string
	}{
		{"good", "7.4", basic("anna:t-anna"), "anna"},
		{"scheme in another case", "7.4", "bAsIc" + strings.TrimPrefix(basic("anna:t-anna"), "Basic"), "anna"},
		{"another's token", "7.4", basic("anna:t-bob"), ""},
		{"no token", "7.4", basic("anna:"), ""},
		{"no colon", "7.4", basic("anna"), ""},
		{"another scheme", "7.4", "Bearer " + basic("anna:t-anna"), ""},
		{"no base64", "7.4", "Basic ?", ""},
		{"nothing", "7.4", "", ""},
		{"encoded, from 7.0 on", "7.0", basic("a%2Bb:t-a+b"), "a+b"},
		{"encoded badly", "7.0", basic("a%2:t-a%2"), ""},
		{"raw in 6.2", "6.2", basic("a%2Bb:t-a%2Bb"), "a%2Bb"},
		{"a token with a colon", "7.4", basic("anna:t:anna"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := servlet.Tokens(tt.line, token)(tt.header)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// Every error of the domain that a call can meet is an exception of each line, with the vendor's class.
func TestTranslate(t *testing.T) {
	for _, tt := range []struct {
		err      *content.Error
		old, now string
	}{
		{content.Errorf(content.NoSite, "no site %d", int64(5)), "com.liferay.portal.NoSuchGroupException: No Group exists with the primary key 5",
			"com.liferay.portal.kernel.exception.NoSuchGroupException: No Group exists with the primary key 5"},
		{content.Errorf(content.NoUser, "no user %s", "a"), "com.liferay.portal.security.auth.RemoteAuthException",
			"com.liferay.portal.kernel.security.auth.RemoteAuthException: Unable to find user a"},
		{content.Errorf(staging.DuplicatePart, "part %s is there", "x.zip00"),
			"com.liferay.portlet.documentlibrary.DuplicateFileException: A file entry already exists with title x.zip00",
			"com.liferay.document.library.kernel.exception.DuplicateFileEntryException: A file entry already exists with title x.zip00"},
		{content.Errorf(staging.NotOnPage, "no %s on page %d", "app", int64(7)), "com.liferay.portal.PortletIdException: No application app on the page 7",
			"com.liferay.portal.kernel.exception.PortletIdException: No application app on the page 7"},
		{content.Errorf(staging.WrongChecksum, "%d is not %s", int64(1), "m"), "com.liferay.portal.kernel.exception.SystemException: Invalid checksum for LAR file",
			"com.liferay.exportimport.kernel.exception.ExportImportIOException: Unable to process staging request 1 because LAR file checksum is not m"},
		{content.Errorf(lar.BadArchive, "cut short"), "com.liferay.portal.LARFileException: cut short",
			"com.liferay.exportimport.kernel.exception.LARFileException: cut short"},
	} {
		for line, want := range map[string]string{"6.2": tt.old, "7.0": tt.now, "7.4": tt.now} {
			x, known := servlet.Translate(line, tt.err)
			if !known || x.Error() != want {
				t.Errorf("%s in %s: %v, want %s", tt.err.Code, line, x, want)
			}
		}
	}
	for _, err := range []error{errors.New("the disk is full"), content.Errorf(content.Locked, "locked")} {
		if x, known := servlet.Translate("7.4", err); known {
			t.Errorf("%v is thrown as %v", err, x)
		}
	}
}
