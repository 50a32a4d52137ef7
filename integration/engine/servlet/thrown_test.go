package servlet_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

// TestEveryErrorHasItsClass holds each error of the domain to the class and the words that a publisher of each
// line gets for it.
func TestEveryErrorHasItsClass(t *testing.T) {
	var number int64 = 20121
	for _, tt := range []struct {
		err      *content.Error
		old, now string // class in 6.2 and from 7.0 on, without com.liferay.
		words    string
	}{
		{content.Errorf(content.NoSite, "x%.0d", number), "portal.NoSuchGroupException", "portal.kernel.exception.NoSuchGroupException",
			"No Group exists with the primary key 20121"},
		{content.Errorf(content.NoSiteNamed, "x%.0d%.0s", number, "a=b}"), "portal.NoSuchGroupException", "portal.kernel.exception.NoSuchGroupException",
			"No Group exists with the key {companyId=20121, groupKey=a=b}}"},
		{content.Errorf(content.NoPermission, "x%.0d%.0s%.0d", int64(7), "UPDATE", number), "portal.security.auth.PrincipalException",
			"portal.kernel.security.auth.PrincipalException",
			"User 7 must have UPDATE permission for com.liferay.portal.kernel.model.Group 20121"},
		{content.Errorf(content.NotInLibrary, "an asset library has no page"), "portal.LARTypeException", "exportimport.kernel.exception.LARTypeException",
			"an asset library has no page"},
		{content.Errorf(staging.NoPage, "x%.0s%.0d%.0t", "u", number, true), "portal.NoSuchLayoutException",
			"portal.kernel.exception.NoSuchLayoutException", "No Layout exists with the key {uuid=u, groupId=20121, privateLayout=true}"},
		{content.Errorf(staging.NoPageID, "x%.0d", number), "portal.NoSuchLayoutException", "portal.kernel.exception.NoSuchLayoutException",
			"No Layout exists with the primary key 20121"},
		{content.Errorf(staging.NoRequest, "x%.0d", number), "portlet.documentlibrary.NoSuchFolderException",
			"document.library.kernel.exception.NoSuchFolderException", "No DLFolder exists with the primary key 20121"},
		{content.Errorf(staging.NoConfiguration, "x"), "portal.kernel.exception.SystemException", "portal.kernel.exception.SystemException",
			"Export import configuration without a settings map"},
		{content.Errorf(staging.NoPortlet, "x"), "portal.PortletIdException", "portal.kernel.exception.PortletIdException", "Invalid portlet id"},
		{content.Errorf(lar.BadManifest, "manifest.xml is not there"), "portal.LARFileException", "exportimport.kernel.exception.LARFileException",
			"manifest.xml is not there"},
		{content.Errorf(lar.BadEntry, "%s", "100%d"), "portal.LARFileException", "exportimport.kernel.exception.LARFileException", "100%d"},
		{content.Errorf(lar.WrongBuild, "x%.0d%.0s", 6210, "7413"), "portal.LayoutImportException", "exportimport.kernel.exception.LayoutImportException",
			"LAR build number 6210 does not match portal build number 7413"},
		{content.Errorf(lar.WrongSchema, "x%.0s%.0s", "9.0.0", "4.0.0"), "portal.LayoutImportException",
			"exportimport.kernel.exception.LayoutImportException",
			"LAR schema version 9.0.0 does not match deployed export/import schema version 4.0.0"},
		{content.Errorf(lar.WrongType, "x%.0s%.0s", "%s", "a, b"), "portal.LARTypeException", "exportimport.kernel.exception.LARTypeException",
			"LAR type %s is none of a, b"},
		{content.Errorf(lar.TemplateOnly, "x"), "portal.LARTypeException", "exportimport.kernel.exception.LARTypeException",
			"A template can only be imported to a template"},
		{content.Errorf(lar.NotPortlet, "x%.0s", "layout-set"), "portal.LARTypeException", "exportimport.kernel.exception.LARTypeException",
			"LAR type layout-set is not portlet"},
		{content.Errorf(lar.WrongPortlet, "x%.0s%.0s", "8", "15"), "portal.PortletIdException", "portal.kernel.exception.PortletIdException",
			"Invalid portlet id 8, expected 15"},
		{content.Errorf(lar.NoDataHandler, "x%.0s", "com_acme"), "portal.PortletDataException",
			"exportimport.kernel.exception.MissingPortletDataHandlerException", "No portlet data handler for com_acme"},
		{content.Errorf(lar.WrongPortletSchema, "x%.0s%.0s%.0s", "3.0.0", "8", "2.0.0"), "portal.LayoutImportException",
			"exportimport.kernel.exception.LayoutImportException",
			"Schema version 3.0.0 of 8 in the LAR is not valid for the deployed version 2.0.0"},
		{content.Errorf(lar.NoLocale, "x%.0s%.0s%.0s", "xx", "xx,en", "en"), "portal.LocaleException", "portal.kernel.exception.LocaleException",
			"Locale xx is not available: the LAR has xx,en, the site has en"},
		{content.Errorf(lar.NoTemplate, "x%.0s", "u"), "portal.LayoutPrototypeException", "portal.kernel.exception.LayoutPrototypeException",
			"Missing site template u"},
	} {
		for line, class := range map[string]string{"6.2": tt.old, "7.0": tt.now, "7.1": tt.now, "7.2": tt.now, "7.3": tt.now, "7.4": tt.now} {
			x, known := servlet.Translate(line, fmt.Errorf("publish: %w", tt.err))
			if !known || x.Class != "com.liferay."+class || x.Message != tt.words || x.Type != 0 {
				t.Errorf("%s in %s: got %+v, want %s: %s", tt.err.Code, line, x, class, tt.words)
			}
		}
	}
}

// TestAuthExceptionsCarryTheirType: a client tells a stranger from a wrong secret by a number.
func TestAuthExceptionsCarryTheirType(t *testing.T) {
	for line, want := range map[string]string{"6.2": "", "7.0": "Unable to find user a%db", "7.4": "Unable to find user a%db"} {
		x, known := servlet.Translate(line, content.Errorf(content.NoUser, "no user %s", "a%db"))
		if !known || x.Type != 1 || x.Message != want {
			t.Errorf("%s: %+v, want type 1 with %q", line, x, want)
		}
	}
}

// TestWhatIsNoErrorOfTheDomain is left to the caller, whatever is in it.
func TestWhatIsNoErrorOfTheDomain(t *testing.T) {
	for _, err := range []error{nil, errors.New("disk full"), content.NoSite, servlet.ErrUnknownMethod,
		content.Errorf(content.Taken, "there"), content.Errorf(content.BadItem, "bad"), content.Errorf(content.NoItem, "none"),
		content.Errorf("", ""), content.Errorf("no-site ", "x")} {
		for _, line := range []string{"6.2", "7.4", ""} {
			if x, known := servlet.Translate(line, err); known || x != nil {
				t.Errorf("%v in %q is thrown as %+v", err, line, x)
			}
		}
	}
}

func TestWordsOfAnException(t *testing.T) {
	for _, tt := range []struct {
		x    servlet.Exception
		want string
	}{
		{servlet.Exception{Class: "a.B", Message: "why"}, "a.B: why"}, {servlet.Exception{Class: "a.B"}, "a.B"}, {servlet.Exception{}, ""},
	} {
		if got := tt.x.Error(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.x, got, tt.want)
		}
	}
}
