package calls

import "strconv"

// controlPanelName is the name of the group that the control panel is in. 7.1 GA1 looks it up
// before it publishes single content.
const controlPanelName = "Control Panel"

// siteListed demands that the site that a call names is one of the peer's.
func siteListed(j *judgement) *Refusal {
	if j.rule.site == 0 || j.peer.allows(j.facts.Site) {
		return nil
	}
	return j.siteDenied(j.facts.Site)
}

// pageSiteListed is siteListed for the look-up of a site's default page, which may be the control
// panel's too.
func pageSiteListed(j *judgement) *Refusal {
	if j.known.ControlPanel {
		return nil
	}
	return siteListed(j)
}

func (j *judgement) siteDenied(site int64) *Refusal {
	id := strconv.FormatInt(site, 10)
	return refuse(SiteDenied, "the site "+id+" is not open to this server",
		"%s names site %s, peer %s lists %d", j.rule.Method, id, quote(j.peer.Name), len(j.peer.Sites))
}

// siteByName lets a look-up by company and name pass only to those who may see every site, but for
// the control panel.
func siteByName(j *judgement) *Refusal {
	if j.peer.AnySite || j.facts.SiteByName == controlPanelName {
		return nil
	}
	return refuse(SiteCompany, "looking a site up by its name is not open to this server",
		"%s of %s, peer %s lists %d sites", j.rule.Signature(), quote(j.facts.SiteByName), quote(j.peer.Name),
		len(j.peer.Sites))
}

// pageKnown demands that a page that a publish writes to is one that a look-up returned for the
// site of the request, or the control panel's. A page names no site, and the engine writes to
// whichever page it is told.
func pageKnown(j *judgement) *Refusal {
	page := strconv.FormatInt(j.facts.Page, 10)
	switch j.known.PageSite {
	case j.known.Request.Site, ControlPanel:
		return nil
	case 0:
		return refuse(PageUnknown, "the publish would write to the page "+page+", which nobody looked up through this gateway",
			"request %s of site %d, page %s",
			j.requestID(), j.known.Request.Site, page)
	}
	return refuse(PageSite, "the publish would write to the page "+page+" of another site than the one its staging request"+
		" was made for", "request %s of site %d, page %s of site %d",
		j.requestID(), j.known.Request.Site, page, j.known.PageSite)
}
