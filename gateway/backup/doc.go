// Package backup copies the data folder of a gateway that runs. The copy is one that a gateway can
// start from: the database as it is at one moment, and a log that has at least what the database and
// the checkpoint know of. What the log has beyond that is said to have happened and no more.
package backup
