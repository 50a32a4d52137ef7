package settings_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/conf/settings"
)

// A tag that describes nothing possible is found at once, not when an operator meets it.
func TestSchemaRefusesWrongTags(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func()
		want string
	}{
		{"no sentence", func() {
			settings.SchemaOf[struct {
				A string `yaml:"a" doc:"Ends nowhere"`
			}]("X_")
		}, "a has no sentence about it"},
		{"odd name", func() {
			settings.SchemaOf[struct {
				A string `yaml:"A-b" doc:"It."`
			}]("X_")
		}, "has no sentence about it, or an odd name"},
		{"default that does not parse", func() {
			settings.SchemaOf[struct {
				A time.Duration `yaml:"a" doc:"It." default:"15"`
			}]("X_")
		}, "a: default 15: is not a duration"},
		{"default out of bounds", func() {
			settings.SchemaOf[struct {
				A int `yaml:"a" doc:"It." default:"9" max:"8"`
			}]("X_")
		}, "a: default 9 is out of bounds"},
		{"bound that does not parse", func() {
			settings.SchemaOf[struct {
				A int `yaml:"a" doc:"It." max:"x"`
			}]("X_")
		}, "bound of a"},
		{"default that is no choice", func() {
			settings.SchemaOf[struct {
				A string `yaml:"a" doc:"It." default:"c" oneof:"a b"`
			}]("X_")
		}, "a: default c is no choice"},
		{"two settings of one variable", func() {
			settings.SchemaOf[struct {
				A struct {
					B string `yaml:"b" doc:"It."`
				} `yaml:"a" doc:"It."`
				A_B string `yaml:"a_b" doc:"It."`
			}]("X_")
		}, "another setting has the same variable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, tt.want) {
					t.Errorf("panic %s, want %s", got, tt.want)
				}
			}()
			tt.make()
		})
	}
}
