package engine

import (
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

// What callers of an Engine name most, from the rooms behind it.
type (
	Site              = content.Site
	User              = content.User
	Action            = content.Action
	Item              = content.Item
	Kind              = content.Kind
	Ref               = content.Ref
	PageOptions       = content.PageOptions
	Publish           = content.Publish
	Execution         = content.Execution
	ExportOptions     = lar.ExportOptions
	LAR               = lar.LAR
	Progress          = lar.Progress
	MissingReferences = lar.MissingReferences
	Configuration     = staging.Configuration
	Part              = staging.Part
	ClassName         = staging.ClassName
	Exception         = servlet.Exception
)

// The kinds of content, the permissions and what goes with them, as package content documents them.
const (
	Page     = content.Page
	Article  = content.Article
	Document = content.Document
	Entry    = content.Entry

	ExportImportLayouts = content.ExportImportLayouts
	PublishStaging      = content.PublishStaging
	Update              = content.Update

	OK = content.OK
)
