// Package content keeps what a staging environment is made of: sites, pages, articles and documents
// with their versions, users and what they may do, and the ledger of calls that were carried out. It
// lies in one folder: an SQLite database, and packs of content bytes that count once a row points at
// them. Two processes may have the folder open.
//
// Its errors are of the domain and carry a Code; what a portal calls them is the servlet's to know.
package content
