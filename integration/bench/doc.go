// Command bench measures the gateway beside whatever else is installed, as `make bench` runs it: nginx that passes
// everything on, nginx that asks a small authoriser, HAProxy, Caddy without and with forward_auth, and the gateway
// with its data on disk and in memory. TLS 1.3 outside, plain HTTP to one engine inside, in turns A B C A B C. It
// prints medians, and says what is missing here. The driver is this process; its calls are written beforehand.
package main
