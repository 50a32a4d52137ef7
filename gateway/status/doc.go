// Package status is what a gateway says of itself, in one value: the admin listener shows it, metrics
// count it, and the commands print it. It knows no room and asks nobody; who runs the gateway fills
// it in.
package status
