package control

import (
	"fmt"
	"mime"
	"net/mail"
	"regexp"
	"strings"
	"unicode"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// maxName limits the length of names and addresses, in bytes.
const maxName = 255

var (
	locale = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(_[A-Za-z0-9]+)?$`)
	action = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
)

func bad(format string, args ...any) error {
	return content.Errorf(content.BadItem, "%s", fmt.Sprintf(format, args...))
}

// named refuses a name that nobody could see.
func named(what, name string) error {
	if strings.TrimSpace(name) == "" {
		return bad("%s needs a name", what)
	}
	return nil
}

func friendlyURL(url string) error {
	if url == "" {
		return nil // made of the name
	}
	inside, rooted := strings.CutPrefix(url, "/")
	strange := func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`?#%\`, r)
	}
	if !rooted || inside == "" || strings.HasSuffix(url, "/") || strings.Contains(url, "//") ||
		strings.ContainsFunc(url, strange) || len(url) > maxName {
		return bad("the friendly URL %q is not valid: it begins with / and does not end with one, such as /contact, "+
			"and has no blank and none of ? # %% \\", url)
	}
	return nil
}

// check says what is wrong with a site as somebody typed it.
func (in NewSite) check() error {
	if in.ID < 0 {
		return bad("site %d: an id is above 0", in.ID)
	}
	what := "a site"
	if in.Library {
		what = "an asset library"
	}
	if err := named(what, in.Name); err != nil {
		return err
	}
	if strings.ContainsFunc(in.Name, unicode.IsControl) || len(in.Name) > maxName {
		return bad("the name %.300q has characters that cannot be printed, or more than %d bytes", in.Name, maxName)
	}
	for _, l := range in.Locales {
		if !locale.MatchString(l) {
			return bad("%q is no locale: want a language and perhaps a country, such as de_DE", l)
		}
	}
	return friendlyURL(in.FriendlyURL)
}

// check says what is wrong with a piece of content as somebody typed it.
func (in NewItem) check() error {
	if err := named(in.Kind.One(), in.Name); err != nil {
		return err
	}
	for _, check := range []func() error{in.ofPages, in.ofDocuments, in.parts, in.permitted} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// ofPages refuses for other kinds what only a page has.
func (in NewItem) ofPages() error {
	for _, only := range []struct {
		what string
		said bool
	}{{"can be private", in.Private}, {"has a friendly URL", in.FriendlyURL != ""}, {"holds applications", len(in.Portlets) > 0}} {
		if only.said && in.Kind != content.Page {
			return bad("only a page %s; this is %s", only.what, in.Kind.One())
		}
	}
	return friendlyURL(in.FriendlyURL)
}

func (in NewItem) ofDocuments() error {
	if in.MediaType == "" {
		return nil
	}
	if in.Kind != content.Document {
		return bad("only a document has a media type; this is %s", in.Kind.One())
	}
	if kind, _, err := mime.ParseMediaType(in.MediaType); err != nil || !strings.Contains(kind, "/") {
		return bad("%q is no media type, such as image/png", in.MediaType)
	}
	return nil
}

// parts looks at the names of what belongs to the item.
func (in NewItem) parts() error {
	for what, all := range map[string][]string{"a tag": in.Tags, "an application": in.Portlets} {
		for _, name := range all {
			if err := named(what, name); err != nil {
				return err
			}
		}
	}
	for _, r := range in.Refs {
		if content.TypeOf(r.Kind) == "" || strings.TrimSpace(r.UUID) == "" {
			return bad("%s:%s is no content that could be needed: want KIND:UUID", r.Kind, r.UUID)
		}
	}
	return nil
}

func (in NewItem) permitted() error {
	for role, actions := range in.Permissions {
		for _, a := range actions {
			if strings.TrimSpace(role) == "" || !action.MatchString(a) {
				return bad("%s=%s is no permission: want ROLE=ACTION, such as Guest=VIEW", role, a)
			}
		}
	}
	return nil
}

// check says what is wrong with a user as somebody typed it.
func (in User) check() error {
	if in.ID < 0 {
		return bad("user %d: an id is above 0", in.ID)
	}
	if a, err := mail.ParseAddress(in.Email); err != nil || a.Address != in.Email {
		return bad("%q is no e-mail address", in.Email)
	}
	if strings.TrimSpace(in.ScreenName) == "" || strings.ContainsFunc(in.ScreenName, unicode.IsControl) {
		return bad("%q is no screen name", in.ScreenName)
	}
	return nil
}
