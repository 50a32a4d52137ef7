package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

const (
	staging = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
	groups  = "com.liferay.portal.kernel.service.GroupServiceUtil"
)

// build is the one of 7.4 that the calls here are written as.
const build = "7.4.3.112"

// remote is a method as 7.4 declares it, and what it returns.
type remote struct {
	tunnel.Method
	returns string
}

// remotes has the calls of a publish by name.
var remotes = map[string]remote{
	"checkRemoteStagingGroup": {tunnel.Method{Service: groups, Parameters: []string{"long"}}, "void"},
	"enableStaging":           {tunnel.Method{Service: groups, Parameters: []string{"long"}}, "void"},
	"disableStaging":          {tunnel.Method{Service: groups, Parameters: []string{"long"}}, "void"},
	"createStagingRequest":    {tunnel.Method{Service: staging, Parameters: []string{"long", "java.lang.String"}}, "long"},
	"updateStagingRequest":    {tunnel.Method{Service: staging, Parameters: []string{"long", "java.lang.String", "[B"}}, "void"},
	"publishStagingRequest": {tunnel.Method{Service: staging,
		Parameters: []string{"long", "com.liferay.exportimport.kernel.model.ExportImportConfiguration"}},
		"com.liferay.exportimport.kernel.lar.MissingReferences"},
	"cleanUpStagingRequest": {tunnel.Method{Service: staging, Parameters: []string{"long"}}, "void"},
	"hasRemoteLayout": {tunnel.Method{Service: staging, Parameters: []string{"java.lang.String", "long", "boolean"}},
		"boolean"},
}

func method(name string) remote {
	r := remotes[name]
	r.Name = name
	return r
}

// storedHash is what a principal carries of its user's password.
const storedHash = "PBKDF2WithHmacSHA1/160/1300000/AAAAoAAT1iDgZGgCFvXCuyMHYSTVTgjq"

// Failures of the javaClient.
var (
	errUnanswered = errors.New("the connection closed without a byte of an answer, twice")
	errCut        = errors.New("the answer was cut")
)

// wireError is a definite answer that is no value.
type wireError struct {
	status int // 200 if it was an exception
	text   string
}

func (e *wireError) Error() string { return strconv.Itoa(e.status) + " " + e.text }

// javaClient sends calls as the vendor's client does: its connection is kept alive, its principal
// carries the stored password, and a POST whose connection closed before a byte of the answer is
// sent once more.
type javaClient struct {
	addr, host, target string
	tls                *tls.Config
	key                *secret.Key
	login              string
	from               net.IP // source address
	closes             bool   // a connection for each call
	repeat             func() // called before a POST is sent again
	succeeded          func(name string)

	conn    net.Conn
	r       *bufio.Reader
	repeats int
	refs    []string // of the answers
}

func newJavaClient(g *harness.Gateway, key *secret.Key) *javaClient {
	host := g.Addr
	return &javaClient{addr: g.Addr, host: host, target: g.URL[len("https://"+host):] + "/api/liferay/do", tls: g.TLS,
		key: key, login: harness.Login, from: net.IPv4(127, 0, 0, 1), repeat: func() {},
		succeeded: func(string) {}}
}

func (j *javaClient) close() {
	if j.conn != nil {
		_ = j.conn.Close()
		j.conn = nil
	}
}

// do makes a call and returns its value.
func (j *javaClient) do(ctx context.Context, name string, args ...any) (any, error) {
	m := method(name)
	call, err := liferay.NewCall(build, j.principal(), m.Method, args...)
	if err != nil {
		return nil, err
	}
	body, err := call.Append(nil)
	if err != nil {
		return nil, err
	}
	v, err := j.post(ctx, body, m.returns)
	if err == nil {
		j.succeeded(name)
	}
	return v, err
}

func (j *javaClient) principal() liferay.Principal {
	return liferay.Principal{Login: j.login, Password: storedHash, URL: "https://" + j.host}
}

// upload sends one part.
func (j *javaClient) upload(ctx context.Context, id int64, name string, content []byte) error {
	body, err := j.part(id, name, content)
	if err != nil {
		return err
	}
	if _, err = j.post(ctx, body, "void"); err == nil {
		j.succeeded("updateStagingRequest")
	}
	return err
}

func (j *javaClient) part(id int64, name string, content []byte) ([]byte, error) {
	call, err := liferay.NewCall(build, j.principal(), method("updateStagingRequest").Method,
		id, name, tunnel.Content{Size: int64(len(content))})
	if err != nil {
		return nil, err
	}
	front, tail, err := call.Split()
	if err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{front, content, tail}, nil), nil
}

// post sends a body, again if the connection closed without a byte of an answer.
func (j *javaClient) post(ctx context.Context, body []byte, returns string) (any, error) {
	if j.closes {
		defer j.close()
	}
	request := append(j.head(len(body)), body...)
	if !j.send(ctx, request) {
		j.repeats++
		j.repeat()
		if !j.send(ctx, request) {
			return nil, errUnanswered
		}
	}
	return j.answer(returns)
}

func (j *javaClient) head(length int) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nContent-Type: application/x-java-serialized-object\r\n"+
		"Authorization: %s\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nUser-Agent: Java/17.0.15\r\nHost: %s\r\n"+
		"Accept: text/html, image/gif, image/jpeg, */*; q=0.2\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n",
		j.target, j.key.Authorization(j.login, false, false), j.host, length)
}

// send says whether a byte of an answer came.
func (j *javaClient) send(ctx context.Context, request []byte) bool {
	if j.conn == nil && j.dial(ctx) != nil {
		return false
	}
	_, err := j.conn.Write(request) // a refusal may have come before the whole call was written
	if _, noAnswer := j.r.Peek(1); noAnswer != nil || err != nil && j.r.Buffered() == 0 {
		j.close()
		return false
	}
	return true
}

func (j *javaClient) dial(ctx context.Context) error {
	d := tls.Dialer{Config: j.tls, NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: j.from}}}
	conn, err := d.DialContext(ctx, "tcp", j.addr)
	if err != nil {
		return err
	}
	j.conn, j.r = conn, bufio.NewReader(conn)
	return nil
}

// answer reads the answer of a call.
func (j *javaClient) answer(returns string) (any, error) {
	_ = j.conn.SetReadDeadline(time.Now().Add(time.Minute))
	resp, err := http.ReadResponse(j.r, nil)
	if err != nil {
		j.close()
		return nil, fmt.Errorf("%w: %w", errCut, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		j.close()
		return nil, fmt.Errorf("%w: %w", errCut, err)
	}
	if resp.Close {
		j.close()
	}
	j.refs = append(j.refs, resp.Header.Get("X-Stagelock-Reference"))
	if resp.StatusCode != http.StatusOK {
		return nil, &wireError{resp.StatusCode, string(body)}
	}
	lim := javaser.DefaultLimits()
	r, err := liferay.ReadReply(source.New(bytes.NewReader(body), nil, lim.Held), lim, returns, true)
	if err != nil {
		return nil, err
	}
	if r.Thrown != nil {
		return nil, &wireError{http.StatusOK, r.Thrown.Error()}
	}
	return r.Value, nil
}

// publish sends an archive in parts of that many bytes and has it imported.
func (j *javaClient) publish(ctx context.Context, lar []byte, buffer int64) (err error) {
	if _, err = j.do(ctx, "checkRemoteStagingGroup", int64(harness.Site)); err != nil {
		return err
	}
	id, err := j.create(ctx, lar)
	if err != nil {
		return err
	}
	defer func() {
		_, after := j.do(context.WithoutCancel(ctx), "cleanUpStagingRequest", id)
		err = errors.Join(err, after)
	}()
	parts, err := parts.Split("3c0d.zip", int64(len(lar)), buffer)
	if err != nil {
		return err
	}
	for p := range parts {
		if err = j.upload(ctx, id, p.Name, lar[p.Offset:p.Offset+p.Size]); err != nil {
			return err
		}
	}
	settings := publisher.DefaultSettings(harness.Site, false, publisher.DefaultParameters())
	_, err = j.do(ctx, "publishStagingRequest", id, settings)
	return err
}

func (j *javaClient) create(ctx context.Context, lar []byte) (int64, error) {
	d, err := parts.Digest(ctx, bytes.NewReader(lar))
	if err != nil {
		return 0, err
	}
	v, err := j.do(ctx, "createStagingRequest", int64(harness.Site), d.MD5)
	if err != nil {
		return 0, err
	}
	id, ok := v.(int64)
	if !ok {
		return 0, fmt.Errorf("create answered %T", v)
	}
	return id, nil
}
