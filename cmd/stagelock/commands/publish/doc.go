// Package publish has the commands of publishers: send an archive, look into it, make the secret that both
// sides share.
package publish
