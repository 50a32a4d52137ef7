// Package kentico has the settings of a gateway in front of a Kentico server: the section kentico of the
// configuration, and what is wrong with it. It reads no file and asks nobody.
package kentico
