package kentico

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/stagelock/stagelock/conf/address"
)

// Finding is one thing that is wrong with a Section.
type Finding struct {
	Path, Msg, Cure string
	Warning         bool
}

// Gateway is what a Kentico calls its gateway where it lists it as its target; no server is called that.
const Gateway = "stagelock"

var (
	code  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`) })
	table = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(pages|[A-Za-z0-9_.]{1,200}):[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	})
	assembly = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_.]+, Version=[0-9]+(\.[0-9]+){3}, Culture=[a-z-]+, PublicKeyToken=[0-9a-f]{16}$`)
	})
)

func peerPath(path string, i int) string { return path + ".peers[" + strconv.Itoa(i) + "]" }

// checker collects findings.
type checker struct {
	context string // engine.path_context
	found   []Finding
}

func (c *checker) add(broken bool, path, msg, cure string) {
	if broken {
		c.found = append(c.found, Finding{Path: path, Msg: msg, Cure: cure})
	}
}

func (c *checker) warn(broken bool, path, msg, cure string) {
	if broken {
		c.found = append(c.found, Finding{Path: path, Msg: msg, Cure: cure, Warning: true})
	}
}

// Check returns what is wrong with s, whose setting is at path, in front of a Kentico that peers reach
// under pathContext.
func Check(s *Section, path, pathContext string) []Finding {
	c := &checker{context: pathContext}
	c.server(s.Name, path+".name")
	c.add(!assembly().MatchString(s.AssemblyName()), path+".assembly", "is not the full name of an assembly",
		"write it as CMS.Synchronization, Version=13.0.13.0, Culture=neutral, PublicKeyToken=834b12a258f213f9, with the version of your Kentico")
	if s.Forward.On() {
		c.forward(s, path)
		return c.found
	}
	c.add(len(s.Peers) == 0, path+".peers", "is empty: no task could travel", "describe at least one peer with a name and sends or target")
	receiving := slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Sends.User != "" })
	sending := slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Target.URL != nil })
	c.account(&s.Receives, path+".receives", receiving, "a peer sends tasks")
	c.account(&s.Sends.Account, path+".sends", sending, "a peer has a target")
	for i := range s.Peers {
		c.peer(&s.Peers[i], peerPath(path, i))
	}
	c.twice(s, path)
	return c.found
}

// forward holds a Kentico whose tasks are kept and carried by sync.
func (c *checker) forward(s *Section, path string) {
	at := path + ".experimental_store_and_forward"
	c.account(&s.Receives, path+".receives", true, "sync carries tasks to the server")
	c.account(&s.Sends.Account, path+".sends", true, "the server hands its tasks in")
	c.add(len(s.Peers) > 0, path+".peers", "stand beside experimental_store_and_forward: a task would travel on two ways",
		"list the other servers in sync.peers instead, or drop experimental_store_and_forward")
	c.pathContext(s.Forward.PathContext, at+".path_context", "/handed-in")
	c.bounds(&s.Forward.Bounds, at, true)
}

func (c *checker) pathContext(ctx, path, such string) {
	c.add(ctx == "" || ctx[0] != '/' || strings.HasSuffix(ctx, "/") || !address.PlainPath(strings.Trim(ctx, "/")), path,
		"is not a path that begins with a slash and does not end with one",
		"write one such as "+such+", and name the target server's URL in Kentico accordingly")
}

func (c *checker) server(name, path string) {
	c.add(!code().MatchString(name), path, "is not a code name of 1 to 100 letters, digits and _.-",
		"write the code name that the server has in Settings, Versioning & Synchronization, Staging")
	c.add(strings.EqualFold(name, Gateway), path, "is the word that stands for gateways in tasks",
		"give the server another code name; only a target server that is this gateway is called "+Gateway)
}

// account holds an account that is needed, or that should not be there.
func (c *checker) account(a *Account, path string, needed bool, why string) {
	c.add(needed && a.User == "", path+".user", "is needed: "+why, "write the user name of the staging service")
	c.add(needed && !a.Secret.Value.IsSet() && a.Secret.File == "", path+".secret", "is needed: "+why,
		"write the password into a file that only the gateway's user can read, and name it as file")
	c.add(strings.ContainsFunc(a.User, func(r rune) bool { return r < ' ' || r == 0x7f }), path+".user",
		"has characters that nobody can type", "write the user name of the staging service")
	c.warn(!needed && a.User != "", path+".user", "is not used", "drop the section, or describe a peer that needs it")
}

func (c *checker) peer(p *Peer, path string) {
	c.server(p.Name, path+".name")
	c.add(p.Sends.User == "" && p.Target.URL == nil, path, "neither sends tasks nor gets any",
		"write sends with a user and a secret, or target with a url")
	c.account(&p.Sends.Account, path+".sends", p.Sends.User != "", "the peer has a user")
	c.account(&p.Target.Account, path+".target", p.Target.URL != nil, "the target has a url")
	c.target(&p.Target, path+".target")
	c.bounds(&p.Bounds, path, p.Sends.User != "")
}

// bounds holds what may travel.
func (c *checker) bounds(b *Bounds, path string, receiving bool) {
	for i, t := range b.Tables {
		c.add(!table().MatchString(t), path+".tables["+strconv.Itoa(i)+"]", "is not written as type:table",
			"write pages:Custom_Article, or an object type, a colon and the table")
	}
	for i, u := range b.Users {
		_, _, err := ParseUser(u)
		c.add(err != nil, path+".users["+strconv.Itoa(i)+"]", "is not written as name=GUID",
			"write the user name, = and the UserGUID of CMS_User, such as editor=6f9619ff-8b86-d011-b42d-00cf4fc964ff")
	}
	if b.RunAs != "" {
		_, _, err := ParseUser(b.RunAs)
		c.add(err != nil, path+".run_as", "is not written as name=GUID",
			"write the user name, = and the UserGUID of CMS_User, such as stager=6f9619ff-8b86-d011-b42d-00cf4fc964ff")
	}
	c.add(b.Dangerous && len(b.Tables) == 0, path+".dangerous_types", "opens nothing: tables names none",
		"list the tables that may travel, such as cms.role:CMS_Role, or drop the line")
	c.warn(b.Dangerous && len(b.Tables) > 0, path+".dangerous_types",
		"lets objects travel that carry users, settings or code: who can send them can take the server over",
		"write false, and move them by hand")
	c.warn(b.RunAs == "" && len(b.Users) == 0 && receiving, path+".users",
		"is not given: a task is carried out as whatever user it names", "list users, or write run_as")
}

func (c *checker) target(t *Target, path string) {
	if t.URL == nil {
		c.add(t.PathContext != "", path+".path_context", "leads nowhere: the target has no url", "write the url of its gateway")
		return
	}
	u := t.URL
	c.add(u.Host == "" || u.Scheme != "https" && u.Scheme != "http", path+".url", "is not the URL of a server", "write https:// with its host")
	c.add(u.Scheme == "http" && !address.Loopback(u.Hostname()), path+".url",
		"is reached without TLS: a token does not cover the task, so anybody on the way could change it", "write https")
	c.add(u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !address.PlainPath(strings.Trim(u.EscapedPath(), "/")), path+".url",
		"has more than scheme, host, port and a plain path", "keep those")
	c.add(strings.HasSuffix(strings.ToLower(u.Path), ".asmx"), path+".url", "names the service itself",
		"leave out /CMSPages/Staging/SyncServer.asmx")
	ctx := t.PathContext
	c.pathContext(ctx, path+".path_context", "/to-dev")
	c.add(ctx != "" && ctx == c.context, path+".path_context", "is engine.path_context, under which peers send", "write one of its own, such as /to-dev")
}

// twice finds what must be there once only.
func (c *checker) twice(s *Section, path string) {
	names, users, contexts := map[string]bool{strings.ToLower(s.Name): s.Name != ""}, map[string]bool{}, map[string]bool{}
	seen := func(m map[string]bool, key, path, msg, cure string) {
		if key == "" {
			return
		}
		c.add(m[key], path, msg, cure)
		m[key] = true
	}
	for i, p := range s.Peers {
		at := peerPath(path, i)
		seen(names, strings.ToLower(p.Name), at+".name", "is the code name of another server too: Kentico compares without case",
			"give each server a code name of its own")
		seen(users, p.Sends.User, at+".sends.user", "is the user of another peer too: who sends could not be told",
			"give each peer a user name of its own")
		seen(contexts, p.Target.PathContext, at+".target.path_context", "is that of another target too", "give each target one of its own")
	}
}

// ParseUser reads a user as name=GUID, and returns the GUID in the eleven parts in which a task has it.
func ParseUser(s string) (name string, guid [11]int64, err error) {
	i := strings.LastIndexByte(s, '=')
	bad := errors.New("is not written as name=GUID")
	if i <= 0 {
		return "", guid, bad
	}
	parts := strings.Split(s[i+1:], "-")
	if len(parts) != 5 {
		return "", guid, bad
	}
	at := 0
	for p, width := range []int{8, 4, 4, 4, 12} {
		if len(parts[p]) != width {
			return "", guid, bad
		}
		step := min(width, 8)
		if p > 2 {
			step = 2
		}
		for j := 0; j < width; j += step {
			v, err := strconv.ParseUint(parts[p][j:j+step], 16, 64)
			if err != nil {
				return "", guid, bad
			}
			guid[at] = signed(v, step)
			at++
		}
	}
	return s[:i], guid, nil
}

// signed is how a task writes a part of a GUID: bytes without a sign, the others with one.
func signed(v uint64, digits int) int64 {
	switch digits {
	case 8:
		return int64(int32(v))
	case 4:
		return int64(int16(v))
	}
	return int64(v)
}
