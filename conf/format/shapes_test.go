package format

import (
	"math/rand/v2"
	"strings"
)

// shapes make files that look as people write them: lines of a key, a separator, a value and an end. Noise
// alone rarely makes two lines of one key, or an array over lines.
type shapes struct {
	keys, separators, values, ends []string
	noise                          []string // between the lines
}

// text returns a file of up to eight lines.
func (s shapes) text(random *rand.Rand) string {
	pick := func(all []string) string { return all[random.IntN(len(all))] }
	end := pick(s.ends) // most files have one kind
	var b strings.Builder
	for range 1 + random.IntN(8) {
		if random.IntN(6) == 0 {
			b.WriteString(pick(s.noise))
		}
		value := pick(s.values)
		for random.IntN(3) == 0 {
			value += pick(s.values)
		}
		line := pick(s.keys) + pick(s.separators) + value
		if random.IntN(8) == 0 {
			end = pick(s.ends)
		}
		b.WriteString(strings.ReplaceAll(line, "\n", end) + end)
	}
	text := b.String()
	switch random.IntN(12) {
	case 0: // cut off
		text = text[:random.IntN(len(text))]
	case 1:
		text = strings.TrimRight(text, "\r\n")
	}
	return text
}

// lineEnds are those that some reader takes for one.
var lineEnds = []string{"\n", "\n", "\n", "\r\n", "\r\n", "\r", "\n\r", "\f", "\n\f", " \n", "\u0085", "\u2028", "\v\n", "\n\n"}

var propertyFile = shapes{
	keys: []string{secretKey, secretKey, "x.list", "x.list", "x.a", "x.b", "other", "x\\.a", "x\\u002ea", "\\x.b", " x.a", "\tx.b", "\fother", "x.a\\ ", "x\\:a", "x\\=b", "x.a.b",
		"\\u0078.a", "X.a", "#x.a", " !x.b", "x.\\\n  a", "x.a\\", "\ufeffx.a", "x.a\\u0020", "x .a", "ot\\her", "other\\t", "x.lis\\\nt", "\u00a0x.a", "[x.a]", "x..a", "x.a(0)", "x.a[@b]"},
	separators: []string{"=", "=", "=", ":", " ", "\t", " = ", " : ", "  ", "==", ":=", "= =", "\\=", "\f=\f", "=\t", "\v=", "", "=\\\n", " \\\n = ", "=\u00a0", "\\ =", "=\\ ", "=#", "=!"},
	values: []string{"a", "1", "10.0.0.5", "127.0.0.1,SERVER_IP", "a, b ,c", ",a", "a,", ",,", "\\,", "\\\\,", "\\\\\\,", "a\\\n  b", "a,\\\n  b,\\\n  c", "a,\\ \n b", "a\\\n#c\n b", "a\\\n\n b",
		"a\\\n ! c\nb", "\\u0041", "\\u00e9", "\\u20ac", "\\ud83d\\ude00", "\\ud83d", "\\u002c", "\\u005c", "\\u005c,", "\\u000a", "\\u0024{x.a}", "\\uD8zz", "\\u12", "\\U0041", "\\uu0041", "\\t", "\\n", "\\r", "\\f", "\\b", "\\0", "\\\"", "\\'", "\\x41",
		"${x.a}", "${x.b}", "${other}", "${x.list}", "${env:STAGING_SECRET}", "${env:NONE}", "${sys:test.property}", "${test.property}", "${sys:none}", "${none}", "${${x.a}}", "${x.${x.b}}", "${x.a}${x.b}", "$${x.a}", "$$${x.a}",
		"${}", "${ x.a }", "${x.a", "}", "${x.a}}", "{x.a}", "$", "${env:}", "${ENV:STAGING_SECRET}", "${x.a:-b}", "${a,b}", "\\${x.a}", "$\\{x.a}", "x.b", "list", "a", "other",
		"\"a\"", "'a,b'", "\"a", "ü", "€", "\u00a0", "\ufeff", "😀", "a  ", "\t", "  b", "a=b", "a:b", "#a", "!a", "null", "true", "", "\\", "\\\\", "\\\\\n", "\x00", "\x1f", "a\x1fb", "\u3000", ";", "a;b", "(a)", "<a>", "&amp;", "%20", "\x80", "\xc3", "\xff\xfe", "\xed\xa0\x80", "\xf0\x9f\x98", "\xe2\x82", "\xc0\xaf", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xed\xa0", "\xf0\x8f\xbf"},
	ends:  lineEnds,
	noise: []string{"# c\n", "! c\r\n", "\n", "   \n", "#\\\n", "  # c \\\n", "\f\n", "\t\r\n", "no separator\n", "=\n", "\\\n", "\\\n\n", "x.a\n", "x.a=\n", "\ufeff\n", "\u2028", "// c\n", "; c\n", "[section]\n", "<xml/>\n", "---\n"},
}

var configFile = shapes{
	keys:       []string{"enabled", "hostsAllowed", "hostsAllowed", "a", "b", "urlsIncludes", " a", "a ", "\ta", "a.b", "a-b", "a_b", "a:b", "a\\ b", "a\\=b", "\"a\"", "#a", "!a", "a\\u0041", "ü", "hostsAllowed\\", "service.pid", "A", "a[0]", "", "\ufeffa"},
	separators: []string{"=", "=", "=", "=", "=", " = ", "= ", " =", ":", " ", "\t=\t", "==", "=\\\n", "= \\\n  ", "\\=", "", "=\n"},
	values: []string{"\"1\"", "\"10.0.0.5\"", "\"127.0.0.1,SERVER_IP\"", "\"\"", "B\"true\"", "B\"false\"", "b\"true\"", "B\"TRUE\"", "B\"yes\"", "T\"x\"", "I\"1\"", "i\"1\"", "I\"x\"", "L\"5\"", "l\"5\"", "F\"1.5\"", "D\"-0.25\"", "D\"x.y\"", "f\"1075838976\"", "D\"4613937818241073152\"", "d\"-4616189618054758400\"", "X\"1\"", "x\"1\"",
		"S\"1\"", "s\"1\"", "C\"x\"", "c\"x\"", "C\"xy\"", "C\"\"", "C\"😀\"", "D\"9218868437227405312\"", "D\"-4503599627370496\"", "D\"4711630319722168320\"", "F\"872415232\"", "D\"0\"", "Z\"1\"", "B\"\"", "I\"\"", "I\"-1\"", "I\"99999999999\"", "L\" 1\"", "D\"1e3\"", "F\"1065353216\"", "D\"4607182418800017408\"",
		"[\"1\",\"2\"]", "[ \"1\" , \"2\" ]", "[\"1\",\"2\",]", "[ \\\n  \"1\", \\\n  \"2\", \\\n  ]", "[\\\n\"1\",\\\n\"2\"\\\n]", "[\n  \"1\",\n  \"2\"\n]", "[]", "[ ]", "[,]", "B[\"true\",\"false\"]", "I[\"1\",\"2\"]", "i[\"1\"]", "[\"1\"", "[\"1\",", "\"1\",\"2\"", "[[\"1\"]]", "[ \\\n  # c\n  \"1\"]",
		"(\"1\",\"2\")", "( \\\n  \"1\", \\\n)", "()", "I(\"1\")", "{\"1\"}", "(\"1\"]", "[\"1\";\"2\"]", "\"a\\\"b\"", "\"a\\\\b\"", "\"a\\=b\"", "\"a\\ b\"", "\"a\\nb\"", "\"a\\tb\"", "\"a\\u0041b\"", "\"\\u00\"", "\"a\\\n  b\"", "\"a\nb\"", "\"\\q\"", "\"a\\", "\"\\{\\}\"",
		"\"${LIFERAY_X}\"", "\"${test.property}\"", "\"${nothing}\"", "\"${env:LIFERAY_X}\"", "\"$\\{LIFERAY_X\\}\"", "\"${LIFERAY_${x}}\"", "\"${LIFERAY_X\"", "\"${}\"", "\"$${LIFERAY_X}\"", "\"${LIFERAY_X}${LIFERAY_X}\"", "\"\\${LIFERAY_X}\"", "${LIFERAY_X}", "I\"${LIFERAY_X}\"", "[\"${LIFERAY_X}\",\"2\"]",
		"1", "true", "a,b", "'1'", "\"1", "1\"", "\"1\" ", " \"1\"", "\"1\" # c", "\"1\";", "\"1\"x", "\"ü\"", "\"€\"", "ü", "\"\u00a0\"", "\"\x00\"", "\"\t\"", "\"1\"\\", "\\", "=", ""},
	ends:  append([]string{"\n", "\n", "\n", "\n", "\r\n", "\r\n"}, lineEnds...),
	noise: []string{"# c\n", "#\n", "\n", "\n\n", "  \n", "\t\n", "! c\n", "  # c\n", "\\\n", "//\n", "service.pid=\"x\"\n", "# c \\\n", "\r\n", "#\r\n", "{\n", "}\n", ":org.apache.felix.configadmin.revision:=L\"1\"\n", "a\n", "\"\n"},
}
