package servlet

import (
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/integration/engine/content"
	"github.com/stagelock/stagelock/integration/engine/staging"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// The types of a group.
const (
	typeOpen  = 1
	typeDepot = 5 // an asset library
)

// groupModel is a site as getGroup answers it.
func groupModel(s content.Site) liferay.Model {
	kind, class := int64(typeOpen), staging.GroupClassNameID
	switch { // as the portal has them
	case s.Library:
		kind, class = typeDepot, staging.DepotClassNameID
	case s.ID == content.Global:
		class = staging.CompanyClassNameID
	}
	return liferay.Model{
		"_groupId": s.ID, "_companyId": s.CompanyID, "_classPK": s.ID, "_uuid": s.UUID, "_externalReferenceCode": s.UUID,
		"_groupKey": s.Name, "_name": s.Name, "_friendlyURL": s.FriendlyURL, "_typeSettings": s.Settings,
		"_classNameId":             class,
		"_remoteStagingGroupCount": int64(s.StagingCount), "_active": true, "_site": true, "_type": kind,
	}
}

// classNameModel is a class name as fetchByClassNameId answers it.
func classNameModel(c staging.ClassName) liferay.Model {
	return liferay.Model{"_classNameId": c.ID, "_value": c.Value}
}

// layoutModel is a page as getLayoutByUuidAndGroupId answers it.
func layoutModel(it content.Item, company int64) liferay.Model {
	return liferay.Model{
		"_plid": it.ID, "_uuid": it.UUID, "_groupId": it.Site, "_companyId": company, "_privateLayout": it.Private,
		"_layoutId": it.LayoutID, "_parentLayoutId": it.ParentLayoutID, "_name": it.Name, "_friendlyURL": it.FriendlyURL,
		"_type": "portlet",
	}
}

func wireReferences(all []manifest.MissingReference) []liferay.MissingReference {
	var wire []liferay.MissingReference
	for _, r := range all {
		pk := r.ClassPK
		if pk == "" {
			pk = r.UUID
		}
		wire = append(wire, liferay.MissingReference{
			ClassName: r.ClassName, ClassPK: pk, DisplayName: r.DisplayName, Type: r.Type})
	}
	return wire
}
