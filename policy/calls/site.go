package calls

import "strconv"

// sitesListed demands that every argument that names a site names one of the peer's.
func sitesListed(j *judgement) *Refusal {
	for _, i := range j.rule.sites {
		site, ok := integer(j.call.Args, i)
		if !ok || !j.peer.allows(site) {
			return j.siteDenied(site)
		}
	}
	return nil
}

func (j *judgement) siteDenied(site int64) *Refusal {
	id := strconv.FormatInt(site, 10)
	return refuse(SiteDenied, "the site "+id+" is not open to this server; check the remote site id, or ask the operator of"+
		" the live gateway to list it", "%s names site %s, peer %s lists %d", j.rule.Method, id, quote(j.peer.Name),
		len(j.peer.Sites))
}

// companyWide lets a look-up by company and name pass only to those who may see every site.
func companyWide(j *judgement) *Refusal {
	if j.peer.AnySite {
		return nil
	}
	return refuse(SiteCompany, "looking a site up by its name is not open to this server; use the site's id",
		"%s, peer %s lists %d sites", j.rule.Signature(), quote(j.peer.Name), len(j.peer.Sites))
}
