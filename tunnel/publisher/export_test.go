package publisher

// Declared returns the calls that a Client of the build can make, by signature, with what each
// returns.
func Declared(build string) map[string]string {
	out := map[string]string{}
	for _, d := range declarations {
		if d.in(build) {
			m, returns := d.of(build)
			out[m.Signature()] = returns
		}
	}
	return out
}
