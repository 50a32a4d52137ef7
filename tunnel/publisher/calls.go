package publisher

import (
	"context"
	"fmt"
	"io"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
	"github.com/stagelock/stagelock/tunnel/publisher/methods"
)

// CheckRemoteStagingGroup asks whether the site is there and the caller may reach it.
func (c *Client) CheckRemoteStagingGroup(ctx context.Context, site int64) error {
	_, err := c.Do(ctx, "checkRemoteStagingGroup", site)
	return err
}

// CreateStagingRequest announces an archive by its MD5 in lower-case hex and returns the id of the
// request. The same archive for the same site gets the same id.
func (c *Client) CreateStagingRequest(ctx context.Context, site int64, md5 string) (int64, error) {
	return value[int64](c.Do(ctx, "createStagingRequest", site, md5))
}

// UpdateStagingRequest sends one part of size bytes, read from content as it leaves.
func (c *Client) UpdateStagingRequest(ctx context.Context, id int64, name string, content io.Reader,
	size int64) error {
	return c.update(ctx, id, name, &body{content: content, size: size, tell: func(int64, int64) {}})
}

func (c *Client) update(ctx context.Context, id int64, name string, part *body) error {
	m, returns, err := methods.Find(c.build, "updateStagingRequest", 3)
	if err != nil {
		return err
	}
	call, err := liferay.NewCall(c.build, c.principal(), m, id, name, tunnel.Content{Size: part.size})
	if err != nil {
		return err
	}
	_, err = c.send(ctx, call, returns, part)
	return err
}

// ValidateStagingRequest asks whether the archive that was sent could be imported. 6.2 and 7.0 to
// 7.2 have it.
func (c *Client) ValidateStagingRequest(ctx context.Context, id int64, private bool,
	parameters map[string][]string) (*liferay.Reply, error) {
	return c.find(ctx, "validateStagingRequest", id, private, parameters)
}

// PublishStagingRequestMap imports the archive that was sent, in the form of 6.2 and 7.0 to 7.2. It
// lasts as long as the import.
func (c *Client) PublishStagingRequestMap(ctx context.Context, id int64, private bool,
	parameters map[string][]string) (*liferay.Reply, error) {
	return c.find(ctx, "publishStagingRequest", id, private, parameters)
}

// PublishStagingRequest imports the archive that was sent, in the form of 7.0 and later. It lasts
// as long as the import.
func (c *Client) PublishStagingRequest(ctx context.Context, id int64,
	settings liferay.Settings) (*liferay.Reply, error) {
	return c.find(ctx, "publishStagingRequest", id, settings)
}

// CleanUpStagingRequest throws away what was sent for the request.
func (c *Client) CleanUpStagingRequest(ctx context.Context, id int64) error {
	_, err := c.Do(ctx, "cleanUpStagingRequest", id)
	return err
}

// HasRemoteLayout asks whether the site has that page. 7.1 and later have it.
func (c *Client) HasRemoteLayout(ctx context.Context, uuid string, site int64, private bool) (bool, error) {
	return value[bool](c.Do(ctx, "hasRemoteLayout", uuid, site, private))
}

// GetGroup asks for the site itself, whose fields are not looked at: an answer says that it is
// there.
func (c *Client) GetGroup(ctx context.Context, site int64) error {
	_, err := c.Do(ctx, "getGroup", site)
	return err
}

// GetGroupDisplayURL returns the address of the site's pages. 7.0 and later have it.
func (c *Client) GetGroupDisplayURL(ctx context.Context, site int64, private, secure bool) (string, error) {
	return value[string](c.Do(ctx, "getGroupDisplayURL", site, private, secure))
}

// EnableStaging tells live that a staging site is attached. Twice counts twice.
func (c *Client) EnableStaging(ctx context.Context, site int64) error {
	_, err := c.Do(ctx, "enableStaging", site)
	return err
}

// DisableStaging tells live that a staging site was detached.
func (c *Client) DisableStaging(ctx context.Context, site int64) error {
	_, err := c.Do(ctx, "disableStaging", site)
	return err
}

// UpdateStagedPortlets tells live which applications are staged.
func (c *Client) UpdateStagedPortlets(ctx context.Context, site int64, flags map[string]string) error {
	_, err := c.Do(ctx, "updateStagedPortlets", site, flags)
	return err
}

// Do makes a staging call of the Client's build by name. Arguments are as liferay.NewCall takes
// them. An exception that the call throws is a *Failure.
func (c *Client) Do(ctx context.Context, name string, args ...any) (*liferay.Reply, error) {
	m, returns, err := methods.Find(c.build, name, len(args))
	if err != nil {
		return nil, err
	}
	return c.Call(ctx, m, returns, args...)
}

// Call makes any call, one that no build has included, and reads an answer of the Java type
// returns.
func (c *Client) Call(ctx context.Context, m tunnel.Method, returns string,
	args ...any) (*liferay.Reply, error) {
	call, err := liferay.NewCall(c.build, c.principal(), m, args...)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, call, returns, nil)
}

func (c *Client) principal() liferay.Principal {
	return liferay.Principal{Login: c.cfg.Login, URL: c.cfg.URL.String()}
}

// value returns the value of a reply, which has the type that the method returns.
func value[T any](r *liferay.Reply, err error) (v T, _ error) {
	if err != nil {
		return v, err
	}
	v, ok := r.Value.(T)
	if !ok {
		return v, fmt.Errorf("answer is %T, want %T", r.Value, v)
	}
	return v, nil
}

// find makes a call whose answer may list references that must be there, and turns such an answer
// into the failure that it is.
func (c *Client) find(ctx context.Context, name string, args ...any) (*liferay.Reply, error) {
	r, err := c.Do(ctx, name, args...)
	if err != nil {
		return nil, err
	}
	if hard, _, ok := r.MissingReferences(); ok && len(hard) > 0 {
		return r, failure.Lacking(name, hard)
	}
	return r, nil
}
