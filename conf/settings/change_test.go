package settings

import (
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/settings/scalar"
)

// household is a struct with every form of a setting in it.
type household struct {
	Name  string        `yaml:"name" doc:"Name."`
	Tags  []string      `yaml:"tags" doc:"Tags."`
	Key   scalar.Secret `yaml:"key" empty:"unset" doc:"Key."`
	Rooms []room        `yaml:"rooms" doc:"Rooms."`
	Door  door          `yaml:"door" doc:"Door."`
}

type room struct {
	Name string        `yaml:"name" doc:"Name."`
	Lock scalar.Secret `yaml:"lock" empty:"unset" doc:"Lock."`
}

type door struct {
	Wide scalar.Size `yaml:"wide" default:"1KiB" doc:"Wide."`
}

func TestChanges(t *testing.T) {
	schema := SchemaOf[household]("X_")
	base := func() *household {
		return &household{Name: "a", Tags: []string{"x", "y"}, Key: scalar.NewSecret("geheim-1"), Door: door{1024},
			Rooms: []room{{"kitchen", scalar.NewSecret("geheim-2")}, {"attic", scalar.Secret{}}}}
	}
	for _, tt := range []struct {
		name   string
		change func(*household)
		want   []string
	}{
		{"nothing", func(*household) {}, nil},
		{"a leaf", func(h *household) { h.Name = "b" }, []string{"name: a → b"}},
		{"a leaf that is emptied", func(h *household) { h.Name = "" }, []string{"name: a → nothing"}},
		{"a leaf of a section", func(h *household) { h.Door.Wide = 1 << 20 }, []string{"door.wide: 1KiB → 1MiB"}},
		{"a list", func(h *household) { h.Tags = []string{"x"} }, []string{"tags: x,y → x"}},
		{"the same list in another order", func(h *household) { h.Tags = []string{"y", "x"} }, []string{"tags: x,y → y,x"}},
		{"a secret", func(h *household) { h.Key = scalar.NewSecret("geheim-3") }, []string{"key: changed"}},
		{"a secret that goes", func(h *household) { h.Key = scalar.Secret{} }, []string{"key: changed"}},
		{"a secret that comes", func(h *household) { h.Rooms[1].Lock = scalar.NewSecret("geheim-4") }, []string{"rooms[1].lock: changed"}},
		{"an entry that comes", func(h *household) { h.Rooms = append(h.Rooms, room{"cellar", scalar.NewSecret("geheim-5")}) },
			[]string{"rooms[2]: nothing → cellar"}},
		{"an entry that goes", func(h *household) { h.Rooms = h.Rooms[:1] }, []string{"rooms[1]: attic → nothing"}},
		{"several", func(h *household) { h.Name, h.Rooms[0].Name = "b", "hall" }, []string{"name: a → b", "rooms[0].name: kitchen → hall"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := base()
			tt.change(next)
			var got []string
			for _, c := range schema.Changes(base(), next) {
				got = append(got, c.String())
				if strings.Contains(c.Old+c.New+c.String(), "geheim") {
					t.Errorf("a secret is shown: %+v", c)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
