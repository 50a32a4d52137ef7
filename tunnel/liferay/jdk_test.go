package liferay_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

// refusedSamples are the objects of Java that may not stand where their kind stands, and why. All others are legal: exceptions as
// replies, everything else as a value of a settings map.
var refusedSamples = map[string]struct {
	rule javaser.Rule
	why  string
}{
	"array-ArrayList":                {javaser.RuleClass, "settings hold lists, not arrays of them"},
	"array-HashMap":                  {javaser.RuleClass, "settings hold maps, not arrays of them"},
	"array-Object-mixed":             {javaser.RuleClass, "an Object[] is empty or it is not there"},
	"array-array-Long":               {javaser.RuleClass, "no setting is an array of arrays"},
	"array-array-long":               {javaser.RuleClass, "no setting is an array of arrays"},
	"array-byte":                     {javaser.RuleClass, "bytes are the content of a part and nothing else"},
	"map-linked":                     {javaser.RuleClass, "the vendor's client copies its linked maps into a HashMap"},
	"array-int":                      {javaser.RuleClass, "the vendor's settings have Integer[] and long[], never int[]"},
	"map-null-key":                   {javaser.RuleSlot, "keys are all text or all Long"},
	"string-unicode":                 {javaser.RuleText, "it ends with half a surrogate pair"},
	"zone-simple":                    {javaser.RuleClass, "a time zone of the CMS is a ZoneInfo"},
	"exception-initializer":          {javaser.RuleClass, "it writes an exception in a way of its own"},
	"exception-invocation":           {javaser.RuleClass, "it carries a second exception in a field of its own"},
	"exception-suppression-disabled": {javaser.RuleClass, "its class is neither the vendor's nor one that a portal lets through"},
}

// TestSamplesOfJava reads every object that a Java wrote through the place where it belongs.
func TestSamplesOfJava(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "jdk", "*.ser"))
	if err != nil || len(files) < 70 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	seen := 0
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".ser")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			slot, lim := liferay.SettingsValue(), liferay.ReplyLimits()
			if strings.HasPrefix(name, "exception") {
				slot = liferay.ThrownReply()
			}
			v, err := javaser.NewDecoder(source.New(bytes.NewReader(data), nil, lim.Held), lim).Decode(slot)
			if refused, ok := refusedSamples[name]; ok {
				seen++
				if reasonOf(err) != string(refused.rule) {
					t.Errorf("got %v, want %s: %s", err, refused.rule, refused.why)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if again, err := graph.Append(nil, v); err != nil || !bytes.Equal(again, data) {
				t.Errorf("written back differently: %v\n got %x\nwant %x", err, again, data)
			}
		})
	}
	if seen != len(refusedSamples) {
		t.Errorf("%d of %d samples to refuse are there", seen, len(refusedSamples))
	}
}

// TestRefusedExceptionsAreToldOf: what may not pass as it is still says what happened.
func TestRefusedExceptionsAreToldOf(t *testing.T) {
	for name, want := range map[string]string{
		"exception-initializer": "java.lang.ExceptionInInitializerError",
		"exception-invocation":  "java.lang.reflect.InvocationTargetException",
	} {
		thrown, ok := liferay.Glimpse(jdkFile(t, name), javaser.DefaultLimits(), nil)
		if !ok || !strings.HasPrefix(thrown.Error(), want) {
			t.Errorf("%s: %v, %v", name, thrown, ok)
		}
	}
	if _, ok := liferay.Glimpse(jdkFile(t, "map-grown"), javaser.DefaultLimits(), nil); ok {
		t.Error("a map is no exception")
	}
}
