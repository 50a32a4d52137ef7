package liferay

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/liferay/schema"
)

// maxSettingsDepth is how deep maps and lists nest in settings, call rules section 2.
const maxSettingsDepth = 4

// parameterClasses has the classes that may stand for a parameter type. Types that are not here
// belong to methods that no policy lets through.
var parameterClasses = map[string][]string{
	"long":           {"java.lang.Long"},
	"int":            {"java.lang.Integer"},
	"boolean":        {"java.lang.Boolean"},
	"[B":             {"[B"},
	"java.util.Map":  {"java.util.HashMap"},
	"java.util.List": {"java.util.ArrayList"},
	"com.liferay.exportimport.kernel.model.ExportImportConfiguration": {schema.ClassConfig},
}

// mapValues has the class of a map argument's values by method; the empty name is text itself.
var mapValues = map[string]string{
	"updateStagedPortlets":   "",
	"publishStagingRequest":  "[Ljava.lang.String;",
	"validateStagingRequest": "[Ljava.lang.String;",
}

// readArguments checks the arguments against the parameter types and turns them into plain values.
func (c *Call) readArguments() error {
	if len(c.args.Refs) != len(c.Method.Parameters) {
		return problem(ReasonArguments, fmt.Sprintf("%s has %d parameters, the call carries %d arguments",
			c.Method.Name, len(c.Method.Parameters), len(c.args.Refs)), nil)
	}
	c.Args = slices.Grow(c.values[:0], len(c.args.Refs))[:len(c.args.Refs)]
	for i, v := range c.args.Refs {
		if err := c.checkArgument(i, v); err != nil {
			return err
		}
		c.Args[i] = plain(v)
		if o, ok := v.(*graph.Object); ok && o.Class.Name == schema.ClassConfig {
			if err := c.readSettings(o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Call) checkArgument(i int, v graph.Value) error {
	typ := c.Method.Parameters[i]
	if typ == "java.lang.String" {
		if _, ok := v.(*graph.String); ok || v == nil {
			return nil
		}
		return c.unfit(i, "is not text")
	}
	allowed, known := parameterClasses[typ]
	if known && !slices.Contains(allowed, className(v)) {
		return c.unfit(i, "is a "+className(v))
	}
	if typ != "java.util.Map" {
		return nil
	}
	for n, value := range v.(*graph.Object).Note[1:] {
		if n%2 == 1 && className(value) != mapValues[c.Method.Name] {
			return c.unfit(i, "has a value of type "+className(value))
		}
	}
	return nil
}

func (c *Call) unfit(i int, msg string) error {
	return problem(ReasonArguments,
		fmt.Sprintf("argument %d of %s (%s) %s", i+1, c.Method.Name, c.Method.Parameters[i], msg), nil)
}

// className returns the class of an object or array, "" for text and "null" for null.
func className(v graph.Value) string {
	switch v := v.(type) {
	case *graph.Object:
		return v.Class.Name
	case *graph.Array:
		return v.Class.Name
	case nil:
		return "null"
	}
	return ""
}

func (c *Call) readSettings(config *graph.Object) error {
	settings, ok := config.Ref("_settingsMap").(*graph.Object)
	if !ok {
		return problem(ReasonArguments, "a configuration without settings", nil)
	}
	for _, v := range settings.Note[1:] {
		if nesting(v) > maxSettingsDepth {
			return problem(ReasonArguments, "settings nested too deep", nil)
		}
	}
	c.Settings, _ = plain(settings).(map[string]any)
	return nil
}

// nesting returns how deep maps and lists stand in each other in v.
func nesting(v graph.Value) int {
	o, ok := v.(*graph.Object)
	if !ok || len(o.Note) == 0 || o.Class.Name == "java.util.Date" {
		return 0
	}
	deepest := 0
	for _, inner := range o.Note[1:] {
		deepest = max(deepest, nesting(inner))
	}
	return deepest + 1
}

// plain returns v as a plain value, see tunnel.Call.
func plain(v graph.Value) any {
	switch v := v.(type) {
	case *graph.String:
		return v.Text
	case *graph.Array:
		return plainArray(v)
	case *graph.Object:
		return plainObject(v)
	}
	return nil
}

func plainArray(a *graph.Array) any {
	if a.Bulk > 0 || a.Class.Name == "[B" {
		return tunnel.Content{Size: a.Bulk + int64(len(a.Bytes))}
	}
	if a.Class.Name == "[J" {
		return a.Longs
	}
	out := make([]any, len(a.Refs))
	for i, v := range a.Refs {
		out[i] = plain(v)
	}
	return out
}

func plainObject(o *graph.Object) any {
	switch o.Class.Name {
	case "java.lang.Long", "java.lang.Integer":
		return int64(o.Bits("value"))
	case "java.lang.Boolean":
		return o.Bits("value") == 1
	case "java.util.HashMap":
		return plainMap(o)
	case "java.util.ArrayList":
		out := make([]any, 0, len(o.Note))
		for _, v := range o.Note[1:] {
			out = append(out, plain(v))
		}
		return out
	case "java.util.Date":
		return time.UnixMilli(int64(binary.BigEndian.Uint64(o.Note[0].(graph.Block)))).UTC()
	case "java.util.Locale":
		return plainLocale(o)
	case "sun.util.calendar.ZoneInfo":
		id, _ := graph.Text(o.Ref("ID"))
		return id
	}
	return nil
}

func plainLocale(o *graph.Object) string {
	language, _ := graph.Text(o.Ref("language"))
	if country, _ := graph.Text(o.Ref("country")); country != "" {
		return language + "_" + country
	}
	return language
}

func plainMap(o *graph.Object) any {
	out := make(map[string]any, len(o.Note)/2)
	for i := 1; i+1 < len(o.Note); i += 2 {
		key, ok := graph.Text(o.Note[i])
		if n, isLong := o.Note[i].(*graph.Object); !ok && isLong {
			key = strconv.FormatInt(int64(n.Bits("value")), 10)
		}
		out[key] = plain(o.Note[i+1])
	}
	return out
}
