package rules_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/upstream"
)

// engine is the pool of a live engine whose probes are answered with that level.
func engine(t *testing.T, level string) *upstream.Pool {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if level != "" {
			w.Header().Set("Liferay-Portal", level)
		}
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	p, err := upstream.New(upstream.Config{Nodes: []*url.URL{u}, Failures: 1, Interval: 5 * time.Millisecond, Timeout: 5 * time.Second,
		HealthPath: "/", Log: logrus.NewEntry(log), ReplyMax: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- p.Run(ctx) }()
	t.Cleanup(func() { stop(); <-over; p.Close() })
	for until := time.Now().Add(time.Minute); !slices.Contains(p.Says(), level); {
		if time.Now().After(until) {
			t.Fatalf("the pool heard %q, want %q", p.Says(), level)
		}
		<-time.After(time.Millisecond)
	}
	return p
}
