package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// measurement is one of a scene, a rival and a round. Times are microseconds, those of CPU by call.
type measurement struct {
	Scene         string  `json:"scene"`
	Rival         string  `json:"rival"`
	Round         int     `json:"round"`
	Calls         int64   `json:"calls"`
	Seconds       float64 `json:"seconds"`
	Rate          float64 `json:"calls_a_second"`
	Bytes         int64   `json:"bytes_a_call,omitempty"`
	P50           float64 `json:"p50_us"`
	P99           float64 `json:"p99_us"`
	CPU           float64 `json:"cpu_us"`
	EngineCPU     float64 `json:"engine_cpu_us"`
	AuthoriserCPU float64 `json:"authoriser_cpu_us,omitempty"`
	Peak          int64   `json:"peak_resident_bytes"`
}

// results are all measurements of a run.
type results struct {
	Missing []string      `json:"missing"`
	Starts  []start       `json:"starts"`
	All     []measurement `json:"measurements"`
}

// start is how long a rival took from its start to its first answer over TLS.
type start struct {
	Rival  string  `json:"rival"`
	Millis float64 `json:"ms"`
}

func (r *results) writeJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// writeTable prints the medians of each scene, and the ratio to the first rival.
func (r *results) writeTable(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, scene := range r.names(func(m measurement) string { return m.Scene }) {
		fmt.Fprintf(t, "%s\t%s\tratio\tp50 µs\tp99 µs\tCPU µs\tengine µs\tauthoriser µs\tpeak MiB\n", scene, r.unit(scene))
		first := 0.0
		for _, rival := range r.names(func(m measurement) string { return m.Rival }) {
			ms := r.of(scene, rival)
			if len(ms) == 0 {
				continue
			}
			rate := median(ms, measurement.shown)
			if first == 0 {
				first = rate
			}
			fmt.Fprintf(t, "  %s\t%.0f\t%.2f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t%.1f\n", rival, rate, rate/first,
				median(ms, func(m measurement) float64 { return m.P50 }), median(ms, func(m measurement) float64 { return m.P99 }),
				median(ms, func(m measurement) float64 { return m.CPU }), median(ms, func(m measurement) float64 { return m.EngineCPU }),
				median(ms, func(m measurement) float64 { return m.AuthoriserCPU }),
				median(ms, func(m measurement) float64 { return float64(m.Peak) / (1 << 20) }))
		}
		fmt.Fprintln(t)
	}
	for _, m := range r.Missing {
		fmt.Fprintln(t, m)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, s := range r.Starts {
		fmt.Fprintf(out, "%s: first answer over TLS %.0f ms after its start\n", s.Rival, s.Millis)
	}
	return nil
}

// shown is MB/s of what carries content, and calls a second of the rest.
func (m measurement) shown() float64 {
	if m.Bytes > 0 {
		return m.Rate * float64(m.Bytes) / 1e6
	}
	return m.Rate
}

func (r *results) unit(scene string) string {
	for _, m := range r.All {
		if m.Scene == scene && m.Bytes > 0 {
			return "MB/s"
		}
	}
	return "calls/s"
}

// names are the different ones, in the order in which they came.
func (r *results) names(of func(measurement) string) (all []string) {
	for _, m := range r.All {
		if n := of(m); !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

func (r *results) of(scene, rival string) (all []measurement) {
	for _, m := range r.All {
		if m.Scene == scene && m.Rival == rival {
			all = append(all, m)
		}
	}
	return all
}

// median is the middle one; of an even number the mean of the two.
func median(all []measurement, of func(measurement) float64) float64 {
	var values []float64
	for _, m := range all {
		values = append(values, of(m))
	}
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

// fileName is the name of a scene as one of a file.
func fileName(scene string) string { return strings.ReplaceAll(scene, "/", "-") }
