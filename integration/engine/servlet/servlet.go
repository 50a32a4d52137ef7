package servlet

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/staging"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// maxSwallow is how much of a refused body is read before the answer, as the vendor's container
// does.
const maxSwallow = 2 << 20

// VerifyFunc judges an Authorization header and returns the login that it proves. An empty header
// is not passed to it. An error is what a wrong token is.
type VerifyFunc func(authorization string) (login string, err error)

// Config says what a Servlet is. Live and Store are needed; the zero Verify admits nobody.
type Config struct {
	Live           *staging.Live
	Store          *content.Store
	Line           string // version line whose class names and manners it has: 6.2, 7.0 to 7.4
	Context        string // path context before /api/liferay/do, such as /portal
	CompanyID      int64
	Level          string // what every answer says the engine is; empty says nothing
	HideExceptions bool   // PortalException("Invocation failed due to <class>") instead of the exception itself
	Verify         VerifyFunc
}

// Servlet answers the calls of the tunnel. It is safe for concurrent use.
type Servlet struct {
	cfg   Config
	build string // recorded build whose classes the answers are written in
}

// New returns the Servlet, or an error for a line that there is not.
func New(cfg Config) (*Servlet, error) {
	build, err := liferay.BuildOf(cfg.Line)
	return &Servlet{cfg: cfg, build: build}, err
}

// Handler returns the tunnel's servlet. It answers as the vendor's does: 200 with an exception for
// a wrong token, 403 without a body for a call without credentials, 404 for GET, 200 without a body
// for what it cannot read, and it takes other spellings of its path too. Nothing is filtered: that
// is what the gateway is for.
func (s *Servlet) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *Servlet) serve(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = nil // the vendor's servlet sends none
	if s.cfg.Level != "" {
		w.Header().Set("Liferay-Portal", s.cfg.Level)
	}
	switch authorization := r.Header.Get("Authorization"); {
	case !s.mapped(r.URL.Path):
		s.refuse(w, r, http.StatusNotFound)
	case r.Method != http.MethodPost:
		s.refuse(w, r, s.noSuchVerb())
	case authorization == "":
		s.refuse(w, r, http.StatusForbidden)
	default:
		s.verified(w, r, authorization)
	}
}

// mapped reports whether the container would hand the path to the servlet.
func (s *Servlet) mapped(p string) bool {
	segments := strings.Split(p, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.HasPrefix(path.Clean(strings.Join(segments, "/")), s.cfg.Context+"/api/liferay/")
}

func (s *Servlet) noSuchVerb() int {
	if s.cfg.Line == "6.2" {
		return http.StatusMethodNotAllowed
	}
	return http.StatusNotFound
}

func (s *Servlet) refuse(w http.ResponseWriter, r *http.Request, status int) {
	swallow(r.Body)
	w.WriteHeader(status)
}

// swallow reads what the client is still sending, so that it comes to reading the answer.
func swallow(body io.Reader) { _, _ = io.CopyN(io.Discard, body, maxSwallow) }

func (s *Servlet) verified(w http.ResponseWriter, r *http.Request, authorization string) {
	login, err := s.verify(authorization)
	if err != nil {
		swallow(r.Body)
		s.throw(w, wrongSecret(s.cfg.Line))
		return
	}
	if _, err := s.cfg.Store.User(r.Context(), login); err != nil {
		swallow(r.Body)
		s.throwTo(w, err)
		return
	}
	s.invoke(w, r, login)
}

func (s *Servlet) verify(authorization string) (string, error) {
	if s.cfg.Verify == nil {
		return "", errors.New("no verifier")
	}
	return s.cfg.Verify(authorization)
}

// invoke reads the call, carries it out and writes what it answered.
func (s *Servlet) invoke(w http.ResponseWriter, r *http.Request, login string) {
	lim := javaser.DefaultLimits()
	lim.Bulk = math.MaxInt32 // the longest array that Java has
	var part *staging.Part
	c, err := liferay.Read(source.New(r.Body, nil, lim.Held), lim, func(p liferay.Part) (err error) {
		part, err = s.cfg.Live.Spool(p.Content)
		return err
	})
	defer part.Close()
	if err != nil {
		swallow(r.Body)
		return // 200 and nothing, as for everything that cannot be read
	}
	ctx := context.WithoutCancel(r.Context()) // a client that goes away does not stop a call
	v, err := s.Execute(ctx, login, c.Call, part)
	switch {
	case errors.Is(err, ErrUnknownMethod):
	case err != nil:
		s.throwTo(w, err)
	case v != nil:
		s.answer(w, func(b []byte) ([]byte, error) { return s.appendValue(b, v) })
	}
}

// throwTo writes err as an exception. What is no error of a call is a run-time exception, which the
// vendor wraps.
func (s *Servlet) throwTo(w http.ResponseWriter, err error) {
	x, known := Translate(s.cfg.Line, err)
	if !known {
		x = system.exception(s.cfg.Line, err.Error())
	}
	s.throw(w, x)
}

func (s *Servlet) throw(w http.ResponseWriter, x *Exception) {
	s.answer(w, func(b []byte) ([]byte, error) {
		switch {
		case x.Type != 0:
			return liferay.AppendRemoteAuth(b, s.build, x.Type, x.Message)
		case s.cfg.HideExceptions:
			return liferay.AppendThrown(b, s.build, liferay.Thrown{
				Class: liferay.ClassPortalException, Message: "Invocation failed due to " + x.Class})
		}
		return liferay.AppendThrown(b, s.build, liferay.Thrown{Class: x.Class, Message: x.Message})
	})
}

func (s *Servlet) answer(w http.ResponseWriter, appendTo func([]byte) ([]byte, error)) {
	b, err := appendTo(nil)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

func (s *Servlet) appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case content.Site:
		return liferay.AppendGroup(b, s.build, groupModel(v))
	case content.Item:
		return liferay.AppendLayout(b, s.build, layoutModel(v, s.cfg.CompanyID))
	case staging.ClassName:
		return liferay.AppendClassName(b, s.build, classNameModel(v))
	case *lar.MissingReferences:
		return liferay.AppendMissing(b, s.build, wireReferences(v.Dependency), wireReferences(v.Weak))
	}
	return liferay.AppendValue(b, s.build, v)
}
