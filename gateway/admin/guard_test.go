package admin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/status"
)

// TestARequestOfNoKnownPlaceIsAStrangers: one without a place was taken for one that came by the socket.
func TestARequestOfNoKnownPlaceIsAStrangers(t *testing.T) {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	s := &Server{cfg: Config{Status: func() status.Status { return status.Status{} }, Metrics: http.NotFoundHandler(),
		Rules: func() Rules { return Rules{} }, Log: logrus.NewEntry(quiet)}}
	h := s.routes()
	for _, path := range []string{"/-/status", "/metrics", "/debug/pprof/"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil)) // from 192.0.2.1
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
