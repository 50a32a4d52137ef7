// Package memory is what later calls are held against: the staging requests that were created, by whom,
// with which parts; the pages and the site that they were looked up for; the groups of the control panel.
// All of it lies in the store and outlives the process.
package memory
