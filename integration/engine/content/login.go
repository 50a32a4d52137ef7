package content

import "strconv"

// LoginBy is what of a user its login is made of, as a company decides it for all of its users.
type LoginBy string

// The kinds of logins. The zero LoginBy is ByMail.
const (
	ByMail       LoginBy = "mail"
	ByScreenName LoginBy = "screen-name"
	ByID         LoginBy = "id"
)

// Valid reports whether there is such a kind.
func (b LoginBy) Valid() bool { return b == "" || b == ByMail || b == ByScreenName || b == ByID }

// Login returns the login of a user.
func (b LoginBy) Login(u User) string {
	switch b {
	case ByScreenName:
		return u.ScreenName
	case ByID:
		return strconv.FormatInt(u.ID, 10)
	}
	return u.Email
}
