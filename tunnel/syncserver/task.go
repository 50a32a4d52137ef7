package syncserver

import (
	"regexp"
	"strconv"
	"strings"
)

const (
	xsiNS    = "http://www.w3.org/2001/XMLSchema-instance"
	encNS    = "http://schemas.xmlsoap.org/soap/encoding/"
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
	byName map[string]*node
	byID   map[string]*node
	array  string // id of the array of groups
}

// readTask reads a task document whose object is of the class in assembly.
func readTask(text, assembly string, lim Limits) (Task, error) {
	root, err := parse(strings.NewReader(text), lim, nil)
	if err != nil {
		return Task{}, err
	}
	if !root.is(soapNS, "Envelope") || len(root.kids) != 1 || !root.kids[0].is(soapNS, "Body") ||
		root.only(attr{soapNS, "encodingStyle", encNS}) != nil || root.kids[0].only() != nil ||
		root.kids[0].leaf() {
		return Task{}, refuse(BadTask, "not an envelope with nothing but a body")
	}
	objects := root.kids[0].kids
	if assembly == "" || !objects[0].is(classNS(assembly), "StagingTaskData") {
		return Task{}, refuse(Class10068, "an object of another class or assembly than %s", assembly)
	}
	f := fields{byName: map[string]*node{}, byID: map[string]*node{}}
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

func (f *fields) collect(object *node) error {
	if object.only(attr{"", "id", ""}) != nil {
		return refuse(BadTask, "attributes of the task")
	}
	if err := f.name(object); err != nil {
		return err
	}
	for _, k := range object.kids {
		if k.space != "" || f.byName[k.local] != nil || !known(k.local) {
			return refuse(BadTask, "the field %s: not known, or a second one", brief(k.local))
		}
		if k.only(attr{"", "id", ""}, attr{"", "href", ""}, attr{xsiNS, "null", "1"}) != nil {
			return refuse(BadTask, "an attribute of the field %s", k.local)
		}
		f.byName[k.local] = k
		if err := f.name(k); err != nil {
			return err
		}
	}
	if len(f.byName) != len(fieldNames) {
		return refuse(BadTask, "%d fields instead of %d", len(f.byName), len(fieldNames))
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
func (f *fields) name(n *node) error {
	id, ok := n.attr("", "id")
	if !ok {
		return nil
	}
	if id == "" || f.byID[id] != nil {
		return refuse(BadTask, "the id %s is empty or stands twice", brief(id))
	}
	f.byID[id] = n
	return nil
}

// groups takes what stands behind the task: at most one empty array of task groups.
func (f *fields) groups(objects []*node, assembly string) error {
	if len(objects) == 0 {
		return nil
	}
	a := objects[0]
	id, _ := a.attr("", "id")
	kind, _ := a.attr(encNS, "arrayType")
	if len(objects) > 1 || !a.is(encNS, "Array") || !a.leaf() || !blank(a.text) || len(a.attrs) != 2 ||
		id == "" || !strings.HasSuffix(kind, groupArr) || strings.Count(kind, ":") != 1 ||
		a.item != classNS(assembly) {
		return refuse(BadTask, "an object beside the task that is no empty array of groups")
	}
	f.array = id
	return f.name(a)
}

// text returns the value of a field, behind at most one reference.
func (f *fields) text(name string) (Text, error) {
	n := f.byName[name]
	if href, ok := n.attr("", "href"); ok {
		to := f.byID[strings.TrimPrefix(href, "#")]
		if to == nil || !strings.HasPrefix(href, "#") || !known(to.local) || len(n.attrs) != 1 || !empty(n) {
			return Text{}, refuse(BadTask, "the field %s refers to no string", name)
		}
		if _, again := to.attr("", "href"); again {
			return Text{}, refuse(BadTask, "the field %s refers to a reference", name)
		}
		n = to
	}
	if _, null := n.attr(xsiNS, "null"); null {
		if !empty(n) || len(n.attrs) != 1 || n != f.byName[name] {
			return Text{}, refuse(BadTask, "the field %s is null and something else", name)
		}
		return Text{}, nil
	}
	if !n.leaf() {
		return Text{}, refuse(BadTask, "the field %s is more than text", name)
	}
	return Text{Set: true, Value: n.text}, nil
}

func empty(n *node) bool { return n.leaf() && n.text == "" }

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
	href, refers := n.attr("", "href")
	_, null := n.attr(xsiNS, "null")
	one := empty(n) && len(n.attrs) == 1
	switch {
	case one && null && f.array == "":
		return false, nil
	case one && refers && f.array != "" && href == "#"+f.array:
		return true, nil
	}
	return false, refuse(BadTask, "task groups are neither null nor the empty array")
}

var number = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,9})$`)

func readGUID(n *node) (GUID, error) {
	var g GUID
	if len(n.kids) != len(g) || n.only(attr{"", "id", ""}) != nil {
		return g, refuse(BadTask, "a user's GUID outside its form")
	}
	for i, k := range n.kids {
		bits, low := 8, int64(0)
		switch {
		case i == 0:
			bits, low = 32, -1<<31
		case i < 3:
			bits, low = 16, -1<<15
		}
		v, err := strconv.ParseInt(k.text, 10, 64)
		if err != nil || !k.leaf() || !k.is("", "_"+string(rune('a'+i))) || len(k.attrs) > 0 ||
			!number.MatchString(k.text) || v < low || v >= low+1<<bits {
			return g, refuse(BadTask, "a user's GUID outside its form")
		}
		g[i] = v
	}
	return g, nil
}

const maxServers = 64

var serverName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)

// ParseServers reads a list such as ";dev;live;". The empty string is no server.
func ParseServers(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) < 3 || s[0] != ';' || s[len(s)-1] != ';' {
		return nil, refuse(BadServers, "the list %s does not begin and end with a semicolon", brief(s))
	}
	names := strings.Split(s[1:len(s)-1], ";")
	seen := map[string]bool{}
	for _, n := range names {
		if !serverName.MatchString(n) || seen[strings.ToLower(n)] || len(names) > maxServers {
			return nil, refuse(BadServers, "the server %s: no name, twice, or one too many", brief(n))
		}
		seen[strings.ToLower(n)] = true
	}
	return names, nil
}
