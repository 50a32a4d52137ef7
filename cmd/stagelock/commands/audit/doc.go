// Package audit has the commands of auditors: read the audit log and prove that it is whole.
package audit
