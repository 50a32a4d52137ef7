package calls

import "strings"

// stagedPortlet begins every key of updateStagedPortlets.
const stagedPortlet = "staged-portlet_"

// portletsForm checks the flags of staged applications. The engine writes them as lines of the
// site's settings, so a line break in a key would set whatever follows it, stagedRemotely among
// them.
func portletsForm(j *judgement) *Refusal {
	flags, _ := j.call.Args[len(j.call.Args)-1].(map[string]any)
	if flags == nil {
		return mapAbsent(j)
	}
	if len(flags) > entriesMax {
		return mapTooLarge(len(flags))
	}
	for key, value := range flags {
		if !isPortletKey(key) {
			return refuse(PortletKey, "the key "+quote(key)+" is not that of a staged application: staged-portlet_ and the"+
				" application's id", "key %s", quote(key))
		}
		if s, ok := value.(string); !ok || s != "true" && s != "false" {
			return refuse(PortletValue, "the application "+quote(key)+" can be staged or not, true or false, nothing else",
				"key %s, value %s", quote(key), show(value))
		}
	}
	return nil
}

func isPortletKey(key string) bool {
	id, ok := strings.CutPrefix(key, stagedPortlet)
	if !ok || id == "" {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isLetter(c) && !isDigit(c) && c != '_' && c != '.' && c != '$' && c != '-' {
			return false
		}
	}
	return true
}
