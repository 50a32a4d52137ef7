package certs

import (
	"context"
	"slices"

	"github.com/sirupsen/logrus"
	"go.uber.org/zap/zapcore"
)

// levels translates zap's levels. What certmagic thinks worth informing about is one step below
// what an operator wants to read; the events that matter are logged by events.
var levels = map[zapcore.Level]logrus.Level{
	zapcore.DebugLevel: logrus.TraceLevel,
	zapcore.InfoLevel:  logrus.DebugLevel,
	zapcore.WarnLevel:  logrus.WarnLevel,
}

// core is a zap core that writes to logrus.
type core struct {
	log    *logrus.Entry
	fields []zapcore.Field
}

// level returns logrus's level for l; whatever is above a warning is an error, also zap's panic and
// fatal, which must not end this process.
func level(l zapcore.Level) logrus.Level {
	if to, ok := levels[l]; ok {
		return to
	}
	return logrus.ErrorLevel
}

// Enabled implements zapcore.Core.
func (c *core) Enabled(l zapcore.Level) bool { return c.log.Logger.IsLevelEnabled(level(l)) }

// With implements zapcore.Core.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{log: c.log, fields: slices.Concat(c.fields, fields)}
}

// Check implements zapcore.Core.
func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(c.fields, fields) {
		f.AddTo(enc)
	}
	c.log.WithFields(enc.Fields).WithField("part", "certmagic "+e.LoggerName).Log(level(e.Level),
		e.Message)
	return nil
}

// Sync implements zapcore.Core.
func (c *core) Sync() error { return nil }

// events logs what happens to certificates.
type events struct{ log *logrus.Entry }

func (e *events) on(_ context.Context, name string, data map[string]any) error {
	log := e.log.WithFields(logrus.Fields{"name": data["identifier"], "renewal": data["renewal"]})
	switch name {
	case "cert_obtained":
		log.Info("certificate obtained")
	case "cert_failed":
		log.WithField(logrus.ErrorKey,
			data["error"]).Error("no certificate was obtained, it will be tried again")
	}
	return nil
}
