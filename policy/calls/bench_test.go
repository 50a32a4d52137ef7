package calls_test

import (
	"testing"

	"github.com/stagelock/stagelock/policy/calls"
)

func BenchmarkMatch(b *testing.B) {
	p := preset(b, "7.4")
	w := updatePart()
	b.ReportAllocs()
	for b.Loop() {
		if r, _ := p.Match(w.call.Service, w.call.Method, w.call.Parameters); r == nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkMatchRefused(b *testing.B) {
	p := preset(b, "7.4")
	b.ReportAllocs()
	for b.Loop() {
		if r, _ := p.Match("com.liferay.portal.kernel.service.UserServiceUtil", "getUserById", []string{"long"}); r != nil {
			b.Fatal("matched")
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	late := updatePart() // the last part of 100 GiB in the vendor's pieces
	late.call.Args[1] = "bf326a9d-c821-3c17-a8c8-4f4a45204808.zip010240"
	late.known.Request.Others = calls.Parts{Width: 6, Bytes: 10240 * 10 << 20}
	selection := publish() // 30,000 pages
	ids := make([]any, 30_000)
	for i := range ids {
		ids[i] = int64(i)
	}
	selection.call.Settings["layoutIds"] = ids
	refused := create()
	refused.call.Args[0] = otherSite
	for _, bb := range []struct {
		name string
		w    *world
		want calls.Decision
	}{
		{"read", hasRemoteLayout(), calls.Forward},
		{"create", create(), calls.Forward},
		{"update", updatePart(), calls.Forward},
		{"update after 10240 parts", late, calls.Forward},
		{"publish", publish(), calls.Forward},
		{"publish of 30000 pages", selection, calls.Forward},
		{"refused", refused, calls.Refuse},
	} {
		b.Run(bb.name, func(b *testing.B) {
			w := bb.w
			r := rule(b, w.line, w.call.Service, w.call.Method, w.call.Parameters...)
			b.ReportAllocs()
			for b.Loop() {
				if d, _ := r.Judge(w.call, w.peer, w.known); d != bb.want {
					b.Fatal(d)
				}
			}
		})
	}
}

func BenchmarkNewPreset(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := calls.NewPreset("7.4"); err != nil {
			b.Fatal(err)
		}
	}
}
