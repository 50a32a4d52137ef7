// Package commands is the command line of stagelock. The commands stand in packages by who uses
// them: operate, publish, audit; what is about the program itself stands here.
package commands
