package engine

import "fmt"

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

// Types of a RemoteAuthException.
const (
	authTypeInternal    = 1
	authTypeWrongSecret = 101
)

// throw returns the exception of that class in the engine's line.
func (e *Engine) throw(c classNames, format string, args ...any) *Exception {
	class := c.now
	if e.cfg.Line == "6.2" {
		class = c.old
	}
	return &Exception{Class: vendor + class, Message: fmt.Sprintf(format, args...)}
}

// unknownUser is what the verifier writes for a login that nobody here has; 6.2 gives no message.
func (e *Engine) unknownUser(login string) *Exception {
	x := e.throw(remoteAuth, "Unable to find user %s", login)
	x.Type = authTypeInternal
	if e.cfg.Line == "6.2" {
		x.Message = ""
	}
	return x
}

func (e *Engine) wrongSecret() *Exception {
	x := e.throw(remoteAuth, "")
	x.Type = authTypeWrongSecret
	return x
}

func (e *Engine) noGroup(site int64) *Exception {
	return e.throw(noSuchGroup, "No Group exists with the primary key %d", site)
}

func (e *Engine) noPermission(user int64, action string, site int64) *Exception {
	return e.throw(principal, "User %d must have %s permission for com.liferay.portal.kernel.model.Group %d",
		user, action, site)
}

func (e *Engine) noRequest(id int64) *Exception {
	return e.throw(noSuchFolder, "No DLFolder exists with the primary key %d", id)
}
