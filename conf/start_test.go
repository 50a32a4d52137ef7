package conf_test

import (
	"testing"

	"github.com/stagelock/stagelock/conf"
	"github.com/stagelock/stagelock/conf/settings"
)

// BenchmarkSchema is what each start of each command pays for the settings, before anything else.
func BenchmarkSchema(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		settings.SchemaOf[conf.Config]("STAGELOCK_")
	}
}
