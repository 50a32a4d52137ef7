package liferay_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

func BenchmarkSmallCall(b *testing.B) {
	for _, name := range []string{"003-createStagingRequest", "012-publishStagingRequest"} {
		b.Run(name[4:], func(b *testing.B) {
			data, err := os.ReadFile("testdata/real/7.4.3.112/" + name + ".req.ser")
			if err != nil {
				b.Fatal(err)
			}
			lim, buf := javaser.DefaultLimits(), make([]byte, 0, 16<<10)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				in := source.New(bytes.NewReader(data), buf, lim.Held)
				if _, err := liferay.Read(in, lim, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPart reads a part of 10 MiB, content to a reader that keeps nothing.
func BenchmarkPart(b *testing.B) {
	const size = 10 << 20
	call, err := liferay.NewCall("7.4.3.112", liferay.Principal{Login: "a@b.c", Password: "x"}, tunnel.Method{
		Service: "com.liferay.exportimport.kernel.service.StagingServiceUtil", Name: "updateStagingRequest",
		Parameters: []string{"long", "java.lang.String", "[B"},
	}, int64(1), "a.zip00", tunnel.Content{Size: size})
	if err != nil {
		b.Fatal(err)
	}
	head, tail, err := call.Split()
	if err != nil {
		b.Fatal(err)
	}
	body := append(append(head, make([]byte, size)...), tail...)
	lim, buf, copyBuf := javaser.DefaultLimits(), make([]byte, 0, 4<<10), make([]byte, 256<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		in := source.New(bytes.NewReader(body), buf, lim.Held)
		_, err := liferay.Read(in, lim, func(p liferay.Part) error {
			_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, p.Content, copyBuf)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
