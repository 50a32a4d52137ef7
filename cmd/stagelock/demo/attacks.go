package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// attack is something that must not pass a gateway.
type attack struct {
	name   string
	method string // that the engine must not carry out
	try    func(context.Context, *Environment) (*failure.Failure, error)
}

var attacks = []attack{
	{"a guessed secret", "checkRemoteStagingGroup", guessedSecret},
	{"an address that is not allowed", "checkRemoteStagingGroup", foreignAddress},
	{"a service that is not staging's", "getUserById", foreignService},
	{"an import into another site", "publishStagingRequest", foreignSite},
	{"a line break in an application's name", "updateStagedPortlets", lineBreak},
}

// errPassed is an attack that nobody stopped.
var errPassed = errors.New("it was not stopped")

// refusal returns the failure that an attack must end with.
func refusal(err error) (*failure.Failure, error) {
	var f *failure.Failure
	switch {
	case err == nil:
		return nil, errPassed
	case !errors.As(err, &f):
		return nil, err
	case f.Kind != failure.Denied && f.Kind != failure.Refused:
		return nil, f
	}
	return f, nil
}

// with makes calls as the attacker.
func with(e *Environment, change func(*publisher.Config),
	call func(*publisher.Client) error) (*failure.Failure, error) {
	c, err := e.client(change)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	return refusal(call(c))
}

func check(ctx context.Context, site int64) func(*publisher.Client) error {
	return func(c *publisher.Client) error { return c.CheckRemoteStagingGroup(ctx, site) }
}

func guessedSecret(ctx context.Context, e *Environment) (*failure.Failure, error) {
	guessed, err := keyOf(hex.EncodeToString([]byte("0123456789abcdef")))
	if err != nil {
		return nil, err
	}
	return with(e, func(c *publisher.Config) {
		c.Authorize = func(login string) string { return guessed.Authorization(login, false, false) }
	}, check(ctx, e.site))
}

// errUntried is an attack that this machine is not fit for.
var errUntried = errors.New("this machine has no second loopback address")

func foreignAddress(ctx context.Context, e *Environment) (*failure.Failure, error) {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		return nil, errUntried
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	return with(e, func(c *publisher.Config) { c.Dial = d.DialContext }, check(ctx, e.site))
}

func foreignService(ctx context.Context, e *Environment) (*failure.Failure, error) {
	m := tunnel.Method{Service: "com.liferay.portal.kernel.service.UserServiceUtil",
		Name: "getUserById", Parameters: []string{"long"}}
	return with(e, nil, func(c *publisher.Client) error {
		_, err := c.Call(ctx, m, "void", int64(20199))
		return err
	})
}

func foreignSite(ctx context.Context, e *Environment) (*failure.Failure, error) {
	lar := []byte("an archive that never gets so far")
	return with(e, func(c *publisher.Config) {
		c.Settings = liferay.Settings{"targetGroupId": int64(otherSite)}
	}, func(c *publisher.Client) error {
		_, err := c.Publish(ctx, bytes.NewReader(lar), int64(len(lar)))
		var f *failure.Failure
		if errors.As(err, &f) && f.Call != "publishStagingRequest" {
			return fmt.Errorf("stopped too early: %w", errors.New(f.Error()))
		}
		return err
	})
}

func lineBreak(ctx context.Context, e *Environment) (*failure.Failure, error) {
	return with(e, nil, func(c *publisher.Client) error {
		return c.UpdateStagedPortlets(ctx, e.site,
			map[string]string{"staged-portlet_blogs=true\nstagedRemotely": "true"})
	})
}
