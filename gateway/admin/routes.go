package admin

import (
	"encoding/json"
	"fmt"
	stdlog "log"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/status"
)

// Reloaded says what became of a reload.
type Reloaded struct {
	OK      bool   `json:"ok"`
	Message string `json:"message"`
	// Changed are the settings that are others than before, by name.
	Changed []string `json:"changed"`
	// Restart are those of them that count after a restart only.
	Restart  []string  `json:"restart,omitempty"`
	Problems []Problem `json:"problems,omitempty"` // of the new configuration
}

// Problem is something wrong with a configuration.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// Readiness is what the readiness path tells in JSON.
type Readiness struct {
	Ready    bool          `json:"ready"`
	Problems []string      `json:"problems,omitempty"`
	Facts    []status.Fact `json:"facts"`
}

// The paths that the client uses.
const (
	statusPath = "/-/status"
	reloadPath = "/-/reload"
)

// routes is everything that the admin listener answers.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index)
	for _, path := range []string{"/healthz", "/-/healthy"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "healthy\n") })
	}
	for _, path := range []string{"/readyz", "/-/ready"} {
		mux.HandleFunc("GET "+path, s.ready)
	}
	mux.Handle("GET /metrics", s.cfg.Metrics)
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.cfg.Status()) })
	mux.HandleFunc("POST "+reloadPath, s.operator(s.reload))
	for path, h := range map[string]http.HandlerFunc{
		"": pprof.Index, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		mux.HandleFunc("GET /debug/pprof/"+path, s.operator(s.profiles(h)))
	}
	for path, h := range s.cfg.Orders {
		mux.HandleFunc("POST "+path, s.operator(h.ServeHTTP))
	}
	return s.guard(http.NewCrossOriginProtection().Handler(mux))
}

// guard refuses who may not read here at all.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if bySocket(r) {
			next.ServeHTTP(w, r)
			return
		}
		rules := s.cfg.Rules()
		switch from := client(r); {
		case !from.IsLoopback() && (rules.Allowed == nil || !rules.Allowed(from)):
			text(w, http.StatusForbidden, from.String()+" may not read here: add it to admin.allow\n")
		case !rules.knows(r.Host):
			text(
				w,
				http.StatusMisdirectedRequest,
				"this gateway is not known by that Host: use an address, or add the name to admin.names\n",
			)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knows reports whether a Host is an address, or a name of this gateway. A page of another site whose
// name was made to lead here comes with that name.
func (r *Rules) knows(host string) bool {
	name := hostName(host)
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	return slices.ContainsFunc(r.Names, func(known string) bool { return hostName(known) == name })
}

// operator lets only those through who may change things.
func (s *Server) operator(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !trusted(r) {
			text(w, http.StatusForbidden, "this is for who is on the gateway's machine, and comes through no proxy\n")
			return
		}
		next(w, r)
	}
}

// profiles serves what shows the inside of the process to who has the socket, and to others of this
// machine if the operator says so.
func (s *Server) profiles(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !bySocket(r) && !s.cfg.Rules().Profiles {
			text(w, http.StatusForbidden, "profiles are to be had by the socket; set admin.pprof for this address too\n")
			return
		}
		next(w, r)
	}
}

func index(w http.ResponseWriter, _ *http.Request) {
	text(
		w,
		http.StatusOK,
		"stagelock\n\nGET  /healthz        it runs\nGET  /readyz         publishes can pass, and what was looked at; ?json\n"+
			"GET  /metrics        for Prometheus\nGET  /-/status       everything, as JSON\nPOST /-/reload       read the configuration again\n"+ //nolint:lll // as it is read
			"GET  /debug/pprof/   profiles\n",
	)
}

// ready tells whether publishes can pass, and what was looked at.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	now := s.cfg.Status()
	code := http.StatusOK
	if !now.Ready {
		code = http.StatusServiceUnavailable
	}
	facts := now.Facts()
	if r.URL.Query().Has("json") || strings.Contains(r.Header.Get("Accept"), "application/json") {
		answer(w, code, Readiness{Ready: now.Ready, Problems: now.Problems, Facts: facts})
		return
	}
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "%-4s  %-11s  %s\n", f.Mark, f.ID, f.Words)
	}
	text(w, code, b.String())
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	done := s.cfg.Reload(r.Context(), asker(r))
	if done.Changed == nil {
		done.Changed = []string{}
	}
	code := http.StatusOK
	if !done.OK {
		code = http.StatusUnprocessableEntity
	}
	answer(w, code, done)
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body)) // a client that is gone reads nothing
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a client that is gone reads nothing
}

// logger is the log of an http.Server: what clients do wrong.
func logger(log *logrus.Entry) *stdlog.Logger { return stdlog.New(lines{log}, "", 0) }

type lines struct{ log *logrus.Entry }

func (l lines) Write(b []byte) (int, error) {
	l.log.Debug(strings.TrimSpace(string(b)))
	return len(b), nil
}
