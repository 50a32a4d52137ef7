package control

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/libraries"
	"github.com/stagelock/stagelock/integration/engine/remote"
	"github.com/stagelock/stagelock/integration/engine/remote/link"
	"github.com/stagelock/stagelock/integration/engine/revisions"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

// prefix begins the path of every command, which its name follows.
const prefix = "/v1/"

// maxInput limits what a command says beside its content.
const maxInput = 4 << 20

// Config says what a Server commands. All fields are needed.
type Config struct {
	Store   *content.Store
	Author  *author.Author
	Live    *staging.Live
	Staging *remote.Staging
	Pages   *revisions.Pages
	Token   string // what a command must carry; an empty one admits nobody
}

// Server carries out commands. It is safe for concurrent use.
type Server struct {
	cfg Config
	ops map[string]operation
}

// NewServer returns the Server.
func NewServer(cfg Config) *Server {
	s := &Server{cfg: cfg}
	s.ops = map[string]operation{
		"site.create": op(s.createSite), "site.list": op(s.listSites), "site.show": op(s.showSite),
		"site.unlock": op(s.unlockSite), "site.connect": op(s.connect), "site.disconnect": op(s.disconnect),
		"site.arrivals": op(s.arrivals), "site.calls": op(s.calls),
		"content.list": op(s.listContent), "content.versions": op(s.versions), "content.delete": op(s.deleteContent),
		"content.add": upload(s.addContent), "content.update": upload(s.updateContent),
		"content.open":   download(s.openContent),
		"site.received":  op(s.received),
		"staging.enable": op(s.enable), "staging.disable": op(s.disable), "staging.status": op(s.status),
		"staging.publish": s.publish, "staging.relaunch": s.relaunch, "staging.history": op(s.history),
		"staging.schedule": op(s.schedule), "staging.schedules": op(s.schedules), "staging.unschedule": op(s.unschedule),
		"page.variations": op(s.variations), "page.vary": op(s.addVariation), "page.unvary": op(s.removeVariation),
		"page.revisions": op(s.revisions), "page.branch": op(s.addBranch), "page.ready": op(s.ready),
		"page.revise": upload(s.revise),
		"user.add":    op(s.addUser), "user.list": op(s.listUsers), "user.grant": op(s.grant),
		"user.import": op(s.importUsers),
	}
	return s
}

// exchange is one command on its way: its input as JSON, its content, and where the answer goes.
type exchange struct {
	in   []byte
	body io.Reader
	out  http.ResponseWriter
}

type operation func(context.Context, exchange) error

// op is a command that takes and answers JSON.
func op[In, Out any](fn func(context.Context, In) (Out, error)) operation {
	return func(ctx context.Context, x exchange) error {
		var in In
		if err := decode(x.in, &in); err != nil {
			return err
		}
		out, err := fn(ctx, in)
		if err != nil {
			return err
		}
		return json.NewEncoder(x.out).Encode(out)
	}
}

// upload is a command that takes content beside its JSON.
func upload[In, Out any](fn func(context.Context, In, io.Reader) (Out, error)) operation {
	return func(ctx context.Context, x exchange) error {
		return op(func(ctx context.Context, in In) (Out, error) { return fn(ctx, in, x.body) })(ctx, x)
	}
}

// download is a command that answers content.
func download[In any](fn func(context.Context, In) (io.ReadCloser, error)) operation {
	return func(ctx context.Context, x exchange) error {
		var in In
		if err := decode(x.in, &in); err != nil {
			return err
		}
		r, err := fn(ctx, in)
		if err != nil {
			return err
		}
		defer r.Close()
		x.out.Header().Set("Content-Type", "application/octet-stream")
		_, err = io.Copy(x.out, r)
		return err
	}
}

// errInput is a command whose input cannot be read.
var errInput = errors.New("the command cannot be read")

func decode(b []byte, in any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return nil
}

// ServeHTTP carries out one command: POST /v1/<name>, the input in the header Input or, if there is
// none, in the body.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ours := strings.CutPrefix(r.URL.Path, prefix)
	do, known := s.ops[name]
	switch {
	case !s.admits(r.Header.Get("Authorization")):
		fail(w, http.StatusUnauthorized, answer{Code: "token", Message: "the token is not this engine's"})
		return
	case !ours || !known || r.Method != http.MethodPost:
		fail(w, http.StatusNotFound, answer{Code: "no-command", Message: "no such command: " + name})
		return
	}
	x := exchange{in: []byte(r.Header.Get(inputHeader)), body: r.Body, out: w}
	if len(x.in) == 0 {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxInput))
		if err != nil {
			s.refuse(w, fmt.Errorf("%w: %w", errInput, err))
			return
		}
		x.in = b
	}
	w.Header().Set("Content-Type", "application/json")
	if err := do(r.Context(), x); err != nil {
		s.refuse(w, err)
	}
}

func (s *Server) admits(authorization string) bool {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	return ok && s.cfg.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.cfg.Token)) == 1
}

// answer is a command that was not carried out.
type answer struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
}

// statuses are the answers to errors of the domain that are no conflict of the data.
var statuses = map[content.Code]int{
	content.NoSite: http.StatusNotFound, content.NoItem: http.StatusNotFound, content.NoUser: http.StatusNotFound,
	content.NoPermission: http.StatusForbidden, content.Taken: http.StatusConflict, content.Locked: http.StatusLocked,
	remote.Busy: http.StatusServiceUnavailable, link.NoConnection: http.StatusBadGateway,
	remote.NotStaged: http.StatusConflict, remote.NoPublication: http.StatusNotFound,
	remote.NoSchedule: http.StatusNotFound, link.NoRemoteRight: http.StatusForbidden,
	link.NoAuthentication: http.StatusForbidden,
}

// cures are what a user can do about an error of the domain.
var cures = map[content.Code]string{
	content.NoSite:         "stagelock site list shows the sites and their ids",
	content.NoItem:         "stagelock content list shows what the site has",
	content.NoUser:         "stagelock user list shows the users of this engine",
	content.NoPermission:   "grant it: stagelock user grant",
	content.Taken:          "choose another one",
	content.NotInLibrary:   "an asset library takes web content, documents, tags and categories",
	remote.NotStaged:       "turn it on: stagelock staging enable",
	link.BadAddress:        "give a name, an IPv4 address or an IPv6 address, without a path",
	link.BadPort:           "give the port of the live side, from 1 to 65535",
	link.BadPathContext:    "it is empty, or begins with / and does not end with one",
	link.BadSiteID:         "take the id from live: stagelock site list",
	link.NoConnection:      "check the address, the port and the path context, and that live lets this host in",
	link.NoAuthentication:  "both sides need the same shared secret, and live a user with the same login",
	link.NoRemoteSite:      "take the id from live: stagelock site list",
	link.NoRemoteRight:     "on live: stagelock user grant LOGIN UPDATE EXPORT_IMPORT_LAYOUTS --site ID",
	link.WrongScope:        "choose another one of them: stagelock site list, here and on live",
	link.BadRemoteURL:      "give the whole address, such as https://www.example.com/web/shop",
	link.BadType:           "stagelock staging enable --help names the types",
	link.NoPages:           "leave --page-versioning out",
	remote.BadSchedule:     "such as '0 3 * * MON-FRI': stagelock staging schedule --help",
	remote.NoSchedule:      "stagelock staging list-schedules shows those of a site",
	remote.NoPublication:   "stagelock staging history shows those of a site",
	remote.NotCarried:      "stagelock staging status shows what is staged",
	remote.BadSelection:    "stagelock staging publish --help says what can be selected",
	link.SameSite:          "create another site for staging",
	remote.TypesFixed:      "stagelock staging disable, then enable it anew",
	remote.HalfEnabled:     "on live: stagelock site show, and stagelock site unlock if it is locked",
	revisions.NotVersioned: "enable staging with --page-versioning",
	revisions.NoVariation:  "stagelock page variations shows those that there are",
	revisions.NoBranch:     "make it: stagelock page add-variation --page",
	revisions.NoRevision:   "stagelock page revisions shows those of a page",
	libraries.Unstaged:     "enable staging for the site first: stagelock staging enable",
	libraries.NoLibrary:    "stagelock site list shows which are asset libraries",
	remote.NotOnLive:       "publish the page first: stagelock staging publish --page",
	remote.NoApplication:   "publish onto a page that holds the application, here and on live",
	remote.Busy:            "wait for it: stagelock staging history",
	content.Locked: "change it in the staging environment and publish it, or end the lock: " +
		"stagelock site unlock",
}

func (s *Server) refuse(w http.ResponseWriter, err error) {
	var e *content.Error
	switch {
	case errors.As(err, &e):
		status, known := statuses[e.Code]
		if !known {
			status = http.StatusUnprocessableEntity
		}
		fail(w, status, answer{Code: string(e.Code), Message: e.Error(), Cure: cures[e.Code]})
	case errors.Is(err, errInput):
		fail(w, http.StatusBadRequest, answer{Code: "input", Message: err.Error()})
	default:
		fail(w, http.StatusInternalServerError, answer{Code: "engine", Message: err.Error()})
	}
}

func fail(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // the caller is gone
}
