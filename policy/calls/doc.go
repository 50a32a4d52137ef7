// Package calls decides which remote calls may pass to a live engine, with which arguments. It is
// pure: no I/O, no clock, no state. What it must know of the past, the staging requests that were
// created, is handed in.
//
// This comment is the whole policy, for those who audit it. Every refusal has a reason code, in
// brackets here; policy.Reasons lists them with their meaning and cure. Everything that is not allowed
// below is refused, and so is every call of the zero Preset, the zero Rule and the zero Peer.
//
// # Which calls
//
// A preset belongs to one version line of the live engine (6.2, 7.0, 7.1, 7.2, 7.3, 7.4; 7.4 is its
// builds together). Its calls are those that a client of that line makes for staging, as read from
// the vendor's jars (calls.json). A call passes only if service, method and parameter types are
// equal to one of them, byte for byte, and the table of meanings says what it does: else
// [call.unknown], or [call.line] if it belongs to another line. [call.barred] are two calls of 7.4:
// enableRemoteStaging makes live contact an address of the caller's choice, enableLocalStaging is
// no part of publishing. No setting lets them pass.
//
//	read            checkRemoteStagingGroup, getGroup, getGroupDisplayURL, hasRemoteLayout, hasLayout, getLayoutPlid,
//	                fetchLayoutPlid, getLayoutByUuidAndGroupId, getDefaultPlid, hasPortletId, getControlPanelLayoutPlid,
//	                fetchByClassNameId
//	create          createStagingRequest
//	update          updateStagingRequest
//	validate        validateStagingRequest
//	publish         publishStagingRequest (map form, configuration form)
//	cleanUp         cleanUpStagingRequest
//	enable, disable enableStaging, disableStaging
//	stagedPortlets  updateStagedPortlets
//	event           propagateExportImportLifecycleEvent
//
// # What every call must satisfy
//
//   - The arguments have the number and the types of the parameters [call.arguments].
//   - The peer has sites, or any [site.none].
//   - There is a login, it has no colon, and the principal in the body has one [login.form]. The body's is equal to the
//     header's, byte for byte, without decoding, trimming or folding [call.login].
//   - If the peer lists its logins, the login is one of them [login.unlisted]. No list means any login live knows; an
//     empty list means none.
//
// # Sites
//
// A site is a positive group id among the peer's, or any positive id for a peer with any
// [site.denied]. These are sites: the first argument of create, enable, disable,
// updateStagedPortlets, checkRemoteStagingGroup, getGroup(long) and getGroupDisplayURL; the second
// of hasRemoteLayout, hasLayout, getLayoutPlid, fetchLayoutPlid and getLayoutByUuidAndGroupId; the
// first of getDefaultPlid, whose second is only the scope whose content is looked for on the pages
// of the first. getGroup(long, String) finds a site by company and name and passes for peers with
// any only [site.company], except for the name Control Panel: 7.1 GA1 looks its group up and asks
// for the default page of that before it publishes single content, so getDefaultPlid of a group
// that such a look-up returned passes too. hasPortletId, getControlPanelLayoutPlid and
// fetchByClassNameId name no site and pass.
//
// # Requests
//
// update, validate, publish and cleanUp name a staging request. The engine asks for permission on
// the folder of that id only, and any document folder has such an id. So the request must be one
// that a create through the gateway returned [request.unknown], to this login (several may have
// created the same id: two publishers with the same archive) [request.login], for a site of this
// peer [site.denied]. The peer that created it is not compared: a staging cluster has many
// addresses. update, validate and publish also need that it was not cleaned up since
// [request.cleaned].
//
// cleanUp of an unknown request, or of an own one that was cleaned up, is answered void by the
// gateway and does not reach the engine: clients send it in the end whatever happened, and an
// exception would turn a finished publish into a failed one. cleanUp of another login's request is
// refused.
//
// # Creating and filling a request
//
//   - The checksum is 32 lower-case hex digits [checksum.form]: it becomes the name of a folder.
//   - A part's name is 1 to 200 of A-Z a-z 0-9 . _ - and ends in two or more digits; it does not begin with assembled_,
//     in any case [part.name]: parts are joined in the order of their names, and that is the name of the result.
//   - The digits at the end are as many as in every other part of the request [part.width].
//   - The part is no larger than the peer's PartMax; zero lets none pass [part.size].
//   - All parts of the request together are no larger than the peer's ArchiveMax; zero is no bound [archive.size]. A
//     part that is sent again counts once. What is validated or published is held to it too: gateways that share a
//     store take parts at the same time.
//
// # What is imported, and where to
//
// The map form (validate, and publish up to 7.2) is imported into the request's own site by the
// engine. Its map must be there [map.absent].
//
// The configuration form is imported into the site that the caller's settings name, while the
// engine asks for permission on the request's. So its settings map must be there [settings.absent]:
// without it the engine would feed a text with class names to a second deserializer. Its
// targetGroupId must be there [target.absent], a number [target.form], and the request's site
// [target.mismatch].
//
// An application or single content is published onto a page, targetPlid, which names no site. It
// must be a number [page.form], or 0 or null for no page. A page whose id a look-up through the
// gateway returned (getLayoutByUuidAndGroupId, getLayoutPlid, fetchLayoutPlid, getDefaultPlid) belongs
// to the site that was asked for, whoever asked and however long ago; the page of the control panel
// (getControlPanelLayoutPlid, or getDefaultPlid of its group) belongs to none and may be published
// onto for every site. A page that no look-up returned is refused [page.unknown], and so is one of
// another site than the request's [page.site].
//
// Other settings whose name ends in groupId, such as remoteGroupId, must not hold another site's id
// [settings.site]; the vendor's client writes the target there, and no known engine imports by
// them. sourceGroupId and stagingGroupId are ids of the staging server and free. What stands inside
// parameterMap or any other map is not looked at for sites: it is the publisher's form, and the
// engine takes no site from it.
//
// In both forms keys have at most 4,096 bytes [settings.key], a map at most 100,000 entries
// [map.size], and maps and lists are nested at most five deep, the innermost being an array
// [settings.depth]. Which classes may stand there, that the keys of a map are of one class, and
// that each stands once was checked by the wire.
//
// # Staged portlets
//
// Every key is staged-portlet_ and one or more of A-Z a-z 0-9 _ . $ - [portlet.key], every value
// the String true or false [portlet.value]. The engine writes them as lines of the site's settings:
// a line break in a key would set anything, stagedRemotely among it. The map must be there
// [map.absent] and is bounded as above.
//
// # Events
//
// propagateExportImportLifecycleEvent is answered void by the gateway in every preset and never
// forwarded: it can make live call an address of the caller's choice with stored credentials. Its
// arguments are not judged, only logged.
//
// # Repeats
//
//	                       read create cleanUp stagedPortlets | update validate publish enable disable
//	sent again at a repeat  yes  yes    yes     yes           | never: the repeat gets the first one's answer
//	may change the node     yes  yes    no      no            | no
//
// validate stands with publish: up to 7.2 it joins the parts and deletes them while it does, so two
// at a time would break each other.
//
// # What this policy cannot see
//
//   - Whether a page still belongs to the site that it was looked up for: a page that moves to another site
//     gets another id in every known build.
//   - The content of the archive: it is checked by the engine's checksum, against create's.
//   - Whether login and peer are who they say: that was decided before.
package calls
