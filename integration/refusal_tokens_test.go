package integration_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
)

// tokenOf returns the token that the publisher's CMS makes for a login.
func tokenOf(t testing.TB, login string) []byte {
	t.Helper()
	pair, err := base64.StdEncoding.DecodeString(credentials(t, harness.Secret, login))
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(string(pair), ":")
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// header writes an Authorization of any login with any token.
func header(login string, token []byte) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+base64.StdEncoding.EncodeToString(token)))
}

// forged is the header of one login with the token of another.
func forged(t testing.TB, of, login string) string { return header(login, tokenOf(t, of)) }

// paste joins the first block of one token and the rest of another.
func paste(t testing.TB, first, second, login string) string {
	t.Helper()
	return header(login, append(bytes.Clone(tokenOf(t, first)[:16]), tokenOf(t, second)[16:]...))
}

// anyTree reads a stream whatever stands in it.
func anyTree(t testing.TB, body []byte) *graph.Object {
	t.Helper()
	lim := javaser.DefaultLimits()
	v, err := javaser.NewDecoder(source.New(bytes.NewReader(body), nil, lim.Held), lim).Decode(graph.Any())
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	o, ok := v.(*graph.Object)
	if !ok {
		t.Fatalf("a %T", v)
	}
	return o
}
