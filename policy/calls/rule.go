package calls

import (
	"strconv"
	"strings"
)

// Kind is what a call does to the live engine. The zero Kind passes nothing.
type Kind uint8

// The kinds of calls.
const (
	_              Kind = iota
	Read                // changes nothing
	Create              // makes a staging request, or finds the one of the same site and checksum
	Update              // adds a part to a request
	Validate            // assembles the archive of a request and looks for missing references
	Publish             // imports the archive of a request
	CleanUp             // deletes a request and its parts
	Enable              // counts a staging site at a live site up
	Disable             // counts it down
	StagedPortlets      // sets which applications of a site are staged
	Event               // tells live how a publish goes; the gateway keeps it
)

var kinds = [...]string{"none", "read", "create", "update", "validate", "publish", "cleanUp", "enable", "disable",
	"stagedPortlets", "event"}

// String returns the kind in one word.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return kinds[0]
}

// Rule is one call that may pass, with the facts the gateway needs. It is not changed after
// NewPreset.
type Rule struct {
	Service, Method string
	Parameters      []string
	Returns         string // Java type of the answer; void: none
	Kind            Kind
	// Idempotent calls are simply carried out again when the client repeats them.
	Idempotent bool
	// Failover calls may go to another node once, when a node failed before a byte of its answer.
	Failover bool
	// Guarded calls must not be carried out twice: a repeat waits for the first one's answer or
	// gets it.
	Guarded bool
	// Long calls may take hours: they read or import a whole archive.
	Long bool

	sites    []int    // arguments that must be sites of the peer
	request  bool     // the first argument is a staging request
	decision Decision // when nothing speaks against the call
	checks   []check
}

// Void reports whether the call answers nothing.
func (r *Rule) Void() bool { return r.Returns == "void" }

// Signature returns service#method(type,type).
func (r *Rule) Signature() string {
	return r.Service + "#" + r.Method + "(" + strings.Join(r.Parameters, ",") + ")"
}

// RequestID returns the id of the staging request that the call names, and whether it names one.
func (r *Rule) RequestID(c Call) (int64, bool) {
	if !r.request {
		return 0, false
	}
	return integer(c.Args, 0)
}

// Site returns the site that the call itself names, and whether it names one. A call that names a
// staging request has the request's site, which the gateway knows.
func (r *Rule) Site(c Call) (int64, bool) {
	if len(r.sites) == 0 {
		return 0, false
	}
	return integer(c.Args, r.sites[0])
}

// Scope returns what a repeat of the call belongs to, such as request:20701 or site:20143, or
// nothing. An entry of one login ends with another of its calls that has the same scope.
func (r *Rule) Scope(c Call) string {
	if id, ok := r.RequestID(c); ok {
		return RequestScope(id)
	}
	if id, ok := r.Site(c); ok {
		return "site:" + strconv.FormatInt(id, 10)
	}
	return ""
}

// RequestScope returns the Scope of the calls that name that staging request.
func RequestScope(id int64) string { return "request:" + strconv.FormatInt(id, 10) }

func integer(args []any, i int) (int64, bool) {
	if i >= len(args) {
		return 0, false
	}
	n, ok := args[i].(int64)
	return n, ok
}

// meaning is what the jars do not say about a call.
type meaning struct {
	kind    Kind
	sites   []int // positions of the arguments that are sites
	company bool  // finds a site by company and name
}

// meanings says what each call does and which arguments name a site. The key leaves the package of
// the service out, which is the only difference between 6.2 and 7.x.
var meanings = map[string]meaning{
	"ClassNameServiceUtil#fetchByClassNameId(long)": {kind: Read},

	// Every build of 7.3, and 7.2 from a late one on, names the interface here instead of the utility
	// class that its servlet serves: live takes no notice of the call, and its client takes the empty
	// answer for a yes.
	"GroupService#checkRemoteStagingGroup(long)": {kind: Read, sites: []int{0}},

	"GroupServiceUtil#checkRemoteStagingGroup(long)":            {kind: Read, sites: []int{0}},
	"GroupServiceUtil#disableStaging(long)":                     {kind: Disable, sites: []int{0}},
	"GroupServiceUtil#enableStaging(long)":                      {kind: Enable, sites: []int{0}},
	"GroupServiceUtil#getGroup(long)":                           {kind: Read, sites: []int{0}},
	"GroupServiceUtil#getGroup(long,java.lang.String)":          {kind: Read, company: true},
	"GroupServiceUtil#getGroupDisplayURL(long,boolean,boolean)": {kind: Read, sites: []int{0}},
	"GroupServiceUtil#updateStagedPortlets(long,java.util.Map)": {kind: StagedPortlets, sites: []int{0}},

	"LayoutServiceUtil#getControlPanelLayoutPlid()":  {kind: Read},
	"LayoutServiceUtil#getDefaultPlid(long,boolean)": {kind: Read, sites: []int{0}},
	// The first is the group whose pages are searched, the second only the scope whose content is
	// looked for on them.
	"LayoutServiceUtil#getDefaultPlid(long,long,boolean,java.lang.String)":       {kind: Read, sites: []int{0}},
	"LayoutServiceUtil#getDefaultPlid(long,long,java.lang.String)":               {kind: Read, sites: []int{0}},
	"LayoutServiceUtil#getLayoutByUuidAndGroupId(java.lang.String,long,boolean)": {kind: Read, sites: []int{1}},
	"LayoutServiceUtil#getLayoutPlid(java.lang.String,long,boolean)":             {kind: Read, sites: []int{1}},
	"LayoutServiceUtil#hasLayout(java.lang.String,long,boolean)":                 {kind: Read, sites: []int{1}},
	"LayoutServiceUtil#hasPortletId(long,java.lang.String)":                      {kind: Read},

	"StagingServiceUtil#cleanUpStagingRequest(long)":                                                                 {kind: CleanUp},
	"StagingServiceUtil#createStagingRequest(long,java.lang.String)":                                                 {kind: Create, sites: []int{0}},
	"StagingServiceUtil#hasRemoteLayout(java.lang.String,long,boolean)":                                              {kind: Read, sites: []int{1}},
	"StagingServiceUtil#propagateExportImportLifecycleEvent(int,int,java.lang.String,java.util.List)":                {kind: Event},
	"StagingServiceUtil#publishStagingRequest(long,boolean,java.util.Map)":                                           {kind: Publish},
	"StagingServiceUtil#publishStagingRequest(long,com.liferay.exportimport.kernel.model.ExportImportConfiguration)": {kind: Publish},
	"StagingServiceUtil#updateStagingRequest(long,java.lang.String,[B)":                                              {kind: Update},
	"StagingServiceUtil#validateStagingRequest(long,boolean,java.util.Map)":                                          {kind: Validate},
}

// barred are calls that the vendor's client can make and that never pass, and why.
var barred = map[string]string{
	"StagingServiceUtil#enableLocalStaging(long,boolean,boolean,com.liferay.portal.kernel.service.ServiceContext)": "it" +
		" changes how the live site itself is staged, which is no part of publishing",
	"StagingServiceUtil#enableRemoteStaging(long,boolean,boolean,java.lang.String,int,java.lang.String,boolean,long," +
		"com.liferay.portal.kernel.service.ServiceContext)": "it makes the live server contact an address of the" +
		" caller's choice",
}

// meaningKey is the signature of a call without the package of its service.
func meaningKey(r row) string {
	service := r.Service[strings.LastIndexByte(r.Service, '.')+1:]
	return service + "#" + r.Method + "(" + strings.Join(r.Parameters, ",") + ")"
}

// traits is what a kind of call is like and what it has to satisfy beyond the checks of every call.
type traits struct {
	idempotent, failover, guarded, long, request bool
	decision                                     Decision
	checks                                       []check
}

// traitsOf is the policy in one table. A kind that is missing here has the decision Refuse.
var traitsOf = map[Kind]traits{
	Read:           {idempotent: true, failover: true, decision: Forward, checks: []check{sitesListed}},
	Create:         {idempotent: true, failover: true, decision: Forward, checks: []check{sitesListed, checksumForm}},
	Update:         {guarded: true, request: true, decision: Forward, checks: []check{requestOwned, requestLives, partForm, partFits}},
	Validate:       {guarded: true, long: true, request: true, decision: Forward, checks: []check{requestOwned, requestLives, importForm}},
	Publish:        {guarded: true, long: true, request: true, decision: Forward, checks: []check{requestOwned, requestLives, importForm}},
	CleanUp:        {idempotent: true, request: true, decision: Forward, checks: []check{requestGone, requestOwned}},
	Enable:         {guarded: true, decision: Forward, checks: []check{sitesListed}},
	Disable:        {guarded: true, decision: Forward, checks: []check{sitesListed}},
	StagedPortlets: {idempotent: true, decision: Forward, checks: []check{sitesListed, portletsForm}},
	Event:          {decision: AnswerVoid},
}

func newRule(r row, m meaning) *Rule {
	t := traitsOf[m.kind]
	rule := &Rule{
		Service: r.Service, Method: r.Method, Parameters: r.Parameters, Returns: r.Returns, Kind: m.kind,
		Idempotent: t.idempotent, Failover: t.failover, Guarded: t.guarded, Long: t.long,
		sites: m.sites, request: t.request, decision: t.decision, checks: t.checks,
	}
	if m.company {
		rule.checks = []check{companyWide}
	}
	return rule
}
