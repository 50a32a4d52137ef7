package publisher

import (
	"maps"
	"strconv"

	"github.com/stagelock/stagelock/tunnel/liferay"
)

// DefaultParameters is the parameter map of a publish of everything that the archive holds.
func DefaultParameters() map[string][]string {
	out := map[string][]string{"layoutSetBranchId": {""}, "range": {"all"}}
	for name, on := range map[string]bool{
		"PORTLET_DATA": true, "PORTLET_DATA_ALL": true, "PORTLET_DATA_CONTROL_DEFAULT": true,
		"PORTLET_SETUP_ALL":     true,
		"PORTLET_CONFIGURATION": true, "PORTLET_CONFIGURATION_ALL": true,
		"LAYOUT_SET_SETTINGS": true, "DELETIONS": true,
		"DELETE_MISSING_LAYOUTS": false, "DELETE_PORTLET_DATA": false, "PERMISSIONS": false, "LOGO": true,
	} {
		out[name] = []string{strconv.FormatBool(on)}
	}
	return out
}

// DefaultSettings are the settings of a publish of pages to this site, as the vendor's sender fills
// them.
func DefaultSettings(site int64, private bool, parameters map[string][]string) liferay.Settings {
	return liferay.Settings{
		"targetGroupId": site, "sourceGroupId": site, "privateLayout": private,
		"remotePrivateLayout": private,
		"layoutIdMap":         map[int64]bool{}, "parameterMap": parameters,
		"locale":   liferay.Locale{Language: "en", Country: "US"},
		"timezone": liferay.Zone{ID: "UTC"}, "userId": int64(0),
	}
}

// parameters returns the parameter map of this Client's publishes.
func (c *Client) parameters() map[string][]string {
	p := DefaultParameters()
	maps.Copy(p, c.cfg.Parameters)
	return p
}

// settings returns the settings of this Client's publishes. portlet is the application whose data
// is published, empty for pages.
func (c *Client) settings(portlet string) liferay.Settings {
	s := DefaultSettings(c.cfg.Site, c.cfg.Private, c.parameters())
	if portlet != "" {
		s["portletId"], s["sourcePlid"], s["targetPlid"] = portlet, int64(0), int64(0)
	}
	u := c.cfg.URL
	port, _ := strconv.ParseInt(u.Port(), 10, 32) // no port is 0, as the vendor stores it
	s["remoteAddress"], s["remotePort"], s["remotePathContext"] = u.Hostname(), int32(port), u.Path
	s["secureConnection"] = u.Scheme == "https"
	maps.Copy(s, c.cfg.Settings)
	return s
}
