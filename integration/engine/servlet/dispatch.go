package servlet

import (
	"context"
	"errors"
	"fmt"

	"github.com/stagelock/stagelock/integration/engine/staging"
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
	part     *staging.Part
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
type method func(*staging.Live, call) (any, error)

// The services, and the packages that they are in.
const (
	stagingService   = "StagingServiceUtil#"
	groupService     = "GroupServiceUtil#"
	layoutService    = "LayoutServiceUtil#"
	classNameService = "ClassNameServiceUtil#"
	config           = "com.liferay.exportimport.kernel.model.ExportImportConfiguration"
	package6         = "com.liferay.portal.service."
	package7         = "com.liferay.portal.kernel.service."
	exports7         = "com.liferay.exportimport.kernel.service."
)

// methods are all methods by service, name and parameter types. Those of one line are among them;
// which, is the gateway's to know.
var methods = map[string]method{
	groupService + "checkRemoteStagingGroup(long)": func(l *staging.Live, c call) (any, error) {
		return nil, l.CheckRemoteStagingGroup(c.ctx, c.login, c.long(0))
	},
	groupService + "getGroup(long)": func(l *staging.Live, c call) (any, error) { return l.Group(c.ctx, c.login, c.long(0)) },
	groupService + "getGroup(long,java.lang.String)": func(l *staging.Live, c call) (any, error) {
		return l.GroupByName(c.ctx, c.login, c.long(0), c.text(1))
	},
	groupService + "getGroupDisplayURL(long,boolean,boolean)": func(l *staging.Live, c call) (any, error) {
		return l.GroupDisplayURL(c.ctx, c.login, c.long(0), c.truth(1), c.truth(2))
	},
	groupService + "enableStaging(long)": func(l *staging.Live, c call) (any, error) {
		return nil, l.EnableStaging(c.ctx, c.login, c.long(0))
	},
	groupService + "disableStaging(long)": func(l *staging.Live, c call) (any, error) {
		return nil, l.DisableStaging(c.ctx, c.login, c.long(0))
	},
	groupService + "updateStagedPortlets(long,java.util.Map)": func(l *staging.Live, c call) (any, error) {
		return nil, l.UpdateStagedPortlets(c.ctx, c.login, c.long(0), c.flags(1))
	},
	classNameService + "fetchByClassNameId(long)": func(l *staging.Live, c call) (any, error) {
		name, err := l.ClassName(c.ctx, c.login, c.long(0))
		if name == (staging.ClassName{}) {
			return nil, err // as the vendor's: fetched is null, and null is nothing on the wire
		}
		return name, err
	},
	layoutService + "fetchLayoutPlid(java.lang.String,long,boolean)": func(l *staging.Live, c call) (any, error) {
		return l.FetchLayoutPlid(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	layoutService + "getControlPanelLayoutPlid()": func(l *staging.Live, c call) (any, error) {
		return l.ControlPanelPlid(c.ctx, c.login)
	},
	layoutService + "getDefaultPlid(long,boolean)": func(l *staging.Live, c call) (any, error) {
		return l.DefaultPlid(c.ctx, c.login, c.long(0), c.truth(1), "")
	},
	layoutService + "getDefaultPlid(long,long,boolean,java.lang.String)": func(l *staging.Live, c call) (any, error) {
		return l.DefaultPlid(c.ctx, c.login, c.long(0), c.truth(2), c.text(3))
	},
	layoutService + "getDefaultPlid(long,long,java.lang.String)": func(l *staging.Live, c call) (any, error) {
		return l.AnyDefaultPlid(c.ctx, c.login, c.long(0), c.text(2))
	},
	layoutService + "getLayoutByUuidAndGroupId(java.lang.String,long,boolean)": func(l *staging.Live, c call) (any, error) {
		return l.Layout(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	layoutService + "getLayoutPlid(java.lang.String,long,boolean)": func(l *staging.Live, c call) (any, error) {
		return l.LayoutPlid(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	layoutService + "hasLayout(java.lang.String,long,boolean)": func(l *staging.Live, c call) (any, error) {
		return l.HasLayout(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	layoutService + "hasPortletId(long,java.lang.String)": func(l *staging.Live, c call) (any, error) {
		return l.HasPortletID(c.ctx, c.login, c.long(0), c.text(1))
	},
	stagingService + "createStagingRequest(long,java.lang.String)": func(l *staging.Live, c call) (any, error) {
		return l.CreateStagingRequest(c.ctx, c.login, c.long(0), c.text(1))
	},
	stagingService + "updateStagingRequest(long,java.lang.String,[B)": updateCall,
	stagingService + "publishStagingRequest(long,boolean,java.util.Map)": func(l *staging.Live, c call) (any, error) {
		return l.PublishStagingRequestMap(c.ctx, c.login, c.long(0), c.truth(1), c.dict(2))
	},
	stagingService + "publishStagingRequest(long," + config + ")": func(l *staging.Live, c call) (any, error) {
		return l.PublishStagingRequest(c.ctx, c.login, c.long(0), staging.Configuration{Settings: c.settings})
	},
	stagingService + "validateStagingRequest(long,boolean,java.util.Map)": func(l *staging.Live, c call) (any, error) {
		return l.ValidateStagingRequest(c.ctx, c.login, c.long(0), c.truth(1), c.dict(2))
	},
	stagingService + "cleanUpStagingRequest(long)": func(l *staging.Live, c call) (any, error) {
		return nil, l.CleanUpStagingRequest(c.ctx, c.login, c.long(0))
	},
	stagingService + "hasRemoteLayout(java.lang.String,long,boolean)": func(l *staging.Live, c call) (any, error) {
		return l.HasRemoteLayout(c.ctx, c.login, c.text(0), c.long(1), c.truth(2))
	},
	stagingService + "propagateExportImportLifecycleEvent(int,int,java.lang.String,java.util.List)": func(
		l *staging.Live, c call,
	) (any, error) {
		return nil, l.PropagateExportImportLifecycleEvent(c.ctx, c.login, c.long(0), c.long(1), c.text(2))
	},
}

func updateCall(l *staging.Live, c call) (any, error) {
	if c.part == nil {
		return nil, fmt.Errorf("%w: no content", ErrUnknownMethod)
	}
	return nil, l.UpdateStagingRequest(c.ctx, c.login, c.long(0), c.text(1), c.part)
}

// Execute carries out a call for login. part is the content that came with it, nil if none did; it
// is kept or left to the caller to close. The answer is int64, bool, string, Site, Item,
// ClassName, *MissingReferences, or nil for a method that answers nothing. Errors are
// *content.Error, ErrUnknownMethod, or what went wrong with the engine itself.
func (s *Servlet) Execute(ctx context.Context, login string, c tunnel.Call, part *staging.Part) (any, error) {
	m := methods[s.local(c.Method)]
	if m == nil || len(c.Args) != len(c.Method.Parameters) {
		return nil, fmt.Errorf("%w: %s", ErrUnknownMethod, c.Method.Signature())
	}
	v, err := m(s.cfg.Live, call{ctx, login, c.Args, c.Settings, part})
	switch {
	case err != nil:
		return nil, err
	case s.cfg.Line == "6.2" && c.Method.Name == "publishStagingRequest":
		return nil, nil // 6.2's publish returns nothing
	}
	return v, nil
}

// local is the key of a method in methods if its service is one of this line, else nothing.
func (s *Servlet) local(m tunnel.Method) string {
	services := map[string]string{exports7 + "StagingServiceUtil": stagingService, package7 + "GroupServiceUtil": groupService,
		package7 + "LayoutServiceUtil": layoutService, package7 + "ClassNameServiceUtil": classNameService}
	if s.cfg.Line == "6.2" {
		services = map[string]string{package6 + "StagingServiceUtil": stagingService, package6 + "GroupServiceUtil": groupService,
			package6 + "LayoutServiceUtil": layoutService}
	}
	service, known := services[m.Service]
	if !known {
		return ""
	}
	m.Service = ""
	return service + m.Signature()[1:]
}
