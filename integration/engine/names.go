package engine

import (
	"github.com/stagelock/stagelock/integration/engine/author"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/lar"
	"github.com/stagelock/stagelock/integration/engine/servlet"
	"github.com/stagelock/stagelock/integration/engine/staging"
)

// What callers of an Engine name most, from the rooms behind it.
type (
	// Site is one group of the engine.
	Site = content.Site
	// User is somebody who may call. An administrator may do everything.
	User = content.User
	// Action is something that a user may be allowed to do in a site.
	Action = content.Action
	// Item is one piece of a site's content.
	Item = content.Item
	// Kind says what an Item is.
	Kind = content.Kind
	// Ref says that an item needs another one.
	Ref = content.Ref
	// PageOptions is what may be said about a new page beside its name and text.
	PageOptions = author.PageOptions
	// Publish is one import that happened.
	Publish = content.Publish
	// Execution is one line of the execution ledger: a call that was really carried out.
	Execution = content.Execution
	// ExportOptions says what an export takes. The zero value takes everything, with the public
	// pages.
	ExportOptions = lar.ExportOptions
	// LAR is an exported archive in a file. The caller removes the file.
	LAR = lar.LAR
	// Progress says how far the import of one publish has come.
	Progress = lar.Progress
	// MissingReferences is the answer of a publish: what the archive needs and the site lacks.
	MissingReferences = lar.MissingReferences
	// Configuration is the object that a publish call of 7.0 and later carries.
	Configuration = staging.Configuration
	// Part is the content of a call that was taken in full before the call was known. It is
	// dropped by Close unless a call kept it.
	Part = staging.Part
	// ClassName is what kind of thing a class name id stands for.
	ClassName = staging.ClassName
	// Exception is what a call throws: a class of the line and its message.
	Exception = servlet.Exception
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
