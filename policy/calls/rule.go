package calls

import (
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
	// Failover calls may go to another node once, when a node failed before a byte of its answer.
	Failover bool
	// Guarded calls must not be carried out twice: a repeat waits for the first one's answer or
	// gets it.
	Guarded bool

	site     int      // the argument, counted from 1, that must be a site of the peer; 0: none
	company  bool     // the second argument is the name of a site
	request  bool     // the first argument is a staging request
	learns   Learnt   // what the id in its answer is
	decision Decision // when nothing speaks against the call
	checks   []check

	signature string // made once
}

// Void reports whether the call answers nothing.
func (r *Rule) Void() bool { return r.Returns == "void" }

// Signature returns service#method(type,type).
func (r *Rule) Signature() string {
	if r.signature != "" {
		return r.signature
	}
	return r.Service + "#" + r.Method + "(" + strings.Join(r.Parameters, ",") + ")"
}

// meaning is what the jars do not say about a call.
type meaning struct {
	kind    Kind
	site    int    // the argument, counted from 1, that is a site
	company bool   // finds a site by company and name
	learns  Learnt // what the id in its answer is
}

// meanings says what each call does and which arguments name a site. The key leaves the package of
// the service out, which is the only difference between 6.2 and 7.x.
var meanings = map[string]meaning{
	"ClassNameServiceUtil#fetchByClassNameId(long)": {kind: Read},

	// Every build of 7.3, and 7.2 from a late one on, names the interface here instead of the utility
	// class that its servlet serves: live takes no notice of the call, and its client takes the empty
	// answer for a yes.
	"GroupService#checkRemoteStagingGroup(long)": {kind: Read, site: 1},

	"GroupServiceUtil#checkRemoteStagingGroup(long)":            {kind: Read, site: 1},
	"GroupServiceUtil#disableStaging(long)":                     {kind: Disable, site: 1},
	"GroupServiceUtil#enableStaging(long)":                      {kind: Enable, site: 1},
	"GroupServiceUtil#getGroup(long)":                           {kind: Read, site: 1},
	"GroupServiceUtil#getGroup(long,java.lang.String)":          {kind: Read, company: true, learns: LearntControlPanel},
	"GroupServiceUtil#getGroupDisplayURL(long,boolean,boolean)": {kind: Read, site: 1},
	"GroupServiceUtil#updateStagedPortlets(long,java.util.Map)": {kind: StagedPortlets, site: 1},

	// The portal of 7.4.3.112 has it and asks it where builds before asked getLayoutPlid; it answers 0
	// for a page that is not there.
	"LayoutServiceUtil#fetchLayoutPlid(java.lang.String,long,boolean)": {kind: Read, site: 2, learns: LearntPage},

	"LayoutServiceUtil#getControlPanelLayoutPlid()":  {kind: Read, learns: LearntPage},
	"LayoutServiceUtil#getDefaultPlid(long,boolean)": {kind: Read, site: 1, learns: LearntPage},
	// The first is the group whose pages are searched, the second only the scope whose content is
	// looked for on them.
	"LayoutServiceUtil#getDefaultPlid(long,long,boolean,java.lang.String)":       {kind: Read, site: 1, learns: LearntPage},
	"LayoutServiceUtil#getDefaultPlid(long,long,java.lang.String)":               {kind: Read, site: 1, learns: LearntPage},
	"LayoutServiceUtil#getLayoutByUuidAndGroupId(java.lang.String,long,boolean)": {kind: Read, site: 2, learns: LearntPage},
	"LayoutServiceUtil#getLayoutPlid(java.lang.String,long,boolean)":             {kind: Read, site: 2, learns: LearntPage},
	"LayoutServiceUtil#hasLayout(java.lang.String,long,boolean)":                 {kind: Read, site: 2},
	"LayoutServiceUtil#hasPortletId(long,java.lang.String)":                      {kind: Read},

	"StagingServiceUtil#cleanUpStagingRequest(long)":                                                                 {kind: CleanUp},
	"StagingServiceUtil#createStagingRequest(long,java.lang.String)":                                                 {kind: Create, site: 1, learns: LearntRequest},
	"StagingServiceUtil#hasRemoteLayout(java.lang.String,long,boolean)":                                              {kind: Read, site: 2},
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
	failover, guarded, request bool
	decision                   Decision
	checks                     []check
}

// traitsOf is the policy in one table. A kind that is missing here has the decision Refuse.
var traitsOf = map[Kind]traits{
	Read:           {failover: true, decision: Forward, checks: []check{siteListed}},
	Create:         {failover: true, decision: Forward, checks: []check{siteListed, checksumForm}},
	Update:         {guarded: true, request: true, decision: Forward, checks: []check{requestOwned, requestLives, partForm, partFits}},
	Validate:       {guarded: true, request: true, decision: Forward, checks: []check{requestOwned, requestLives, archiveFits, importForm}},
	Publish:        {guarded: true, request: true, decision: Forward, checks: []check{requestOwned, requestLives, archiveFits, importForm}},
	CleanUp:        {request: true, decision: Forward, checks: []check{requestGone, requestOwned, requestSpared}},
	Enable:         {guarded: true, decision: Forward, checks: []check{siteListed}},
	Disable:        {guarded: true, decision: Forward, checks: []check{siteListed}},
	StagedPortlets: {decision: Forward, checks: []check{siteListed, portletsForm}},
	Event:          {decision: AnswerVoid},
}

func newRule(r row, m meaning) *Rule {
	t := traitsOf[m.kind]
	rule := &Rule{
		Service: r.Service, Method: r.Method, Parameters: r.Parameters, Returns: r.Returns, Kind: m.kind,
		Failover: t.failover, Guarded: t.guarded,
		site: m.site, company: m.company, request: t.request, learns: m.learns, decision: t.decision, checks: t.checks,
	}
	switch {
	case m.company:
		rule.checks = []check{siteByName}
	case m.learns == LearntPage && m.site == 1: // getDefaultPlid
		rule.checks = []check{pageSiteListed}
	}
	rule.signature = rule.Signature()
	return rule
}
