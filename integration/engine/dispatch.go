package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/tunnel"
)

// ErrUnknownMethod is returned by Execute for a method that the engine's line does not have. The
// vendor's servlet answers such a call with nothing, which its client takes for success.
var ErrUnknownMethod = errors.New("engine: unknown method")

// call is what a method gets.
type call struct {
	ctx      context.Context
	login    string
	args     []any
	settings map[string]any
	part     *Part
}

func (c call) long(i int) int64 { n, _ := c.args[i].(int64); return n }

func (c call) text(i int) string { s, _ := c.args[i].(string); return s }

func (c call) truth(i int) bool { b, _ := c.args[i].(bool); return b }

func (c call) dict(i int) map[string]any { m, _ := c.args[i].(map[string]any); return m }

func (c call) flags(i int) map[string]string {
	m := map[string]string{}
	for k, v := range c.dict(i) {
		m[k], _ = v.(string)
	}
	return m
}

// method carries out one call. Its result is int64, bool, string, Site, Item, ClassName,
// *MissingReferences, or nil for nothing.
type method func(*Engine, call) (any, error)

// The services, and the packages that they are in.
const (
	staging  = "StagingServiceUtil#"
	groups   = "GroupServiceUtil#"
	layouts  = "LayoutServiceUtil#"
	names    = "ClassNameServiceUtil#"
	config   = "com.liferay.exportimport.kernel.model.ExportImportConfiguration"
	package6 = "com.liferay.portal.service."
	package7 = "com.liferay.portal.kernel.service."
	exports7 = "com.liferay.exportimport.kernel.service."
)

// methods are all methods by service, name and parameter types. Those of one line are among them;
// which, is the gateway's to know.
var methods = map[string]method{
	groups + "checkRemoteStagingGroup(long)": func(e *Engine, c call) (any, error) {
		return nil, e.CheckRemoteStagingGroup(c.ctx, c.login, c.long(0))
	},
	groups + "getGroup(long)": func(e *Engine, c call) (any, error) { return e.Group(c.ctx, c.login, c.long(0)) },
	groups + "getGroup(long,java.lang.String)": func(e *Engine, c call) (any, error) {
		return e.GroupByName(c.ctx, c.login, c.long(0), c.text(1))
	},
	groups + "getGroupDisplayURL(long,boolean,boolean)": func(e *Engine, c call) (any, error) {
		return e.GroupDisplayURL(c.ctx, c.login, c.long(0), c.truth(1), c.truth(2))
	},
	groups + "enableStaging(long)": func(e *Engine, c call) (any, error) {
		return nil, e.EnableStaging(c.ctx, c.login, c.long(0))
	},
	groups + "disableStaging(long)": func(e *Engine, c call) (any, error) {
		return nil, e.DisableStaging(c.ctx, c.login, c.long(0))
	},
	groups + "updateStagedPortlets(long,java.util.Map)": func(e *Engine, c call) (any, error) {
		return nil, e.UpdateStagedPortlets(c.ctx, c.login, c.long(0), c.flags(1))
	},
	names + "fetchByClassNameId(long)": func(e *Engine, c call) (any, error) {
		name, err := e.ClassName(c.ctx, c.login, c.long(0))
		if name == (ClassName{}) {
			return nil, err // as the vendor's: fetched is null, and null is nothing on the wire
		}
		return name, err
	},
	layouts + "getControlPanelLayoutPlid()": func(e *Engine, c call) (any, error) {
		return e.ControlPanelPlid(c.ctx, c.login)
	},
	layouts + "getDefaultPlid(long,boolean)": func(e *Engine, c call) (any, error) {
		return e.DefaultPlid(c.ctx, c.login, c.long(0), c.truth(1), "")
	},
	layouts + "getDefaultPlid(long,long,boolean,java.lang.String)": func(e *Engine, c call) (any, error) {
		return e.DefaultPlid(c.ctx, c.login, c.long(0), c.truth(2), c.text(3))
	},
	layouts + "getDefaultPlid(long,long,java.lang.String)": func(e *Engine, c call) (any, error) {
		return e.AnyDefaultPlid(c.ctx, c.login, c.long(0), c.text(2))
	},
	layouts + "getLayoutByUuidAndGroupId(java.lang.String,long,boolean)": func(e *Engine, c call) (any, error) {
		return e.Layout(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	layouts + "getLayoutPlid(java.lang.String,long,boolean)": func(e *Engine, c call) (any, error) {
		return e.LayoutPlid(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	layouts + "hasLayout(java.lang.String,long,boolean)": func(e *Engine, c call) (any, error) {
		return e.HasLayout(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	layouts + "hasPortletId(long,java.lang.String)": func(e *Engine, c call) (any, error) {
		return e.HasPortletID(c.ctx, c.login, c.long(0), c.text(1))
	},
	staging + "createStagingRequest(long,java.lang.String)": func(e *Engine, c call) (any, error) {
		return e.CreateStagingRequest(c.ctx, c.login, c.long(0), c.text(1))
	},
	staging + "updateStagingRequest(long,java.lang.String,[B)": (*Engine).updateCall,
	staging + "publishStagingRequest(long,boolean,java.util.Map)": func(e *Engine, c call) (any, error) {
		refs, err := e.PublishStagingRequestMap(c.ctx, c.login, c.long(0), c.truth(1), c.dict(2))
		return e.publishAnswer(refs), err
	},
	staging + "publishStagingRequest(long," + config + ")": func(e *Engine, c call) (any, error) {
		return e.PublishStagingRequest(c.ctx, c.login, c.long(0), Configuration{Settings: c.settings})
	},
	staging + "validateStagingRequest(long,boolean,java.util.Map)": func(e *Engine, c call) (any, error) {
		return e.ValidateStagingRequest(c.ctx, c.login, c.long(0), c.truth(1), c.dict(2))
	},
	staging + "cleanUpStagingRequest(long)": func(e *Engine, c call) (any, error) {
		return nil, e.CleanUpStagingRequest(c.ctx, c.login, c.long(0))
	},
	staging + "hasRemoteLayout(java.lang.String,long,boolean)": func(e *Engine, c call) (any, error) {
		return e.HasRemoteLayout(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	staging + "propagateExportImportLifecycleEvent(int,int,java.lang.String,java.util.List)": func(
		e *Engine, c call,
	) (any, error) {
		return nil, e.PropagateExportImportLifecycleEvent(c.ctx, c.login, c.long(0), c.long(1), c.text(2))
	},
}

func (e *Engine) updateCall(c call) (any, error) {
	if c.part == nil {
		return nil, fmt.Errorf("%w: no content", ErrUnknownMethod)
	}
	return nil, e.UpdateStagingRequest(c.ctx, c.login, c.long(0), c.text(1), c.part)
}

// publishAnswer is nothing in 6.2, whose publish returns nothing.
func (e *Engine) publishAnswer(refs *MissingReferences) any {
	if e.cfg.Line == "6.2" {
		return nil
	}
	return refs
}

// Execute carries out a call for login. part is the content that came with it, nil if none did; it
// is kept or left to the caller to close. The answer is int64, bool, string, Site, Item,
// ClassName, *MissingReferences, or nil for a method that answers nothing. Errors are *Exception,
// ErrUnknownMethod, or what went wrong with the engine itself.
func (e *Engine) Execute(ctx context.Context, login string, c tunnel.Call, part *Part) (any, error) {
	m := methods[e.local(c.Method)]
	if m == nil || len(c.Args) != len(c.Method.Parameters) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownMethod, c.Method.Signature())
	}
	v, err := m(e, call{ctx, login, c.Args, c.Settings, part})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// local is the key of a method in methods if its service is one of this line, else nothing.
func (e *Engine) local(m tunnel.Method) string {
	services := map[string]string{exports7 + "StagingServiceUtil": staging, package7 + "GroupServiceUtil": groups,
		package7 + "LayoutServiceUtil": layouts, package7 + "ClassNameServiceUtil": names}
	if e.cfg.Line == "6.2" {
		services = map[string]string{package6 + "StagingServiceUtil": staging, package6 + "GroupServiceUtil": groups,
			package6 + "LayoutServiceUtil": layouts}
	}
	service, known := services[m.Service]
	if !known {
		return ""
	}
	m.Service = ""
	return service + m.Signature()[1:]
}
