// Package vault keeps content bytes in the files of one folder, packs that count once a row of a database
// points at them, and the lock that says whether a process is alone in the folder. It knows no database.
package vault
