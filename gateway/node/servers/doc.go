// Package servers builds a gateway's part in keeping several servers alike out of its configuration.
package servers
