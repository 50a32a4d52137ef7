package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	build  = "7.4.3.112" // whose form the calls have
	login  = "publisher@example.com"
	key    = "kJ4-9wQe_7Zr2mXb"
	site   = 20121
	target = "/api/liferay/do"
	host   = "127.0.0.1" // in every head
	part   = 10 << 20

	// storedHash is what a principal carries of its user's password.
	storedHash = "PBKDF2WithHmacSHA1/160/1300000/AAAAoAAT1iDgZGgCFvXCuyMHYSTVTgjq"

	// What stands in the calls as written, and is written over for each call.
	someID   = 0x5a5a1234a5a55678
	someSum  = "0123456789abcdef0123456789abcdef"
	somePart = "3c0d2f6e.zip000"
)

// calls are whole requests, written once.
type calls struct {
	read, create, update, clean request
	token                       string
}

// request is a whole request, with the places of what changes from call to call.
type request struct {
	bytes         []byte
	id, sum, part int // where it stands; 0: nowhere
}

// own returns a copy that a connection may write into. A part is large: its content is shared by nobody.
func (r request) own() request {
	r.bytes = bytes.Clone(r.bytes)
	return r
}

func (r request) setID(id int64) { binary.BigEndian.PutUint64(r.bytes[r.id:], uint64(id)) }

// setSum writes a checksum that no other call has.
func (r request) setSum(n uint64) {
	const digits = "0123456789abcdef"
	for i := range 16 {
		r.bytes[r.sum+i] = digits[n>>(4*i)&15]
	}
}

func (r request) setPart(n int) { copy(r.bytes[r.part+len(somePart)-3:], fmt.Sprintf("%03d", n)) }

// writeCalls writes the calls of the scenes.
func writeCalls(size int) (*calls, error) {
	k, problems := secret.NewKey(secret.KeyConfig{ID: "bench", Algorithm: "AES", Secret: []byte(key), Line: "7.4"})
	if k == nil {
		return nil, fmt.Errorf("the key: %v", problems)
	}
	c := &calls{token: k.Authorization(login, false, false)}
	var errs [4]error
	const staging = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
	c.read, errs[0] = c.whole(nil, tunnel.Method{Service: staging, Name: "hasRemoteLayout",
		Parameters: []string{"java.lang.String", "long", "boolean"}}, "5b7d2a1c-3c0d-4f0f-9c36-0f7f0f1b8a11", int64(site), false)
	c.create, errs[1] = c.whole(nil, tunnel.Method{Service: staging, Name: "createStagingRequest",
		Parameters: []string{"long", "java.lang.String"}}, int64(site), someSum)
	c.update, errs[2] = c.whole(make([]byte, size), tunnel.Method{Service: staging, Name: "updateStagingRequest",
		Parameters: []string{"long", "java.lang.String", "[B"}}, int64(someID), somePart, tunnel.Content{Size: int64(size)})
	c.clean, errs[3] = c.whole(nil, tunnel.Method{Service: staging, Name: "cleanUpStagingRequest",
		Parameters: []string{"long"}}, int64(someID))
	return c, errors.Join(errs[:]...)
}

// whole writes one request, as Java's client does.
func (c *calls) whole(content []byte, m tunnel.Method, args ...any) (r request, err error) {
	call, err := liferay.NewCall(build, liferay.Principal{Login: login, Password: storedHash, URL: "https://" + host}, m, args...)
	if err != nil {
		return r, err
	}
	write := func() (front, tail []byte, err error) { front, err = call.Append(nil); return }
	if content != nil {
		write = call.Split
	}
	front, tail, err := write()
	if err != nil {
		return r, err
	}
	r.bytes = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nContent-Type: application/x-java-serialized-object\r\n"+
		"Authorization: %s\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nUser-Agent: Java/17.0.15\r\nHost: %s\r\n"+
		"Accept: text/html, image/gif, image/jpeg, */*; q=0.2\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n",
		target, c.token, host, len(front)+len(content)+len(tail))
	r.bytes = append(append(append(r.bytes, front...), content...), tail...)
	find := func(what []byte) int { return max(0, bytes.Index(r.bytes, what)) }
	r.id, r.sum, r.part = find(binary.BigEndian.AppendUint64(nil, someID)), find([]byte(someSum)), find([]byte(somePart))
	return r, nil
}
