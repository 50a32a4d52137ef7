package engine

import "fmt"

// Exception is what a call throws: a class of the line and its message. The wire writes it in the line's profile.
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

// names of a class before and after the packages were moved in 7.0.
type classNames struct{ old, now string }

// The exceptions that this engine throws.
var (
	principal           = classNames{"com.liferay.portal.security.auth.PrincipalException", "com.liferay.portal.kernel.security.auth.PrincipalException"}
	remoteAuth          = classNames{"com.liferay.portal.security.auth.RemoteAuthException", "com.liferay.portal.kernel.security.auth.RemoteAuthException"}
	noSuchGroup         = classNames{"com.liferay.portal.NoSuchGroupException", "com.liferay.portal.kernel.exception.NoSuchGroupException"}
	noSuchLayout        = classNames{"com.liferay.portal.NoSuchLayoutException", "com.liferay.portal.kernel.exception.NoSuchLayoutException"}
	noSuchFolder        = classNames{"com.liferay.portlet.documentlibrary.NoSuchFolderException", "com.liferay.document.library.kernel.exception.NoSuchFolderException"}
	duplicateFile       = classNames{"com.liferay.portlet.documentlibrary.DuplicateFileException", "com.liferay.document.library.kernel.exception.DuplicateFileEntryException"}
	system              = classNames{"com.liferay.portal.kernel.exception.SystemException", "com.liferay.portal.kernel.exception.SystemException"}
	portal              = classNames{"com.liferay.portal.kernel.exception.PortalException", "com.liferay.portal.kernel.exception.PortalException"}
	checksum            = classNames{"com.liferay.portal.kernel.exception.SystemException", "com.liferay.exportimport.kernel.exception.ExportImportIOException"}
	larFile             = classNames{"com.liferay.portal.LARFileException", "com.liferay.exportimport.kernel.exception.LARFileException"}
	larType             = classNames{"com.liferay.portal.LARTypeException", "com.liferay.exportimport.kernel.exception.LARTypeException"}
	layoutImport        = classNames{"com.liferay.portal.LayoutImportException", "com.liferay.exportimport.kernel.exception.LayoutImportException"}
	layoutPrototype     = classNames{"com.liferay.portal.LayoutPrototypeException", "com.liferay.portal.kernel.exception.LayoutPrototypeException"}
	locale              = classNames{"com.liferay.portal.LocaleException", "com.liferay.portal.kernel.exception.LocaleException"}
	portletID           = classNames{"com.liferay.portal.PortletIdException", "com.liferay.portal.kernel.exception.PortletIdException"}
	missingPortletData  = classNames{"com.liferay.portal.PortletDataException", "com.liferay.exportimport.kernel.exception.MissingPortletDataHandlerException"}
	authTypeInternal    = 1
	authTypeWrongSecret = 101
)

// throw returns the exception of that class in the engine's line.
func (e *Engine) throw(c classNames, format string, args ...any) *Exception {
	class := c.now
	if e.cfg.Line == "6.2" {
		class = c.old
	}
	return &Exception{Class: class, Message: fmt.Sprintf(format, args...)}
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

func (e *Engine) noGroup(site int64) *Exception {
	return e.throw(noSuchGroup, "No Group exists with the primary key %d", site)
}

func (e *Engine) noPermission(user int64, action string, site int64) *Exception {
	return e.throw(principal, "User %d must have %s permission for com.liferay.portal.kernel.model.Group %d", user, action, site)
}

func (e *Engine) noRequest(id int64) *Exception {
	return e.throw(noSuchFolder, "No DLFolder exists with the primary key %d", id)
}
