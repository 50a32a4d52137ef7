package syncserver

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/stagelock/stagelock/tunnel/syncserver/kinds"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

// Peer is one staging server that may send, and what it may send. The zero Peer may send nothing.
type Peer struct {
	Name     string // its code name; a task should carry it last
	User     string
	Secret   token.Secret
	Assembly string // full name of the assembly that its tasks are of: both ends run the same version
	Version  string // taken for the system version besides null; empty: null only
	Upstream string // code name of the server behind the gateway

	Tables    map[string][]string // further tables by object type; "" for pages
	Deletes   bool
	Sites     bool // AddToSite and RemoveFromSite
	ACL       bool
	Dangerous bool // users, settings, code: only object types and tables that Tables names
	// Users are those that a task may run as, with their GUIDs: the engine looks for either. Empty: any.
	Users     map[string]GUID
	RunAs     Text // replaces the user of every task, with RunAsGUID
	RunAsGUID GUID
	Limits    Limits // zero: DefaultLimits
	// Echo is asked of a task that the server behind the gateway has processed already: if it reports that
	// it is one that only comes back, the task is returned with Looped instead of being refused.
	Echo func(Task) bool
}

// is reports whether t is about objects of a type.
func (t Task) is(objectType string) bool { return strings.EqualFold(t.ObjectType.Value, objectType) }

// judge says whether the peer may send t, and returns it as it is to be carried out.
func (p Peer) judge(t Task, lim Limits) (Task, error) {
	for _, rule := range []func(Task) error{p.version, p.kind, p.object, p.user, p.loop, p.rows} {
		if err := rule(t); err != nil {
			return Task{}, err
		}
	}
	for _, d := range []Dataset{t.Data, t.Binary} {
		if err := judgePlaces(d); err != nil {
			return Task{}, err
		}
	}
	if err := judgeBinary(t, lim); err != nil {
		return Task{}, err
	}
	if p.RunAs.Set {
		t.UserName, t.UserGUID = p.RunAs, p.RunAsGUID
	}
	return t, nil
}

func (p Peer) version(t Task) error {
	if t.SystemVersion.Set && (p.Version == "" || t.SystemVersion.Value != p.Version) {
		return refusal.New(refusal.TaskDenied, "the version %s", refusal.Brief(t.SystemVersion.Value))
	}
	return nil
}

func (p Peer) kind(t Task) error {
	if needs, ok := kinds.Needs(t.Type); ok && p.has(needs) {
		return nil
	}
	return refusal.New(refusal.TaskDenied, "the task type %s", refusal.Brief(t.Type))
}

// has reports whether a setting is switched on; none always is.
func (p Peer) has(setting string) bool {
	switch setting {
	case kinds.Deletes:
		return p.Deletes
	case kinds.Sites:
		return p.Sites
	case kinds.ACL:
		return p.ACL
	}
	return true
}

// about returns the key of the tables of t.
func about(t Task) string {
	if strings.HasSuffix(t.Type, "Folder") {
		return "folder"
	}
	return strings.ToLower(t.ObjectType.Value)
}

// objectType keeps out letters that another case folds to those of ASCII.
var objectType = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.]{0,200}$`) })

func (p Peer) object(t Task) error {
	kind := strings.ToLower(t.ObjectType.Value)
	needs, _ := kinds.Needs(t.Type)
	if !objectType().MatchString(t.ObjectType.Value) || kinds.IsDangerous(kind) && !p.Dangerous {
		return refusal.New(refusal.TaskDenied, "the object type %s", refusal.Brief(kind))
	}
	switch {
	case strings.HasSuffix(t.Type, "Object"), needs == kinds.Sites:
		if kind != "" && len(p.allowed(kind)) > 0 {
			return nil
		}
	case strings.HasSuffix(t.Type, "Folder"):
		if kind == "" || kind == "media.library" {
			return nil
		}
	case kind == "":
		return nil
	}
	return refusal.New(refusal.TaskDenied, "the object type %s in a task %s", refusal.Brief(kind), t.Type)
}

// allowed returns the tables of an object type, lower-cased.
func (p Peer) allowed(kind string) []string {
	all := kinds.Tables(kind)
	for _, t := range p.Tables[kind] {
		all = append(all, strings.ToLower(t))
	}
	return all
}

func (p Peer) user(t Task) error {
	if len(p.Users) == 0 || p.RunAs.Set {
		return nil
	}
	if guid, ok := p.Users[t.UserName.Value]; ok && t.UserName.Set && guid == t.UserGUID {
		return nil
	}
	return refusal.New(refusal.UserDenied, "the user %s, or another's GUID", refusal.Brief(t.UserName.Value))
}

// looped reports whether the server behind the gateway has processed t.
func (p Peer) looped(t Task) bool {
	return slices.ContainsFunc(t.Servers, func(s string) bool { return strings.EqualFold(s, p.Upstream) })
}

func (p Peer) loop(t Task) error {
	if p.Upstream == "" {
		return refusal.New(refusal.Loop, "nobody said how the server behind the gateway is called")
	}
	for _, s := range t.Servers {
		if strings.EqualFold(s, p.Upstream) && (p.Echo == nil || !p.Echo(t)) {
			return refusal.New(refusal.Loop, "the server %s has processed the task already", s)
		}
	}
	return nil
}

// rows refuses rows of tables that do not belong to the task: the engine imports each it knows.
func (p Peer) rows(t Task) error {
	allowed := map[string]bool{}
	for _, name := range p.allowed(about(t)) {
		allowed[name] = true
	}
	for _, r := range t.Data.Rows {
		name := strings.ToLower(r.Table)
		if !allowed[name] || !p.harmless(name) {
			return refusal.New(refusal.TableDenied, "a row of %s in a task %s", refusal.Brief(r.Table), t.Type)
		}
	}
	return nil
}

// harmless reports whether rows of a table need no switch, or have it. The kind of a table is that of
// the object type with the same name.
func (p Peer) harmless(table string) bool {
	if strings.HasPrefix(table, "cms_acl") {
		return p.ACL
	}
	return p.Dangerous || !kinds.IsDangerous(strings.Replace(table, "_", ".", 1))
}
