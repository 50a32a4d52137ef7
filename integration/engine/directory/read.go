package directory

import (
	"bufio"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/stagelock/stagelock/integration/engine/content"
)

// maxLine limits a line of a file, in bytes.
const maxLine = 64 << 10

// byteOrderMark stands in front of what editors on Windows save.
const byteOrderMark = "\ufeff"

// Problem is a place of a file that cannot be read, and what to do about it.
type Problem struct {
	Line      int
	Msg, Cure string
}

// Error returns the line and what is wrong there.
func (p *Problem) Error() string { return fmt.Sprintf("line %d: %s", p.Line, p.Msg) }

// Read returns the users of a file, LDIF or CSV as its first line shows. All problems are returned
// at once, joined, each a *Problem; then there are no users.
func Read(r io.Reader) ([]content.User, error) {
	b := bufio.NewReaderSize(r, maxLine)
	if mark, _ := b.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = b.Discard(len(mark)) // it was read
	}
	start, err := b.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) && len(start) == 0 {
		return nil, err
	}
	if strings.HasPrefix(string(start), "\xff\xfe") || strings.HasPrefix(string(start), "\xfe\xff") {
		return nil, &Problem{1, "the file is of UTF-16", "save it as UTF-8"}
	}
	read := readCSV
	if isLDIF(string(start)) {
		read = readLDIF
	}
	users, problems := read(b)
	problems = append(problems, twice(users)...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return plain(users), nil
}

// located is a user and the line where it stands.
type located struct {
	content.User
	line int
}

func plain(all []located) []content.User {
	var users []content.User
	for _, u := range all {
		users = append(users, u.User)
	}
	return users
}

// twice returns a problem for every login that stands in the file more than once.
func twice(all []located) (problems []error) {
	seen := map[string]int{}
	for _, u := range all {
		logins := []string{"address " + strings.ToLower(u.Email), "screen name " + u.ScreenName}
		if u.ID != 0 {
			logins = append(logins, "id "+strconv.FormatInt(u.ID, 10))
		}
		for _, login := range logins {
			if line, again := seen[login]; again && line != u.line {
				problems = append(problems, &Problem{u.line, fmt.Sprintf("the %s stands in line %d already", login, line),
					"leave one of them out"})
			}
			seen[login] = u.line
		}
	}
	return problems
}

// isLDIF reports whether the first line that says something is one of LDIF.
func isLDIF(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.ToLower(strings.TrimSpace(line))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		return strings.HasPrefix(line, "dn:") || strings.HasPrefix(line, "version:")
	}
	return false
}

// user completes and checks what a file says of a user.
func user(line int, email, screenName, id, admin string) (located, error) {
	u := located{line: line}
	if !utf8.ValidString(email) || !utf8.ValidString(screenName) {
		return u, &Problem{line, fmt.Sprintf("%q, %q is no UTF-8", email, screenName), "save the file as UTF-8"}
	}
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email {
		return u, &Problem{line, fmt.Sprintf("%q is no e-mail address", email), "give every user its address"}
	}
	u.Email, u.ScreenName = email, screenName
	if u.ScreenName == "" {
		u.ScreenName, _, _ = strings.Cut(email, "@")
	}
	if id != "" {
		if u.ID, err = strconv.ParseInt(id, 10, 64); err != nil || u.ID <= 0 {
			return u, &Problem{line, fmt.Sprintf("%q is no id", id), "an id is a number above 0; leave it out for the next one"}
		}
	}
	if admin != "" {
		if u.Admin, err = strconv.ParseBool(admin); err != nil {
			return u, &Problem{line, fmt.Sprintf("admin is %q", admin), "write true or false"}
		}
	}
	return u, nil
}

// columns are the names that a column of CSV may have, and what it holds.
var columns = map[string]string{
	"email": "email", "mail": "email", "email_address": "email", "emailaddress": "email",
	"screen_name": "screen_name", "screenname": "screen_name", "uid": "screen_name", "login": "screen_name",
	"id": "id", "user_id": "id", "userid": "id", "admin": "admin", "administrator": "admin",
}

func readCSV(r *bufio.Reader) (all []located, problems []error) {
	rows := csv.NewReader(r)
	rows.Comma = separator(r)
	rows.TrimLeadingSpace = true
	at, err := head(rows)
	if err != nil {
		return nil, []error{err}
	}
	for {
		row, err := rows.Read()
		switch {
		case errors.Is(err, io.EOF):
			return all, problems
		case errors.Is(err, csv.ErrFieldCount):
			problems = append(problems, &Problem{lineOf(err), "another number of columns than the first line", "quote what holds a comma"})
			continue
		case err != nil:
			return all, append(problems, &Problem{lineOf(err), err.Error(), "save the file as CSV again"})
		}
		get := func(column string) string {
			if i, found := at[column]; found {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		line, _ := rows.FieldPos(0)
		u, err := user(line, get("email"), get("screen_name"), get("id"), get("admin"))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		all = append(all, u)
	}
}

// separator is what parts the columns: a spreadsheet writes what the country it is set to has.
func separator(r *bufio.Reader) rune {
	start, _ := r.Peek(4096) // a file that cannot be read says so when it is
	first, _, _ := strings.Cut(string(start), "\n")
	for _, mark := range []rune{',', ';', '\t'} {
		if strings.ContainsRune(first, mark) {
			return mark
		}
	}
	return ','
}

// head reads the names of the columns and says where each is.
func head(rows *csv.Reader) (map[string]int, error) {
	names, err := rows.Read()
	if err != nil {
		return nil, &Problem{1, "no line with the names of the columns: " + err.Error(), "begin with email,screen_name"}
	}
	at := map[string]int{}
	for i, name := range names {
		c := columns[strings.ToLower(strings.TrimSpace(name))]
		if c == "" {
			continue
		}
		if before, twice := at[c]; twice {
			return nil, &Problem{1, fmt.Sprintf("the columns %s and %s are both the %s", names[before], name, c), "leave one of them out"}
		}
		at[c] = i
	}
	if _, found := at["email"]; !found {
		return nil, &Problem{1, "no column email", "begin with email,screen_name"}
	}
	return at, nil
}

func lineOf(err error) int {
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return bad.Line
	}
	return 0
}

// readLDIF reads entries: lines of name: value, parted by empty ones, where a line that begins with a
// blank goes on the one before. Entries without mail, such as units, are left out.
func readLDIF(r *bufio.Reader) (all []located, problems []error) {
	entry, begun := map[string]string{}, 0
	end := func() {
		if entry["mail"] != "" {
			u, err := user(begun, entry["mail"], entry["uid"], entry["uidnumber"], "")
			if err != nil {
				problems = append(problems, err)
			} else {
				all = append(all, u)
			}
		}
		entry, begun = map[string]string{}, 0
	}
	for _, l := range unfold(r, &problems) {
		if l.text == "" {
			end()
			continue
		}
		if begun == 0 {
			begun = l.line
		}
		name, value, err := attribute(l)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if name == "changetype" && !strings.EqualFold(value, "add") {
			problems = append(problems, &Problem{l.line, fmt.Sprintf("a change (%s), no user", value),
				"export the directory as it is, not what was changed in it"})
		}
		if entry[name] == "" {
			entry[name] = value
		}
	}
	end()
	return all, problems
}

type line struct {
	text string
	line int
}

// unfold joins lines that go on.
func unfold(r io.Reader, problems *[]error) (all []line) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	n, comment := 0, false
	for s.Scan() {
		n++
		text := strings.TrimSuffix(s.Text(), "\r")
		comment = strings.HasPrefix(text, "#") || comment && strings.HasPrefix(text, " ") // it goes on like others
		switch {
		case comment:
		case strings.HasPrefix(text, " ") && len(all) > 0 && all[len(all)-1].text != "":
			all[len(all)-1].text += text[1:]
		default:
			all = append(all, line{text, n})
		}
	}
	if err := s.Err(); err != nil {
		*problems = append(*problems, &Problem{n + 1, err.Error(), "no line is longer than 64 KiB"})
	}
	return all
}

// attribute reads name: value, or name:: value in base64.
func attribute(l line) (name, value string, err error) {
	name, value, found := strings.Cut(l.text, ":")
	name, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(name)), ";")
	if !found || name == "" {
		return "", "", &Problem{l.line, "no attribute: want name: value", "export the directory as LDIF again"}
	}
	if coded, is64 := strings.CutPrefix(value, ":"); is64 {
		if !slices.Contains([]string{"mail", "uid", "uidnumber"}, name) {
			return name, "", nil // a picture or a password is nobody's business here
		}
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(coded))
		if err != nil {
			return "", "", &Problem{l.line, name + " is no base64", "export the directory as LDIF again"}
		}
		return name, string(b), nil
	}
	return name, strings.TrimSpace(value), nil
}
