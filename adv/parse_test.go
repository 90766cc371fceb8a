package adv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseTree(t *testing.T) {
	tests := []struct {
		name, doc string
		want      *Element
	}{
		{"smallest", "<a/>", &Element{Name: "a"}},
		{"all around", " <?xml version='1.0' encoding='utf-8'?>\n<!DOCTYPE a ><!-- x --><a/> <!-- y -->\n", &Element{Name: "a"}},
		{"white space", "<a>\r\n\t  x\r\ny \t</a>", &Element{Name: "a", Text: "x\ny"}},
		{"references", "<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</a>", &Element{Name: "a", Text: `<&>"'AB`}},
		{"CDATA", "<a><![CDATA[<b>&amp;</b>]]></a>", &Element{Name: "a", Text: "<b>&amp;</b>"}},
		{"mixed", "<a>x<b/>y<!-- z -->z</a>", &Element{Name: "a", Text: "xyz", Children: []*Element{{Name: "b"}}}},
		{
			"prefixes", "<jxta:a xmlns:jxta='http://jxta.org' b:c=' d '></jxta:a>",
			&Element{Name: "jxta:a", Attrs: []Attr{{"xmlns:jxta", "http://jxta.org"}, {"b:c", " d "}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse([]byte(tt.doc))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const laughs = `<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><lolz>&lol2;</lolz>`
	tests := []struct {
		name, doc string
		want      error
	}{
		{"nothing", "", ErrSyntax},
		{"white space", " \n", ErrSyntax},
		{"text", "hello", ErrSyntax},
		{"only a declaration", "<?xml version='1.0'?>", ErrSyntax},
		{"unclosed", "<a><b></b>", ErrSyntax},
		{"mismatched", "<a></b>", ErrSyntax},
		{"mismatched prefix", "<x:a></y:a>", ErrSyntax},
		{"crossed", "<a><b></a></b>", ErrSyntax},
		{"end first", "</a>", ErrSyntax},
		{"two roots", "<a/><b/>", ErrSyntax},
		{"trailing text", "<a/>b", ErrSyntax},
		{"trailing NUL", "<a/>\x00", ErrSyntax},
		{"leading text", "b<a/>", ErrSyntax},
		{"CDATA outside", "<a/><![CDATA[b]]>", ErrSyntax},
		{"not UTF-8", "<a>\xff</a>", ErrSyntax},
		{"not UTF-8 in a comment", "<a><!-- \xff --></a>", ErrSyntax},
		{"other encoding", "<?xml version='1.0' encoding='ISO-8859-1'?><a/>", ErrSyntax},
		{"other version", "<?xml version='1.1'?><a/>", ErrSyntax},
		{"control character", "<a>&#1;</a>", ErrSyntax},
		{"attribute twice", "<a b='1' b='2'/>", ErrSyntax},
		{"attribute bare", "<a b=1/>", ErrSyntax},
		{"two colons", "<a:b:c/>", ErrSyntax},
		{"colon last", "<a:/>", ErrSyntax},
		{"not ASCII", "<é/>", ErrSyntax},
		{"undeclared entity", "<a>&lol;</a>", ErrSyntax},
		{"bare ampersand", "<a>a & b</a>", ErrSyntax},
		{"declaration late", "<!-- a --><?xml version='1.0'?><a/>", ErrSyntax},
		{"declaration twice", "<?xml version='1.0'?><?xml version='1.0'?><a/>", ErrSyntax},
		{"wrong DOCTYPE", "<!DOCTYPE b><a/>", ErrSyntax},
		{"DOCTYPE twice", "<!DOCTYPE a><!DOCTYPE a><a/>", ErrSyntax},
		{"DOCTYPE late", "<a/><!DOCTYPE a>", ErrSyntax},
		{"DOCTYPE inside", "<a><!DOCTYPE a></a>", ErrSyntax},
		{"DOCTYPE external", `<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`, ErrForbidden},
		{"DOCTYPE public", `<!DOCTYPE a PUBLIC "-//x" "http://example.org/x.dtd"><a/>`, ErrForbidden},
		{"DOCTYPE subset", "<!DOCTYPE a[]><a/>", ErrForbidden},
		{"DOCTYPE nameless", "<!DOCTYPE><a/>", ErrForbidden},
		{"billion laughs", laughs, ErrForbidden},
		{"ENTITY", `<!ENTITY a "b"><a/>`, ErrForbidden},
		{"style sheet", "<?xml-stylesheet href='x'?><a/>", ErrForbidden},
		{"instruction inside", "<a><?php evil() ?></a>", ErrForbidden},
		{"deep", strings.Repeat("<a>", MaxDepth+1) + strings.Repeat("</a>", MaxDepth+1), ErrTooLarge},
		{"deep and endless", strings.Repeat("<a>", MaxDocument/3), ErrTooLarge},
		{"many elements", "<a>" + strings.Repeat("<b/>", MaxElements) + "</a>", ErrTooLarge},
		{"10,000 elements", "<a>" + strings.Repeat("<b/>", 10_000) + "</a>", ErrTooLarge},
		{"many attributes", "<a" + attributes(MaxAttrs+1) + "/>", ErrTooLarge},
		{"long attribute", "<a b='" + strings.Repeat("c", MaxText+1) + "'/>", ErrTooLarge},
		{"long name", "<" + strings.Repeat("a", MaxName+1) + "/>", ErrTooLarge},
		{"long text", "<a>" + strings.Repeat("b", MaxText+1) + "</a>", ErrTooLarge},
		{"long text in pieces", "<a>" + strings.Repeat(strings.Repeat("b", MaxText/8)+"<c/>", 8) + "b</a>", ErrTooLarge},
		{"giant", "<a>" + strings.Repeat(" ", MaxDocument) + "</a>", ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e, err := parse([]byte(tt.doc)); !errors.Is(err, tt.want) || e != nil {
				t.Errorf("got %v, %v; want %v", e, err, tt.want)
			}
		})
	}
}

func TestParseAtTheLimits(t *testing.T) {
	for name, doc := range map[string]string{
		"depth":      strings.Repeat("<a>", MaxDepth) + strings.Repeat("</a>", MaxDepth),
		"elements":   "<a>" + strings.Repeat("<b/>", MaxElements-1) + "</a>",
		"attributes": "<a" + attributes(MaxAttrs) + "/>",
		"text":       "<a>" + strings.Repeat("b", MaxText) + "</a>",
		"name":       "<" + strings.Repeat("a", MaxName) + "/>",
		"bytes":      "<a>" + strings.Repeat(" ", MaxDocument-len("<a></a>")) + "</a>",
	} {
		if _, err := parse([]byte(doc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d='b'", i)
	}
	return b.String()
}

// documents returns every document of testdata.
func documents(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatal("no documents: ", err)
	}
	docs := make(map[string][]byte)
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs[filepath.Base(file)] = doc
	}
	return docs
}

func TestTruncated(t *testing.T) {
	for name, doc := range documents(t) {
		whole := len(strings.TrimRight(string(doc), " \n"))
		for n := range whole {
			if a, err := Parse(doc[:n]); !errors.Is(err, ErrSyntax) {
				t.Fatalf("%s cut to %d bytes: %v, %v", name, n, a, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, doc := range documents(f) {
		f.Add(doc)
	}
	f.Add([]byte("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a x='&#9;y'>&b;<![CDATA[]]]]><![CDATA[>]]></a>"))
	f.Add([]byte("<a:b xmlns:a='' seq='1'>x<!-- --><c> &#13; </c>y<c/></a:b>"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		a, err := Parse(doc)
		if err != nil {
			checkTyped(t, err)
			return
		}
		_, _ = a.ID(), a.Index()
		again, err := Marshal(a)
		if errors.Is(err, ErrTooLarge) {
			return // our layout needs more bytes
		}
		if err != nil {
			t.Fatalf("cannot write %+v: %v", a, err)
		}
		back, err := Parse(again)
		if err != nil || !reflect.DeepEqual(back, a) {
			t.Fatalf("%+v became %+v, %v in\n%s", a, back, err, again)
		}
		if back.ID() != a.ID() {
			t.Fatalf("ID %v became %v", a.ID(), back.ID())
		}
	})
}

func checkTyped(t *testing.T, err error) {
	t.Helper()
	for _, typed := range []error{ErrSyntax, ErrTooLarge, ErrForbidden, ErrInvalid, ErrForged} {
		if errors.Is(err, typed) {
			return
		}
	}
	t.Errorf("untyped error %v", err)
}

func BenchmarkParse(b *testing.B) {
	doc := documents(b)["peer.xml"]
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := Parse(doc); err != nil {
			b.Fatal(err)
		}
	}
}
