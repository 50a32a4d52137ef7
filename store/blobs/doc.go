// Package blobs keeps contents by their digest, each in a file of a folder.
package blobs
