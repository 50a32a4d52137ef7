package publisher

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/stagelock/stagelock/tunnel"
)

// callsJSON lists the staging calls of every recorded build, as the builds' own classes declare them.
//
//go:embed calls.json
var callsJSON []byte

// declared is one remote method and the builds that have it.
type declared struct {
	Service    string
	Method     string
	Parameters []string
	Returns    string
	Lines      []string
}

var declarations = sync.OnceValue(func() []declared {
	var all []declared
	if err := json.Unmarshal(callsJSON, &all); err != nil {
		panic("publisher: calls.json: " + err.Error())
	}
	return all
})

// method finds a method by its name and number of arguments, which no build has twice.
func (c *Client) method(name string, args int) (tunnel.Method, string, error) {
	for _, d := range declarations() {
		if d.Method == name && len(d.Parameters) == args && slices.Contains(d.Lines, c.build) {
			return tunnel.Method{Service: d.Service, Name: name, Parameters: d.Parameters}, d.Returns, nil
		}
	}
	return tunnel.Method{}, "", fmt.Errorf("build %s has no staging call %s with %d arguments",
		c.build, name, args)
}

// repeatable are the calls that may be carried out twice without harm: reads, and calls that only
// set or remove.
var repeatable = map[string]bool{
	"checkRemoteStagingGroup": true, "createStagingRequest": true, "cleanUpStagingRequest": true,
	"updateStagedPortlets":   true,
	"validateStagingRequest": true, "hasRemoteLayout": true, "getGroup": true, "getGroupDisplayURL": true,
	"getLayoutByUuidAndGroupId": true, "getLayoutPlid": true, "hasLayout": true, "hasPortletId": true,
	"getControlPanelLayoutPlid": true, "getDefaultPlid": true,
}
