package calls

import "strconv"

// Call is one remote call as the wire read it. Its values were checked for their classes and
// shapes, not for their meaning. Judge and the methods of Rule keep nothing of it and change
// nothing in it.
type Call struct {
	Service, Method string
	Parameters      []string // parameter types as Java prints them
	// Args are the arguments: int64 for Long and Integer, bool, string, nil, map[string]any (a Long
	// key in decimal), []any. The argument of the type byte[] is not looked at, PartSize stands for
	// it.
	Args         []any
	PartSize     int64          // bytes of the part of an updateStagingRequest, declared or counted
	HeaderLogin  string         // the login that the token was verified for
	BodyLogin    string         // the login of the principal in the body
	HasBodyLogin bool           // false: the principal's login is null or absent
	Settings     map[string]any // settings map of an ExportImportConfiguration argument; nil: null or absent
}

// Facts are what a call says, by name instead of by position: what is judged, kept, recorded and
// compared of it. A fact that the call does not have is zero.
type Facts struct {
	Site       int64             // that it names itself; a call that names a request has the request's
	Request    int64             // staging request that it names
	Checksum   string            // of the archive that a create announces
	Part       string            // name of the part of an update
	PartSize   int64             // bytes of it
	PartWidth  int               // digits that its name ends in
	Target     int64             // site that the settings of a publish name
	Page       int64             // page that a publish writes to
	SiteByName string            // name by which a site is looked up
	Event      map[string]string // what an event tells: code, flag, process
}

// Facts returns what the call says. It may be asked before the call is judged: arguments that do
// not fit are facts that it does not have.
func (r *Rule) Facts(c Call) Facts {
	if r == nil {
		return Facts{}
	}
	f := Facts{Site: integer(c.Args, r.site-1)}
	if r.request {
		f.Request = integer(c.Args, 0)
	}
	switch r.Kind {
	case Read:
		if r.company {
			f.SiteByName = text(c.Args, 1)
		}
	case Create:
		f.Checksum = text(c.Args, 1)
	case Update:
		f.Part, f.PartSize = text(c.Args, 1), c.PartSize
		f.PartWidth = digitsAtEnd(f.Part)
	case Publish:
		f.Target, _ = c.Settings[targetSite].(int64)
		f.Page, _ = c.Settings[targetPage].(int64)
	case Event:
		f.Event = map[string]string{
			"code": strconv.FormatInt(integer(c.Args, 0), 10), "flag": strconv.FormatInt(integer(c.Args, 1), 10),
			"process": text(c.Args, 2),
		}
	}
	return f
}

// Scope returns what a repeat of the call belongs to, such as request:20701 or site:20143, or
// nothing. An entry of one login ends with another of its calls that has the same scope.
func (f Facts) Scope() string {
	switch {
	case f.Request != 0:
		return RequestScope(f.Request)
	case f.Site != 0:
		return "site:" + strconv.FormatInt(f.Site, 10)
	}
	return ""
}

// RequestScope returns the scope of the calls of a staging request.
func RequestScope(id int64) string { return "request:" + strconv.FormatInt(id, 10) }

// integer returns the ith argument, or 0 if it is none.
func integer(args []any, i int) int64 {
	if i < 0 || i >= len(args) {
		return 0
	}
	n, _ := args[i].(int64)
	return n
}

// text returns the ith argument, or nothing if it is none.
func text(args []any, i int) string {
	if i >= len(args) {
		return ""
	}
	s, _ := args[i].(string)
	return s
}

// Learnt says what the id in an answer is.
type Learnt uint8

// What an answer teaches.
const (
	LearntNothing      Learnt = iota
	LearntRequest             // a staging request of Lesson.Site
	LearntPage                // a page of Lesson.Site
	LearntControlPanel        // the group of the control panel
)

// Lesson is what the answer of a call teaches: calls that come later may name its id.
type Lesson struct {
	Learnt Learnt
	Site   int64 // ControlPanel for its page
}

// Lesson returns what an answer to the call teaches, if it carries an id above 0. k is what the
// call was judged by.
func (r *Rule) Lesson(f Facts, k Known) Lesson {
	if r == nil || r.learns == LearntNothing || r.learns == LearntControlPanel && f.SiteByName != controlPanelName {
		return Lesson{}
	}
	site := f.Site
	if r.learns == LearntPage && (r.site == 0 || k.ControlPanel) {
		site = ControlPanel
	}
	return Lesson{r.learns, site}
}
