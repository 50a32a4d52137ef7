package content

import (
	"errors"
	"fmt"
)

// Code names why a call could not be carried out. It is an error, for errors.Is.
type Code string

// Error returns the code itself.
func (c Code) Error() string { return string(c) }

// Why a look-up or a permission failed, each with the values that its Error carries.
const (
	NoSite       Code = "no-site"       // id
	NoSiteNamed  Code = "no-site-named" // company, name
	NoUser       Code = "no-user"       // login
	NoPermission Code = "no-permission" // user, action, site
)

// Why an author or an operator was refused, each with the values that its Error carries.
const (
	Taken        Code = "taken"          // what exists already
	NoItem       Code = "no-item"        // kind, uuid, site
	BadItem      Code = "bad-item"       // what is wrong with it
	NotInLibrary Code = "not-in-library" // kind
	Locked       Code = "locked"         // type, site, who holds the lock
)

// Error is a call that was not carried out for a reason of the domain. Any other error is the
// engine's own failure.
type Error struct {
	Code   Code
	Values []any // what Code documents

	text string
}

// Errorf returns the error of that code; format takes the values, in their order.
func Errorf(code Code, format string, values ...any) *Error {
	return &Error{Code: code, Values: values, text: fmt.Sprintf(format, values...)}
}

// Error says what failed with which values.
func (e *Error) Error() string { return e.text }

// Is reports whether target is the error's code.
func (e *Error) Is(target error) bool { return target == error(e.Code) }

// refused reports whether err is of the domain.
func refused(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

func noSite(id int64) *Error { return Errorf(NoSite, "no site %d", id) }
