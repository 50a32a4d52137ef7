package vendor

import (
	"slices"
	"strings"

	"github.com/stagelock/stagelock/conf/format"
	"github.com/stagelock/stagelock/conf/settings"
)

// maxTold bounds how many misspelt keys of a file are told.
const maxTold = 20

// Keys that say which verifiers there are, and what the tunnel's is called in 6.2.
const (
	pipelineKey    = "auth.verifier.pipeline"
	tunnelVerifier = "TunnelingServletAuthVerifier"
)

// keys reports keys of the group that this line does not read, or nobody.
func (e *engineFiles) keys(name string, p *format.Properties) {
	told := 0
	for _, q := range p.Entries {
		o := at(name, q.Lines[0])
		i := slices.IndexFunc(portalKeys, func(k engineKey) bool { return k.name == q.Key })
		meant, wrong := misspelt(q.Key)
		switch {
		case i >= 0 && !portalKeys[i].readBy(e.line):
			e.warn(o, q.Key, "is not read from 7.0 on, and engine.line is "+e.line+": it has no effect",
				"drop it; these settings stand in the verifier's OSGi configuration")
		case q.Key == pipelineKey:
			e.pipeline(o, q)
		case strings.HasPrefix(q.Key, deadPrefix):
			e.warn(o, q.Key, "is read by no line of Liferay: it has no effect", "in 6.2 it is auth.verifier.TunnelingServletAuthVerifier, later the verifier's OSGi configuration")
		case q.Key == "include":
			e.warn(o, q.Key, "makes the portal read another file in this place, and pass over this whole file if it is not there; it is not read here",
				"use include-and-override")
		case !strings.HasPrefix(q.Key, overridePrefix) && strings.Contains(q.Key, verifierSuffix):
			e.warn(o, "", "has a key with the verifier's name that does not begin with "+overridePrefix+": it has no effect", "did you mean "+overridePrefix+"?")
		case wrong:
			if told++; told <= maxTold {
				e.misspelt(o, q.Key, meant)
			}
		}
	}
}

func (e *engineFiles) misspelt(o settings.Origin, key, meant string) {
	cure := "check its spelling"
	switch {
	case meant != "":
		cure = "did you mean " + meant + "?"
	case strings.HasPrefix(key, sharedSecret): // what follows may be the secret
		key, cure = sharedSecret+"...", "write an equals sign behind "+sharedSecret
	}
	e.warn(o, key, "is no property of Liferay: it has no effect", cure)
}

// pipeline warns of a list of verifiers that is not read, or that lacks the tunnel's.
func (e *engineFiles) pipeline(o settings.Origin, q format.Property) {
	named := slices.ContainsFunc(q.Texts, func(t format.Text) bool { return strings.Contains(t.Text, "Tunnel") })
	switch {
	case e.line != "6.2" && named:
		e.warn(o, pipelineKey, "is not read from 7.0 on, and engine.line is "+e.line+": it has no effect", "drop it; the tunnel's verifier has an OSGi configuration")
	case e.line == "6.2" && !named:
		e.warn(o, pipelineKey, "lacks the tunnel's verifier: nobody can publish to this portal", "add com.liferay.portal.security.auth."+tunnelVerifier)
	}
}

// unknownVariable tells of a variable whose name was meant to be that of a property.
func (e *engineFiles) unknownVariable(v Variable, name string) {
	for _, k := range portalKeys {
		if squash(strings.TrimPrefix(v.Name, liferayPrefix)) == squash(k.name) {
			e.warn(v.Origin, "", "is not how Liferay spells "+k.name+": it is not read", "name it "+encodeLiferayName(k.name))
			return
		}
	}
	meant, wrong := misspelt(name)
	switch {
	case wrong && meant != "":
		e.warn(v.Origin, "", "is no property of Liferay: it has no effect", "did you mean "+encodeLiferayName(meant)+"?")
	case wrong:
		e.warn(v.Origin, "", "is no property of Liferay: it has no effect", "check its spelling")
	}
}
