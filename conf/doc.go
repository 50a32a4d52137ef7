// Package conf reads what the operator writes: one YAML file, variables, flags, and Liferay's own
// files as they are. It makes one Config of them and reports all problems at once, each with file,
// line and cure. It knows where every effective value comes from, and it never prints a secret.
//
// # Precedence
//
// Flags win over STAGELOCK_ variables, these over the YAML file, this over Liferay's LIFERAY_
// variables, these over Liferay's files, and these over the defaults. It goes setting by setting; a
// list is one setting and is replaced as a whole, a list of peers goes entry by entry. Three kinds
// of settings stay together:
//
//   - A secret: value and file exclude each other in one place; of two places the higher one decides. Who names a value or
//     a file takes neither hex nor algorithm from Liferay.
//   - The secret of a peer that has none of its own is Liferay's.
//   - The secret of the upstream that has none of its own is Liferay's, else the one that all peers share; if they have
//     several, that is a problem.
//
// The machine is conf/settings; Liferay's files are read by conf/vendor, whose documentation says
// which of its keys becomes which setting.
package conf
