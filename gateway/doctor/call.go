package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/gateway/doctor/finding"
	"github.com/stagelock/stagelock/gateway/doctor/portal"
	"github.com/stagelock/stagelock/policy/secret"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// login makes the first call of a publish, which only asks: does live know the login, is there such a
// site, and may the login reach it.
func login(ctx context.Context, p *patient) []finding.Line {
	k, findings := secret.NewKey(
		secret.KeyConfig{ID: "doctor", Algorithm: p.Secret.Algorithm, Secret: []byte(p.Secret.Text), Hex: p.Secret.Hex, Line: p.Build},
	)
	if k == nil {
		return []finding.Line{finding.Mend(fmt.Sprintf("the secret makes no key: %v", findings), "make one with stagelock secret new")}
	}
	build := cmp.Or(p.me.Line, p.Build, "7.4")
	c, err := publisher.New(
		publisher.Config{
			URL:       p.To,
			Build:     build,
			Login:     p.Login,
			Site:      p.Site,
			Roots:     p.verify,
			Dial:      p.client(nil).Transport.(*http.Transport).DialContext,
			Authorize: func(login string) string { return k.Authorization(login, false, build == "6.2") },
		},
	)
	if err != nil {
		return []finding.Line{finding.Know("not looked at: " + err.Error())}
	}
	defer c.Close()
	if err := c.CheckRemoteStagingGroup(ctx, p.Site); err != nil {
		return []finding.Line{p.failed(err)}
	}
	return []finding.Line{finding.Well(fmt.Sprintf("%s may reach site %d", p.Login, p.Site)), p.permission(ctx, c)}
}

// permission asks for the site as a user must be allowed to see it who publishes into it. Whether he may import
// is asked with the first call that changes something, which no doctor makes.
func (p *patient) permission(ctx context.Context, c *publisher.Client) finding.Line {
	err := c.GetGroup(ctx, p.Site)
	var f *failure.Failure
	switch {
	case errors.As(err, &f) && strings.HasPrefix(f.Reason, "call."):
		return finding.Know("not looked at: the gateway there does not let the call getGroup pass").As("permission")
	case err != nil:
		return p.failed(err)
	}
	return finding.Well(fmt.Sprintf("live shows %s the site; publishing asks for Export/Import Application Info too, when it begins", p.Login)).
		As("permission")
}

// failed says why a call failed.
func (p *patient) failed(err error) finding.Line {
	var f *failure.Failure
	if errors.As(err, &f) {
		return p.denied(f)
	}
	return finding.Mend(err.Error(), "see the reference in the log there")
}

// denied says which of login, site and engine a call failed for.
func (p *patient) denied(f *failure.Failure) finding.Line {
	text, class := f.Msg, ""
	if f.Thrown != nil {
		class = f.Thrown.Class[strings.LastIndexByte(f.Thrown.Class, '.')+1:]
		text = f.Thrown.Message
	}
	text += " (reference " + f.Reference + ")"
	switch {
	case strings.HasPrefix(f.Reason, "login."):
		return finding.Mend(
			"the gateway there does not let this login publish: "+text,
			"add it to the peer's logins there, or enter one that is listed",
		)
	case strings.HasPrefix(f.Reason, "site."):
		return finding.Mend(
			fmt.Sprintf("site %d is not open to this peer: %s", p.Site, text),
			"add its id to the peer's sites there, or mend Remote Site ID",
		).As("site")
	case strings.HasPrefix(f.Reason, "engine."), f.Kind == failure.Unavailable:
		return finding.Mend("the engine behind the gateway there takes no calls: "+text, "run stagelock doctor there").As("engine")
	case class == "NoSuchGroupException":
		return finding.Mend(
			fmt.Sprintf("there is no site %d: %s", p.Site, text),
			"enter the id of the live site as Remote Site ID: Site Settings shows it",
		).As("site")
	case class == "RemoteAuthException":
		return finding.Mend("live does not know "+p.Login+" in the virtual instance that it is asked under: "+text,
			"use a login that live has, its mail address or its screen name in 6.2; or have engine.upstream.host there name the site's instance")
	case class == "PrincipalException" || strings.Contains(class, "MustHavePermission"):
		return finding.Mend(
			p.Login+" may not publish into the site: "+text,
			"give a role of the user View, Update, Publish Staging and Export/Import Pages on the live site",
		).As("permission")
	}
	return finding.Mend(cmp.Or(text, f.Error()), cmp.Or(f.Cure, "see the reference in the log there"))
}

var version = regexp.MustCompile(`\b(6\.2|7\.[0-4])\b(?:\.\d+)*`)

// line compares the version lines of both portals.
func line(ctx context.Context, p *patient) []finding.Line {
	own := p.Build
	if p.PortalURL != nil {
		res, err := p.versionHeader(ctx)
		if err != nil {
			return []finding.Line{finding.Know("not looked at: the portal here does not answer: " + err.Error())}
		}
		if m := version.FindStringSubmatch(res); m != nil {
			own = m[1]
		}
	}
	if own == "" || p.me.Line == "" {
		return []finding.Line{finding.Know("not looked at: the portal here does not tell its version; name it with --line")}
	}
	if own != p.me.Line {
		return []finding.Line{
			finding.Mend(fmt.Sprintf("staging is %s, live %s: publish between equal lines, and better between equal patch levels", own, p.me.Line),
				"update the older of the two portals; or mend engine.line there"),
		}
	}
	return []finding.Line{finding.Well("both are " + own)}
}

// versionHeader returns what the portal here says it is.
func (p *patient) versionHeader(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Reply)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, p.PortalURL.String(), nil)
	if err != nil {
		return "", err
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		return "", err
	}
	res.Body.Close()
	return res.Header.Get("Liferay-Portal"), nil
}

// buffer compares the size of the parts that the portal here sends with what is taken there.
func buffer(_ context.Context, p *patient) []finding.Line {
	v := p.Portal.Get(portal.Buffer)
	size, err := strconv.ParseInt(v.Text, 10, 64)
	if err != nil {
		size = defaultBuffer
	}
	if size <= p.me.PartMax {
		return []finding.Line{finding.Well(fmt.Sprintf("parts of %s are taken", bytesOf(size)))}
	}
	return []finding.Line{finding.Mend(fmt.Sprintf("the portal here sends parts of %s, and %s are taken there", bytesOf(size), bytesOf(p.me.PartMax)),
		fmt.Sprintf("%s=%d, or raise part_max_bytes there", portal.Buffer, min(p.me.PartMax, defaultBuffer))).In(v)}
}

// defaultBuffer is the size of parts where nobody says otherwise.
const defaultBuffer = 10 << 20

func bytesOf(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return strconv.FormatFloat(float64(n)/float64(u.size), 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
