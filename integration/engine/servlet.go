package engine

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// maxSwallow is how much of a refused body is read before the answer, as the vendor's container
// does.
const maxSwallow = 2 << 20

// Handler returns the tunnel's servlet. It answers as the vendor's does: 200 with an exception for
// a wrong token, 403 without a body for a call without credentials, 404 for GET, 200 without a body
// for what it cannot read, and it takes other spellings of its path too. Nothing is filtered: that
// is what the gateway is for.
func (e *Engine) Handler() http.Handler { return http.HandlerFunc(e.serve) }

func (e *Engine) serve(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = nil // the vendor's servlet sends none
	switch authorization := r.Header.Get("Authorization"); {
	case !e.mapped(r.URL.Path):
		e.refuse(w, r, http.StatusNotFound)
	case r.Method != http.MethodPost:
		e.refuse(w, r, e.noSuchVerb())
	case authorization == "":
		e.refuse(w, r, http.StatusForbidden)
	default:
		e.verified(w, r, authorization)
	}
}

// mapped says whether the container would hand the path to the servlet.
func (e *Engine) mapped(p string) bool {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.HasPrefix(path.Clean(strings.Join(segments, "/")), e.cfg.Context+"/api/liferay/")
}

func (e *Engine) noSuchVerb() int {
	if e.cfg.Line == "6.2" {
		return http.StatusMethodNotAllowed
	}
	return http.StatusNotFound
}

func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, status int) {
	swallow(r.Body)
	w.WriteHeader(status)
}

// swallow reads what the client is still sending, so that it comes to reading the answer.
func swallow(body io.Reader) { _, _ = io.CopyN(io.Discard, body, maxSwallow) }

func (e *Engine) verified(w http.ResponseWriter, r *http.Request, authorization string) {
	login, err := e.verify(authorization)
	if err != nil {
		swallow(r.Body)
		e.throwTo(w, e.wrongSecret())
		return
	}
	if _, err := e.user(r.Context(), e.db, login); err != nil {
		swallow(r.Body)
		e.throwTo(w, err)
		return
	}
	e.invoke(w, r, login)
}

func (e *Engine) verify(authorization string) (string, error) {
	if e.cfg.Verify == nil {
		return "", errors.New("no verifier")
	}
	return e.cfg.Verify(authorization)
}

// invoke reads the call, carries it out and writes what it answered.
func (e *Engine) invoke(w http.ResponseWriter, r *http.Request, login string) {
	lim := javaser.DefaultLimits()
	lim.Bulk = math.MaxInt32 // the longest array that Java has
	var part *Part
	c, err := liferay.Read(javaser.NewInput(r.Body, nil, lim.Held), lim, func(p liferay.Part) (err error) {
		part, err = e.Spool(p.Content)
		return err
	})
	defer part.Close()
	if err != nil {
		swallow(r.Body)
		return // 200 and nothing, as for everything that cannot be read
	}
	ctx := context.WithoutCancel(r.Context()) // a client that goes away does not stop a call
	v, err := e.Execute(ctx, login, c.Call, part)
	switch {
	case errors.Is(err, ErrUnknownMethod):
	case err != nil:
		e.throwTo(w, err)
	case v != nil:
		e.answer(w, func(b []byte) ([]byte, error) { return e.appendValue(b, v) })
	}
}

// throwTo writes err as an exception. What is no exception of a call is a run-time exception, which
// the vendor wraps.
func (e *Engine) throwTo(w http.ResponseWriter, err error) {
	var x *Exception
	if !errors.As(err, &x) {
		x = e.throw(system, "%v", err)
	}
	e.answer(w, func(b []byte) ([]byte, error) {
		switch {
		case x.Type != 0:
			return liferay.AppendRemoteAuth(b, e.build, x.Type, x.Message)
		case e.cfg.HideExceptions:
			return liferay.AppendThrown(b, e.build, liferay.Thrown{
				Class: liferay.ClassPortalException, Message: "Invocation failed due to " + x.Class})
		}
		return liferay.AppendThrown(b, e.build, liferay.Thrown{Class: x.Class, Message: x.Message})
	})
}

func (e *Engine) answer(w http.ResponseWriter, appendTo func([]byte) ([]byte, error)) {
	b, err := appendTo(nil)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b)
}

func (e *Engine) appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case Site:
		return liferay.AppendGroup(b, e.build, groupModel(v))
	case Item:
		return liferay.AppendLayout(b, e.build, layoutModel(v, e.cfg.CompanyID))
	case ClassName:
		return liferay.AppendClassName(b, e.build, classNameModel(v))
	case *MissingReferences:
		return liferay.AppendMissing(b, e.build, wireReferences(v.Dependency), wireReferences(v.Weak))
	}
	return liferay.AppendValue(b, e.build, v)
}
