package kentico

import (
	"cmp"
	"net/url"

	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// Section is what a gateway needs to know of the Kentico server behind it and of those that it stages
// with. Only engine.profile: kentico looks at it.
type Section struct {
	Name         string      `yaml:"name" doc:"Code name of the Kentico server behind the gateway: its CMSStagingServerName, and what the other gateways call it."`
	Assembly     string      `yaml:"assembly" empty:"that of Kentico 13" doc:"Full name of the assembly that tasks are of, as CMS.Synchronization, Version=13.0.13.0, Culture=neutral, PublicKeyToken=834b12a258f213f9. All servers run the same version."`
	Version      string      `yaml:"version" empty:"none" doc:"System version that a task may name beside none."`
	FileMaxBytes scalar.Size `yaml:"file_max_bytes" default:"20MiB" min:"1kB" max:"28MiB" doc:"Largest media file. Kentico takes requests of 30,000,000 bytes, in which a file grows by a third."`
	AtOnce       int         `yaml:"at_once" default:"4" min:"1" max:"1000" doc:"Tasks of authenticated servers that are read at once. Each is held in memory, up to several times its size."`
	Receives     Account     `yaml:"receives" doc:"User name and password with which tasks are handed to the Kentico behind the gateway."`
	Sends        Sender      `yaml:"sends" doc:"How the Kentico behind the gateway says who it is where it sends tasks to targets."`
	Peers        []Peer      `yaml:"peers" doc:"The other Kentico servers."`
	Forward      Forward     `yaml:"experimental_store_and_forward" doc:"Instead of peers: the gateway keeps what its Kentico hands in, and sync carries it to the other servers. Experimental: no real Kentico has met it."`
}

// Forward is what a Kentico hands in to be carried to others by sync, and what may be carried to it.
type Forward struct {
	PathContext string `yaml:"path_context" empty:"off" restart:"true" doc:"Path context under which the Kentico behind the gateway hands its tasks in, such as /handed-in; empty: nothing is kept."`
	Bounds
}

// On reports whether tasks are kept.
func (f *Forward) On() bool { return f.PathContext != "" }

// Bounds are what may travel.
type Bounds struct {
	Deletes   bool     `yaml:"deletes" default:"false" doc:"Tasks that delete travel too."`
	Sites     bool     `yaml:"sites" default:"false" doc:"Tasks that add objects to sites or take them off travel too."`
	ACL       bool     `yaml:"acl" default:"false" doc:"Tasks and rows of access rights travel too."`
	Dangerous bool     `yaml:"dangerous_types" default:"false" doc:"Object types that carry users, settings or code travel too, as far as tables names them."`
	Tables    []string `yaml:"tables" doc:"Tables whose rows travel beside those of pages and media, as type:table; the type is pages, or an object type such as customtableitem.shop.city."`
	Users     []string `yaml:"users" doc:"Users that tasks may be carried out as, as name=GUID; empty for any."`
	RunAs     string   `yaml:"run_as" doc:"The one user, as name=GUID, that every task is carried out as, whoever made it; empty for the user in the task."`
}

// Kentico13 is the assembly of tasks of Kentico 13.
const Kentico13 = "CMS.Synchronization, Version=13.0.13.0, Culture=neutral, PublicKeyToken=834b12a258f213f9"

// AssemblyName returns Assembly, or that of Kentico 13.
func (s *Section) AssemblyName() string { return cmp.Or(s.Assembly, Kentico13) }

// Account is a user name with its password, as both ends have it in their staging settings.
type Account struct {
	User   string   `yaml:"user" doc:"User name of the staging service."`
	Secret Password `yaml:"secret" doc:"Its password."`
}

// Password is a password, or the file that has it.
type Password struct {
	Value scalar.Secret `yaml:"value" empty:"unset" doc:"The password itself. Better in a file of its own: see file."`
	File  scalar.Path   `yaml:"file" empty:"unset" doc:"File with the password; line breaks at its end do not count. Nobody but the gateway's user may read it."`
}

// Sender is an account and from where it is used.
type Sender struct {
	Account
	Addresses []string `yaml:"addresses" doc:"Addresses of hosts.allow that it comes from; empty for all of them."`
}

// Peer is another Kentico server, and what may travel between it and the one behind the gateway.
type Peer struct {
	Name   string `yaml:"name" doc:"Its code name: its CMSStagingServerName."`
	Sends  Sender `yaml:"sends" doc:"How it, or its gateway, says who it is; without a user it sends no tasks here."`
	Target Target `yaml:"target" doc:"Where tasks of the Kentico behind the gateway go that are for it; without a url it gets none."`
	Bounds
}

// Target is where tasks for a peer go.
type Target struct {
	Account
	URL         *url.URL    `yaml:"url" doc:"Base URL of its gateway, or of its Kentico: what stands before /CMSPages/Staging/SyncServer.asmx."`
	PathContext string      `yaml:"path_context" doc:"Path context under which the Kentico behind this gateway sends tasks for it here, such as /to-dev."`
	CA          scalar.Path `yaml:"ca" doc:"PEM file of the authority that its certificate comes from, for one inside the house; it counts beside the system's."`
	ServerName  string      `yaml:"server_name" doc:"Name that its certificate is for; empty for the name in url."`

	authorities []byte
}

// Trust notes the content of CA.
func (t *Target) Trust(pem []byte) { t.authorities = pem }

// Authorities returns the content of CA.
func (t *Target) Authorities() []byte { return t.authorities }

// EachPassword calls f for every password and its path below that of the section.
func (s *Section) EachPassword(path string, f func(path string, p *Password)) {
	f(path+".receives.secret", &s.Receives.Secret)
	f(path+".sends.secret", &s.Sends.Secret)
	for i := range s.Peers {
		at := peerPath(path, i)
		f(at+".sends.secret", &s.Peers[i].Sends.Secret)
		f(at+".target.secret", &s.Peers[i].Target.Secret)
	}
}

// EachTarget calls f for every target and its path below that of the section.
func (s *Section) EachTarget(path string, f func(path string, t *Target)) {
	for i := range s.Peers {
		f(peerPath(path, i)+".target", &s.Peers[i].Target)
	}
}
