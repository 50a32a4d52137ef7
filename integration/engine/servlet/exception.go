package servlet

import (
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

// Exception is what a call throws: a class of the line and its message. The wire writes it in the
// line's profile.
type Exception struct {
	Class   string // fully qualified, in the packages of the engine's line
	Message string
	Type    int // the number that an authentication exception carries
}

// Error returns the class and the message, as a stack trace begins.
func (x *Exception) Error() string {
	if x.Message == "" {
		return x.Class
	}
	return x.Class + ": " + x.Message
}

// classNames are the names of a class before and after the packages were moved in 7.0, without what
// is common to all.
type classNames struct{ old, now string }

// vendor begins the name of every class.
const vendor = "com.liferay."

// The exceptions that this engine throws.
var (
	principal = classNames{
		"portal.security.auth.PrincipalException", "portal.kernel.security.auth.PrincipalException"}
	remoteAuth = classNames{
		"portal.security.auth.RemoteAuthException", "portal.kernel.security.auth.RemoteAuthException"}
	noSuchGroup = classNames{
		"portal.NoSuchGroupException", "portal.kernel.exception.NoSuchGroupException"}
	noSuchLayout = classNames{
		"portal.NoSuchLayoutException", "portal.kernel.exception.NoSuchLayoutException"}
	noSuchFolder = classNames{
		"portlet.documentlibrary.NoSuchFolderException", "document.library.kernel.exception.NoSuchFolderException"}
	duplicateFile = classNames{
		"portlet.documentlibrary.DuplicateFileException", "document.library.kernel.exception.DuplicateFileEntryException"}
	system = classNames{
		"portal.kernel.exception.SystemException", "portal.kernel.exception.SystemException"}
	checksum = classNames{
		"portal.kernel.exception.SystemException", "exportimport.kernel.exception.ExportImportIOException"}
	larFile = classNames{
		"portal.LARFileException", "exportimport.kernel.exception.LARFileException"}
	larType = classNames{
		"portal.LARTypeException", "exportimport.kernel.exception.LARTypeException"}
	layoutImport = classNames{
		"portal.LayoutImportException", "exportimport.kernel.exception.LayoutImportException"}
	layoutPrototype = classNames{
		"portal.LayoutPrototypeException", "portal.kernel.exception.LayoutPrototypeException"}
	locale = classNames{
		"portal.LocaleException", "portal.kernel.exception.LocaleException"}
	portletID = classNames{
		"portal.PortletIdException", "portal.kernel.exception.PortletIdException"}
	missingPortletData = classNames{
		"portal.PortletDataException", "exportimport.kernel.exception.MissingPortletDataHandlerException"}
)

// exceptions are what each line of the vendor throws in the place of an error of the domain, and in
// which words; without words, in those of the error itself.
var exceptions = map[content.Code]thrown{
	content.NoSite:      {class: noSuchGroup, words: "No Group exists with the primary key %d"},
	content.NoSiteNamed: {class: noSuchGroup, words: "No Group exists with the key {companyId=%d, groupKey=%s}"},
	content.NoPermission: {class: principal,
		words: "User %d must have %s permission for com.liferay.portal.kernel.model.Group %d"},
	content.NoUser:       {class: remoteAuth, words: "Unable to find user %s", number: authTypeInternal, old: silent},
	content.NotInLibrary: {class: larType},
	staging.NoPage: {class: noSuchLayout,
		words: "No Layout exists with the key {uuid=%s, groupId=%d, privateLayout=%t}"},
	staging.NoPageID:      {class: noSuchLayout, words: "No Layout exists with the primary key %d"},
	staging.NoRequest:     {class: noSuchFolder, words: "No DLFolder exists with the primary key %d"},
	staging.DuplicatePart: {class: duplicateFile, words: "A file entry already exists with title %s"},
	staging.WrongChecksum: {class: checksum,
		words: "Unable to process staging request %d because LAR file checksum is not %s",
		old:   "Invalid checksum for LAR file"},
	staging.NoConfiguration: {class: system, words: "Export import configuration without a settings map"},
	staging.NoPortlet:       {class: portletID, words: "Invalid portlet id"},
	staging.NotOnPage:       {class: portletID, words: "No application %s on the page %d"},
	lar.BadManifest:         {class: larFile},
	lar.BadArchive:          {class: larFile},
	lar.BadEntry:            {class: larFile},
	lar.WrongBuild:          {class: layoutImport, words: "LAR build number %d does not match portal build number %s"},
	lar.WrongSchema: {class: layoutImport,
		words: "LAR schema version %s does not match deployed export/import schema version %s"},
	lar.WrongType:     {class: larType, words: "LAR type %s is none of %s"},
	lar.TemplateOnly:  {class: larType, words: "A template can only be imported to a template"},
	lar.NotPortlet:    {class: larType, words: "LAR type %s is not portlet"},
	lar.WrongPortlet:  {class: portletID, words: "Invalid portlet id %s, expected %s"},
	lar.NoDataHandler: {class: missingPortletData, words: "No portlet data handler for %s"},
	lar.WrongPortletSchema: {class: layoutImport,
		words: "Schema version %s of %s in the LAR is not valid for the deployed version %s"},
	lar.NoLocale:   {class: locale, words: "Locale %s is not available: the LAR has %s, the site has %s"},
	lar.NoTemplate: {class: layoutPrototype, words: "Missing site template %s"},
}

// Types of a RemoteAuthException.
const (
	authTypeInternal    = 1
	authTypeWrongSecret = 101
)

// silent is a message of 6.2 that is none.
const silent = "-"

// thrown is a class and its message, a format of the error's values.
type thrown struct {
	class  classNames
	words  string
	old    string // words of 6.2, if it has others
	number int    // of a RemoteAuthException
}

// exception returns the class in the names of the line, with that message.
func (c classNames) exception(line, message string) *Exception {
	class := c.now
	if line == "6.2" {
		class = c.old
	}
	return &Exception{Class: vendor + class, Message: message}
}

// Translate returns what the line throws in the place of err, and reports whether err is an error of
// the domain.
func Translate(line string, err error) (*Exception, bool) {
	var e *content.Error
	if !errors.As(err, &e) {
		return nil, false
	}
	t, known := exceptions[e.Code]
	if !known {
		return nil, false
	}
	x := t.class.exception(line, t.message(line, e))
	x.Type = t.number
	return x, true
}

func (t thrown) message(line string, e *content.Error) string {
	switch {
	case line == "6.2" && t.old == silent:
		return ""
	case line == "6.2" && t.old != "":
		return t.old
	case t.words == "":
		return e.Error()
	}
	return fmt.Sprintf(t.words, e.Values...)
}

func wrongSecret(line string) *Exception {
	x := remoteAuth.exception(line, "")
	x.Type = authTypeWrongSecret
	return x
}
