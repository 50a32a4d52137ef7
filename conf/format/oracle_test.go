package format

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/conf/format/readerstest"
)

var (
	generated = flag.Int("generated", 2000, "generated files of each kind that the vendor's readers are asked about")
	firstSeed = flag.Uint64("seed", 1, "with which generated files begin: another one makes other files")
)

// oracle is the vendor's reader, and what it is asked about.
type oracle struct{ *readerstest.Oracle }

func newOracle(t *testing.T, reader string) oracle {
	t.Helper()
	return oracle{readerstest.New(t, reader)}
}

// asked are keys that the portal's own files do not have.
var asked = []string{secretKey, "x.list", "x.a", "x.b", "other"}

// portal asks for every key: the text and the list.
func (o oracle) portal(data []byte) (got [][2]string, ok bool) {
	o.Write("portal-ext.properties", data)
	all, ok := o.Portal(asked)
	for _, r := range all {
		got = append(got, [2]string{whole(r.Texts), whole(r.List)})
	}
	return got, ok
}

// whole shows texts.
func whole(texts []string) string {
	return halved(fmt.Sprintf("%q", texts))
}

// halved has a question mark for half a character above U+FFFF, as Java writes it.
func halved(text string) string { return strings.ReplaceAll(text, "\ufffd", "?") }

// ours is what our reader makes of the same file. It reports whether the portal would start.
func (o oracle) ours(data []byte, line62 bool) (got [][2]string, ok bool) {
	p := ParseProperties(data, line62, known)
	find := func(name string) (string, bool) {
		q, found := p.Find(name)
		if !found {
			return "", false
		}
		return q.Texts[0].Text, true
	}
	r := Resolver{Property: find,
		JVM: func(name string) (string, bool) { return readerstest.JVMValue, name == readerstest.JVMProperty },
		Env: func(name string) (string, bool) { v, found := o.Env[name]; return v, found }}
	for _, key := range asked {
		q, found := p.Find(key)
		if !found {
			got = append(got, [2]string{"[]", "[]"})
			continue
		}
		var list []string
		for _, x := range q.Texts {
			e := r.Expand(x.Text)
			if e.Err != nil {
				return nil, false
			}
			list = append(list, e.Text)
		}
		text := Merge(q.Texts, line62)
		if len(q.Texts) == 1 {
			text = list[0]
		}
		if last := list[len(list)-1]; strings.Trim(last, " ") == "" || strings.Trim(last, " ") == "null" {
			list = list[:len(list)-1] // as the portal does
		}
		got = append(got, [2]string{whole([]string{text}), whole(list)})
	}
	return got, true
}

// written are files that people write, kind by kind; S stands for the secret's key.
var written = []string{
	"S=abc   \nx.list=1\t\n", "x.list=127.0.0.1,\\ \n    10.0.0.5\n", "x.list=127.0.0.1,\\\n#  SERVER_IP,\\\n   10.0.0.5\n",
	"x.list=127.0.0.1,\\\n\nS=x\n", "S=x\nx.list=127.0.0.1,\\\n", "S=first\nS=second\n", "x.list=1,2\nx.list=3\n",
	"\ufeffS=x\nx.list=1\n", "S=${env:STAGING_SECRET}\nx.list=${env:STAGING_SECRET},2\n", "other=10.0.0.5\nS=${other}\nx.list=127.0.0.1,${other}\n",
	"S=${sys:test.property}${test.property}\n", "S=x${nothing}y\n", "S=\nx.list=\n", "S x y\nx.list:1\n", "S\tx\nx.list = 1, 2 ,3\n", "S =: x\n",
	"S=a\\u0041\\tb\\\\c\\,d\\=e\\q\n", "x.list=a\\,b,c\n", "S=a , b\n", "x\\.a=x\n", "! comment\nS=x!y#z\n", "S=x\\u00\nx.list=1\n", "S=x\\u00zz\nx.list=1\n",
	"S=grü\n", "S=gr\xfc\n", "S\nx.list=1\n", "S=${S}\n", "x.a=${x.b}\nx.b=${x.a}\nS=${x.a}\n", "S=x\rx.list=1\r", "S=x\\\r\n  y\r\nx.list=1\r\n",
	"\fS=x\f\n", "S=x\u00a0\n", "include-and-override=missing.properties\nS=x\n", "include-and-override=${nothing}/a.properties\nS=x\n",
	"include-and-override=portal-developer.properties\nS=x\n", "s=x\n", "S=\"x\"\n", "S=x\\\\\nx.list=1\n", "S=x\\\\\\\nx.list=1\n", "x.a=x.b\nx.b=deep\nS=${${x.a}}\n",
	"S=a$b{c}\n", "S=a$${x.b}\nx.b=1\n", "S=a${b\n", "x.list=1,2,\n", "x.list=,1\n", "x.list=1,null\n", "x.list=,\n", "S=a\\\\,b\n", "S=\\\n\n\nx\n", "=x\nS=y\n", "S=\\u-001\n",
	"S=a\u2028b\n", "S=a\u0085b\n", "x.a=1\\\n! c\n2\n", "x.a=a\\ b\n", "x.a=\\ b\n", "x.a:b=c\n", "x.a==c\n", "x.a=c\\:d\n", "  \t \nx.a=1\n", "x.a=1\nx.a=\\tb\\t\n", "x.a=\\tb\n",
}

// Our reader reads generated and written portal-ext.properties as the portal's own does.
func TestInteropPropertiesReaders(t *testing.T) {
	for _, reader := range []string{"6.2", "7.4"} {
		t.Run(reader, func(t *testing.T) {
			o := newOracle(t, reader)
			files := make([][]byte, 0, len(written)+*generated)
			for _, w := range written {
				files = append(files, []byte(strings.ReplaceAll(w, "S", secretKey)))
			}
			eachTestdata(t, "*.properties", func(data []byte) { files = append(files, data) })
			random := rand.New(rand.NewPCG(*firstSeed, 2))
			for range *generated {
				files = append(files, []byte(generate(random, propertyPieces)))
				files = append(files, []byte(propertyFile.text(random)))
			}
			wrong := 0
			for _, data := range files {
				want, wantOK := o.portal(data)
				got, gotOK := o.ours(data, reader == "6.2")
				if wantOK != gotOK || !slices.Equal(want, got) {
					if wrong++; wrong < 10 {
						t.Errorf("%q\nportal %t %q\nours   %t %q", data, wantOK, want, gotOK, got)
					}
				}
			}
			t.Logf("%d files, %d read otherwise", len(files), wrong)
		})
	}
}

func eachTestdata(t *testing.T, pattern string, f func([]byte)) {
	t.Helper()
	eachFile(t, pattern, func(_ *testing.T, _ string, data []byte) { f(data) })
}

// propertyPieces make up generated files.
var propertyPieces = []string{secretKey, "x.list", "x.a", "x.b", "=", "=", ":", " ", "\t", "\n", "\n", "\n", "\r\n", "\\", "\\\n", "\\ \n", ",", ",", "#", "!", "a", "1", "${x.a}", "${x.b}",
	"${env:STAGING_SECRET}", "${", "}", "$", "\\u0041", "\\u00", "\\t", "\\,", "\\\\", "ü", "10.0.0.1", "\"", "\f", "x.a=", "x.b=1\n", "x.list=a,b\n", secretKey + "=s\n", "null", ";", "'"}

func generate(random *rand.Rand, pieces []string) string {
	var b strings.Builder
	for range 1 + random.IntN(30) {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	return b.String()
}

// configs are .config files that people write.
var configs = []string{
	"enabled=true\nhostsAllowed=127.0.0.1,10.0.0.5\n", "enabled=B\"true\"\nhostsAllowed=\"127.0.0.1,10.0.0.5\"\n", "enabled=B\"true\"\n\n\nhostsAllowed=\"1\"\n",
	"enabled=B\"true\"\n   \nhostsAllowed=\"1\"\n", "hostsAllowed=[ \\\n  \"1\", \\\n  \"2\", \\\n  ]\nenabled=B\"true\"\n", "hostsAllowed=[\n  \"1\",\n  \"2\"\n]\nenabled=B\"true\"\n",
	"hostsAllowed=[ \\\r\n  \"1\", \\\r\n  \"2\", \\\r\n  ]\r\nenabled=B\"true\"\r\n", "enabled=B\"true\"\n# c\nhostsAllowed=\"1\"\n", "! a\nenabled=B\"true\"\n", "enabled = B\"true\"\n",
	"hostsAllowed=\"a\\=b\\\"c\\\\d\\ne\"\n", "hostsAllowed=\"1\" \"2\"\nenabled=B\"true\"\n", "hostsAllowed=\"1\"\nhostsAllowed=\"2\"\n", "hostsAllowed={\"1\"}\nenabled=B\"true\"\n",
	"hostsAllowed=(\"1\",\"2\")\n", "hostsAllowed\nenabled=B\"true\"\n", "hostsAllowed=\nenabled=B\"true\"\n", "enabled=B\"yes\"\n", "a:b=\"1\"\nenabled=B\"true\"\n",
	"hostsAllowed=\"${LIFERAY_X},${HOME},${test.property},${nothing}\"\n", "hostsAllowed=\"${LIFERAY_${nothing}X}\"\n", "hostsAllowed=\"$\\{LIFERAY_X\\}\"\n", "hostsAllowed=\"a\\${LIFERAY_X}\"\n",
	"hostsAllowed=\"1\"\nenabled=[\"1\", \\\n", "hostsAllowed=\"1,\\\n2\"\n", "a=I\"x\"\nenabled=B\"true\"\n", "hostsAllowed=\"\\u0041\"\n", "enabled=true\nhostsAllowed=\"1\"\n",
	"hostsAllowed=\"1\"\nenabled=true\n", "hostsAllowed=[\"1\" \"2\"]\n", "hostsAllowed=[1,2]\nenabled=B\"true\"\n", "hostsAllowed=[ \\\n # c\n \"1\"]\n", "a=1\nb = 2,3\n", "a:1\nb=2\n", "a=1\n# x\n! y\nb=2\n",
	"a=1,\\\n  2\nb=3\n", "a=1,\\ \n  2\nb=3\n", "a=\"1\"\nb=2\n", "a = 1  \n", "a=b\\tc\\u0041\\\\\n", "a\nb=1\n", "  #x\n  a=1\n", "a=C\"x\"\n", "a=F\"many\"\nb=\"1\"\n", "a=I\"x\"\na=\"1\"\n", "a=i[\"1\",\"2\"]\n", "a=L\"5\"\n", "a=\"\\\"\n",
}

var configPieces = []string{"a", "b", "hostsAllowed", "=", "=", "\"", "\"", "\"", "[", "]", "(", ")", "{", "}", ",", " ", "\t", "\n", "\n", "\r\n", "\\\n", "\\", "#", "!", "T", "B", "I", "x", "1", "a=\"1\"\n",
	"b=[\"1\",\"2\"]\n", "enabled=B\"true\"\n", "${LIFERAY_X}", "${test.property}", "${nothing}", "${", "\\u0041", "\\\"", "ü", "a=1\n"}

// Our readers read generated and written configuration files as the vendor's own do.
func TestInteropConfigReaders(t *testing.T) {
	for _, tt := range []struct {
		reader, name string
		parse        func(body string, vars Lookup) *OSGi
	}{
		{"7.4", "x.config", ParseConfig}, {"7.4", "x.cfg", ParseCfg},
		{"felix-3.6.4", "x.config", func(body string, _ Lookup) *OSGi { return ParseFelix(body, false) }},
	} {
		t.Run(tt.reader+" "+tt.name, func(t *testing.T) {
			o := newOracle(t, tt.reader)
			vars := func(name string) (string, bool) {
				if name == readerstest.JVMProperty {
					return readerstest.JVMValue, true
				}
				v, found := o.Env[name]
				return v, found && strings.HasPrefix(name, "LIFERAY_")
			}
			files := slices.Clone(configs)
			eachTestdata(t, "*.config", func(data []byte) { files = append(files, string(data)) })
			random := rand.New(rand.NewPCG(*firstSeed+2, 4))
			for range *generated {
				files = append(files, generate(random, configPieces), strings.ToValidUTF8(configFile.text(random), ""))
			}
			wrong := 0
			for _, text := range files {
				c := tt.parse(text, vars)
				if c.endless {
					continue // the vendor's reader would never answer
				}
				want, got := halved(o.config(tt.name, text)), halved(shown(c))
				if want != got {
					if wrong++; wrong < 10 {
						t.Errorf("%q\nengine %s\nours   %s", text, want, got)
					}
				}
			}
			t.Logf("%d files, %d read otherwise", len(files), wrong)
		})
	}
}

// config returns what the vendor's reader makes of a file.
func (o oracle) config(name, text string) string {
	var all []string
	for _, v := range o.Config(name, text) {
		line := fmt.Sprintf("%q=%q", v.Key, v.Values)
		if v.None {
			line = fmt.Sprintf("%q none", v.Key)
		}
		all = append(all, line)
	}
	return fmt.Sprint(all)
}

func shown(c *OSGi) string {
	var all []string
	for _, v := range c.Values {
		line := fmt.Sprintf("%q=%q", v.Key, v.Texts)
		if v.None {
			line = fmt.Sprintf("%q none", v.Key)
		}
		all = append(all, line)
	}
	return fmt.Sprint(all)
}
