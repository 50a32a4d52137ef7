package syncserver

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/stagelock/stagelock/tunnel/syncserver/markup"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
)

const (
	xsiNS    = "http://www.w3.org/2001/XMLSchema-instance"
	taskNS   = "http://schemas.microsoft.com/clr/nsassem/CMS.Synchronization/"
	groupArr = ":TaskGroupInfo[0]"
)

// Text is a string that may be null.
type Text struct {
	Set   bool
	Value string
}

// GUID is the identifier of a user, in the parts in which the engine writes it: _a to _k.
type GUID [11]int64

// Task is one task of a staging server.
type Task struct {
	SystemVersion Text
	EmptyGroups   bool // an array without groups instead of null
	Type          string
	ObjectType    Text
	Data          Dataset
	Binary        Dataset
	Servers       []string // that have processed the task, the sender last
	UserGUID      GUID
	UserName      Text
}

var fieldNames = []string{
	"mSystemVersion", "mTaskGroups", backing("TaskType"), backing("TaskObjectType"),
	backing("TaskData"), backing("TaskBinaryData"), backing("TaskServers"), backing("UserGuid"),
	backing("UserName"),
}

func backing(name string) string { return "_x003C_" + name + "_x003E_k__BackingField" }

// fields is a task document before its values are read.
type fields struct {
	byName map[string]*markup.Node
	byID   map[string]*markup.Node
	array  string // id of the array of groups
}

// readTask reads a task document whose object is of the class in assembly.
func readTask(text, assembly string, lim Limits) (Task, error) {
	root, err := markup.Parse(strings.NewReader(text), lim.markup(), nil)
	if err != nil {
		return Task{}, err
	}
	if !root.Is(soapNS, "Envelope") || len(root.Kids) != 1 || !root.Kids[0].Is(soapNS, "Body") ||
		root.Only(markup.Allowed(soapNS, "encodingStyle", markup.EncodingNS)) != nil || root.Kids[0].Only() != nil ||
		root.Kids[0].Leaf() {
		return Task{}, refusal.New(refusal.BadTask, "not an envelope with nothing but a body")
	}
	objects := root.Kids[0].Kids
	if assembly == "" || !objects[0].Is(classNS(assembly), "StagingTaskData") {
		return Task{}, refusal.New(refusal.Class10068, "an object of another class or assembly than %s", assembly)
	}
	f := fields{byName: map[string]*markup.Node{}, byID: map[string]*markup.Node{}}
	if err := f.collect(objects[0]); err != nil {
		return Task{}, err
	}
	if err := f.groups(objects[1:], assembly); err != nil {
		return Task{}, err
	}
	return f.task(lim)
}

var percent = strings.NewReplacer(" ", "%20", ",", "%2C", "=", "%3D")

func classNS(assembly string) string { return taskNS + percent.Replace(assembly) }

func (f *fields) collect(object *markup.Node) error {
	if object.Only(markup.Allowed("", "id", "")) != nil {
		return refusal.New(refusal.BadTask, "attributes of the task")
	}
	if err := f.name(object); err != nil {
		return err
	}
	for _, k := range object.Kids {
		if k.Space != "" || f.byName[k.Local] != nil || !known(k.Local) {
			return refusal.New(refusal.BadTask, "the field %s: not known, or a second one", refusal.Brief(k.Local))
		}
		if k.Only(markup.Allowed("", "id", ""), markup.Allowed("", "href", ""), markup.Allowed(xsiNS, "null", "1")) != nil {
			return refusal.New(refusal.BadTask, "an attribute of the field %s", k.Local)
		}
		f.byName[k.Local] = k
		if err := f.name(k); err != nil {
			return err
		}
	}
	if len(f.byName) != len(fieldNames) {
		return refusal.New(refusal.BadTask, "%d fields instead of %d", len(f.byName), len(fieldNames))
	}
	return nil
}

func known(field string) bool {
	for _, n := range fieldNames {
		if n == field {
			return true
		}
	}
	return false
}

// name enters the id of n, if it has one.
func (f *fields) name(n *markup.Node) error {
	id, ok := n.Attr("", "id")
	if !ok {
		return nil
	}
	if id == "" || f.byID[id] != nil {
		return refusal.New(refusal.BadTask, "the id %s is empty or stands twice", refusal.Brief(id))
	}
	f.byID[id] = n
	return nil
}

// groups takes what stands behind the task: at most one empty array of task groups.
func (f *fields) groups(objects []*markup.Node, assembly string) error {
	if len(objects) == 0 {
		return nil
	}
	a := objects[0]
	id, _ := a.Attr("", "id")
	kind, _ := a.Attr(markup.EncodingNS, "arrayType")
	if len(objects) > 1 || !a.Is(markup.EncodingNS, "Array") || !a.Leaf() || !markup.Blank(a.Text) || len(a.Attrs) != 2 ||
		id == "" || !strings.HasSuffix(kind, groupArr) || strings.Count(kind, ":") != 1 ||
		a.Item != classNS(assembly) {
		return refusal.New(refusal.BadTask, "an object beside the task that is no empty array of groups")
	}
	f.array = id
	return f.name(a)
}

// text returns the value of a field, behind at most one reference.
func (f *fields) text(name string) (Text, error) {
	n := f.byName[name]
	if href, ok := n.Attr("", "href"); ok {
		to := f.byID[strings.TrimPrefix(href, "#")]
		if to == nil || !strings.HasPrefix(href, "#") || !known(to.Local) || len(n.Attrs) != 1 || !empty(n) {
			return Text{}, refusal.New(refusal.BadTask, "the field %s refers to no string", name)
		}
		if _, again := to.Attr("", "href"); again {
			return Text{}, refusal.New(refusal.BadTask, "the field %s refers to a reference", name)
		}
		n = to
	}
	if _, null := n.Attr(xsiNS, "null"); null {
		if !empty(n) || len(n.Attrs) != 1 || n != f.byName[name] {
			return Text{}, refusal.New(refusal.BadTask, "the field %s is null and something else", name)
		}
		return Text{}, nil
	}
	if !n.Leaf() {
		return Text{}, refusal.New(refusal.BadTask, "the field %s is more than text", name)
	}
	return Text{Set: true, Value: n.Text}, nil
}

func empty(n *markup.Node) bool { return n.Leaf() && n.Text == "" }

func (f *fields) task(lim Limits) (Task, error) {
	values := map[string]Text{}
	for _, name := range fieldNames {
		if name == "mTaskGroups" || name == backing("UserGuid") {
			continue
		}
		v, err := f.text(name)
		if err != nil {
			return Task{}, err
		}
		values[name] = v
	}
	t := Task{
		SystemVersion: values["mSystemVersion"], Type: values[backing("TaskType")].Value,
		ObjectType: values[backing("TaskObjectType")], UserName: values[backing("UserName")],
	}
	var err error
	if t.EmptyGroups, err = f.emptyGroups(); err != nil {
		return Task{}, err
	}
	if t.UserGUID, err = readGUID(f.byName[backing("UserGuid")]); err != nil {
		return Task{}, err
	}
	if t.Servers, err = ParseServers(values[backing("TaskServers")].Value); err != nil {
		return Task{}, err
	}
	if t.Data, err = readDataset(values[backing("TaskData")].Value, lim); err != nil {
		return Task{}, err
	}
	if binary := values[backing("TaskBinaryData")].Value; binary != "" {
		t.Binary, err = readDataset(binary, lim)
	}
	return t, err
}

func (f *fields) emptyGroups() (bool, error) {
	n := f.byName["mTaskGroups"]
	href, refers := n.Attr("", "href")
	_, null := n.Attr(xsiNS, "null")
	one := empty(n) && len(n.Attrs) == 1
	switch {
	case one && null && f.array == "":
		return false, nil
	case one && refers && f.array != "" && href == "#"+f.array:
		return true, nil
	}
	return false, refusal.New(refusal.BadTask, "task groups are neither null nor the empty array")
}

var number = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,9})$`)

func readGUID(n *markup.Node) (GUID, error) {
	var g GUID
	if len(n.Kids) != len(g) || n.Only(markup.Allowed("", "id", "")) != nil {
		return g, refusal.New(refusal.BadTask, "a user's GUID outside its form")
	}
	for i, k := range n.Kids {
		bits, low := 8, int64(0)
		switch {
		case i == 0:
			bits, low = 32, -1<<31
		case i < 3:
			bits, low = 16, -1<<15
		}
		v, err := strconv.ParseInt(k.Text, 10, 64)
		if err != nil || !k.Leaf() || !k.Is("", "_"+string(rune('a'+i))) || len(k.Attrs) > 0 ||
			!number.MatchString(k.Text) || v < low || v >= low+1<<bits {
			return g, refusal.New(refusal.BadTask, "a user's GUID outside its form")
		}
		g[i] = v
	}
	return g, nil
}

const maxServers = 64

var serverName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`) })

// IsServer reports whether a name can stand in the list of a task's servers.
func IsServer(name string) bool { return serverName().MatchString(name) }

// ParseServers reads a list such as ";dev;live;". The empty string is no server.
func ParseServers(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) < 3 || s[0] != ';' || s[len(s)-1] != ';' {
		return nil, refusal.New(refusal.BadServers, "the list %s does not begin and end with a semicolon", refusal.Brief(s))
	}
	names := strings.Split(s[1:len(s)-1], ";")
	seen := map[string]bool{}
	for _, n := range names {
		if !IsServer(n) || seen[strings.ToLower(n)] || len(names) > maxServers {
			return nil, refusal.New(refusal.BadServers, "the server %s: no name, twice, or one too many", refusal.Brief(n))
		}
		seen[strings.ToLower(n)] = true
	}
	return names, nil
}
