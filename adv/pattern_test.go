package adv

import (
	"errors"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/juxta-p2p/juxta/id"
)

var inf = math.Inf(1)

func TestPatternMatches(t *testing.T) {
	all := map[string]Advertisement{
		"peer":  &Peer{Name: "alice"},
		"group": &Group{Name: "chess"},
		"pipe":  &Pipe{Name: "clock", PipeID: id.PipeOf(id.Net, id.Peer{}, "clock"), PipeType: Unicast},
		"class": &ModuleClass{Name: "clock"},
		"news": &Document{Name: "News", Children: []*Element{
			{Name: "Tag", Text: "a"},
			{Name: "Tag", Text: "b"},
			{Name: "Empty"},
			{Name: "Price", Text: "ten"},
			{Name: "Price", Text: "12.50"},
			{Name: "Hex", Text: "0x10"},
			{Name: "Much", Text: "Inf"},
			{Name: "Much", Text: "1e999"},
			{Name: "Much", Text: "NaN"},
		}},
	}
	tests := []struct {
		p    Pattern
		want string
	}{
		{Pattern{}, "class group news peer pipe"},
		{Pattern{Kind: KindPeer}, "peer"},
		{Pattern{Kind: KindModule}, "class"},
		{Pattern{Kind: KindAdv}, "class news pipe"},
		{Pattern{Kind: "News"}, "news"},
		{Pattern{Kind: "jxta:PA"}, "peer"},
		{Pattern{Kind: "jxta:pa"}, ""},
		{Pattern{Attr: "Name"}, "class group peer pipe"},
		{Pattern{Attr: "Name", Value: "clock"}, "class pipe"},
		{Pattern{Attr: "Name", Value: "Clock"}, ""},
		{Pattern{Attr: "Name", Value: "*c*"}, "class group peer pipe"},
		{Pattern{Kind: KindPipe, Attr: "Name", Value: "c?ock"}, "pipe"},
		{Pattern{Attr: "Tag", Value: "b"}, "news"},
		{Pattern{Attr: "Tag", Value: "c"}, ""},
		{Pattern{Attr: "Empty"}, ""},
		{Pattern{Value: "ignored without an attribute"}, "class group news peer pipe"},
		{Pattern{Range: &Range{1, 2, false, false}}, "class group news peer pipe"},
		{Pattern{Attr: "Price", Range: &Range{12.5, 13, false, true}}, "news"},
		{Pattern{Attr: "Price", Range: &Range{12, 12.5, true, false}, Value: "ignored"}, "news"},
		{Pattern{Attr: "Price", Range: &Range{12.5, 13, true, false}}, ""},
		{Pattern{Attr: "Price", Range: &Range{12, 12.5, false, true}}, ""},
		{Pattern{Attr: "Price", Range: &Range{-inf, inf, false, false}}, "news"},
		{Pattern{Attr: "Price", Range: &Range{Min: math.NaN(), Max: 13}}, ""},
		{Pattern{Attr: "Much", Range: &Range{-inf, inf, false, false}}, ""},
		{Pattern{Attr: "Hex", Range: &Range{-inf, inf, false, false}}, ""},
		{Pattern{Attr: "Tag", Range: &Range{-inf, inf, false, false}}, ""},
	}
	for _, test := range tests {
		var got []string
		for _, name := range []string{"class", "group", "news", "peer", "pipe"} {
			if test.p.Matches(all[name]) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v matches %v, want %s", test.p, got, test.want)
		}
	}
}

func TestParsePattern(t *testing.T) {
	tests := map[string]struct {
		want Pattern
		said string // if it is not what was written
	}{
		"":                     {Pattern{}, "everything"},
		"Name":                 {Pattern{Attr: "Name"}, ""},
		"Name=mov*":            {Pattern{Attr: "Name", Value: "mov*"}, ""},
		"app:Tag=a=b<c":        {Pattern{Attr: "app:Tag", Value: "a=b<c"}, ""},
		"Price=<5":             {Pattern{Attr: "Price", Value: "<5"}, ""},
		"Price>=10":            {Pattern{Attr: "Price", Range: &Range{10, inf, false, false}}, ""},
		"Price>-1.5":           {Pattern{Attr: "Price", Range: &Range{-1.5, inf, true, false}}, ""},
		"Price<1e3":            {Pattern{Attr: "Price", Range: &Range{-inf, 1000, false, true}}, "Price<1000"},
		"Price<=1000000":       {Pattern{Attr: "Price", Range: &Range{-inf, 1e6, false, false}}, ""},
		"Price<=1e+30":         {Pattern{Attr: "Price", Range: &Range{-inf, 1e30, false, false}}, ""},
		"Price>=10 Price<20":   {Pattern{Attr: "Price", Range: &Range{10, 20, false, true}}, ""},
		"Price<20 Price>=10":   {Pattern{Attr: "Price", Range: &Range{10, 20, false, true}}, "Price>=10 Price<20"},
		"Price>=10 Price>10":   {Pattern{Attr: "Price", Range: &Range{10, inf, true, false}}, "Price>10"},
		"Price>10 Price>=10":   {Pattern{Attr: "Price", Range: &Range{10, inf, true, false}}, "Price>10"},
		"Price<5 Price<=4":     {Pattern{Attr: "Price", Range: &Range{-inf, 4, false, false}}, "Price<=4"},
		"Price>=10 Price<=10":  {Pattern{Attr: "Price", Range: &Range{10, 10, false, false}}, ""},
		"Price>=-Inf":          {Pattern{Attr: "Price", Range: &Range{-inf, inf, false, false}}, ""},
		"Price>=-Inf Price<=3": {Pattern{Attr: "Price", Range: &Range{-inf, 3, false, false}}, "Price<=3"},
	}
	for words, test := range tests {
		got, err := ParsePattern(strings.Fields(words)...)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v, want %+v", words, got, err, test.want)
		}
		if test.said == "" {
			test.said = words
		}
		if got.String() != test.said {
			t.Errorf("%s: says %s, want %s", words, &got, test.said)
		}
	}
	if p := (Pattern{Kind: KindPipe, Attr: "Name", Value: "moves"}); p.String() != "pipe Name=moves" {
		t.Error(p.String())
	}
}

func TestParsePatternSaysWhatIsWrong(t *testing.T) {
	tests := []struct {
		words []string
		want  string
		kind  error
	}{
		{[]string{""}, `"": "" is not the name of an attribute`, ErrSyntax},
		{[]string{"=x"}, `"=x": "" is not the name`, ErrSyntax},
		{[]string{"Price!=5"}, `"Price!" is not the name`, ErrSyntax},
		{[]string{"Na me=5"}, `"Na me" is not the name`, ErrSyntax},
		{[]string{"Name="}, "Name alone asks for any", ErrSyntax},
		{[]string{"Price>"}, `"Price>": "" is not a decimal number`, ErrSyntax},
		{[]string{"Price>=cheap"}, `"cheap" is not a decimal number`, ErrSyntax},
		{[]string{"Price>0x10"}, `"0x10" is not a decimal number`, ErrSyntax},
		{[]string{"Price>NaN"}, `"NaN" is not a decimal number`, ErrSyntax},
		{[]string{"Price<1e999"}, `"1e999" is not a decimal number`, ErrSyntax},
		{[]string{"Name=a", "Price>1"}, `"Price>1": a search compares one attribute, and that is Name here`, ErrSyntax},
		{[]string{"Name=a", "Name=b"}, `"Name=b": two conditions on Name go together only if`, ErrSyntax},
		{[]string{"Price>1", "Price=2"}, `"Price=2": two conditions`, ErrSyntax},
		{[]string{"Price", "Price>1"}, `"Price>1": two conditions`, ErrSyntax},
		{[]string{"Price>20", "Price<10"}, "no number is in the range >20 <10", ErrInvalid},
		{[]string{"Price>10", "Price<=10"}, "no number is in the range", ErrInvalid},
		{[]string{"Name=" + strings.Repeat("x", MaxIndexValue+1)}, "a value of 257 bytes, limit 256", ErrInvalid},
		{[]string{"Name=\xff"}, "it is not UTF-8", ErrInvalid},
	}
	for _, test := range tests {
		p, err := ParsePattern(test.words...)
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) || p != (Pattern{}) {
			t.Errorf("%q: %v, %v, want %q", test.words, &p, err, test.want)
		}
	}
}

func TestPatternCheck(t *testing.T) {
	name, value := strings.Repeat("x", MaxName), strings.Repeat("é", MaxIndexValue/2)
	nan := math.NaN()
	for _, p := range []Pattern{
		{},
		{Kind: KindAdv},
		{Kind: Kind(name), Attr: name, Value: value},
		{Attr: "a", Range: &Range{-inf, inf, true, true}},
		{Attr: "a", Range: &Range{}},
	} {
		if err := p.Check(); err != nil {
			t.Errorf("%v: %v", &p, err)
		}
	}
	for _, p := range []Pattern{
		{Kind: Kind(name + "x")},
		{Attr: name + "x"},
		{Attr: "a", Value: value + "x"},
		{Value: "x"},
		{Range: &Range{}},
		{Kind: "\xff"},
		{Attr: "\xff"},
		{Attr: "a", Value: "\xc3"},
		{Attr: "a", Range: &Range{Min: nan}},
		{Attr: "a", Range: &Range{Max: nan}},
		{Attr: "a", Range: &Range{Min: 1}},
		{Attr: "a", Range: &Range{OpenMax: true}},
	} {
		if err := p.Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestPatternExact(t *testing.T) {
	for words, want := range map[string]bool{
		"": false, "Name": false, "Name=a": true, "Name=a*": false, "Name=?": false, "Price>=1 Price<=1": false,
	} {
		p, err := ParsePattern(strings.Fields(words)...)
		if err != nil || p.Exact() != want {
			t.Errorf("%s: %v, %v", words, p.Exact(), err)
		}
	}
	if p := (Pattern{Value: "a"}); p.Exact() {
		t.Error("a value of no attribute can be looked up")
	}
}

// What is parsed is fit to be searched, and says itself so that it can be parsed
// again.
func FuzzParsePattern(f *testing.F) {
	for _, seed := range [][2]string{{"Name", ""}, {"Name=a b", ""}, {"P>=1", "P<2e9"}, {"P>-Inf", "P<=-0"}, {"P>1e-9", ""}, {"=", "\xff"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		words := []string{first, second}
		if second == "" {
			words = words[:1]
		}
		p, err := ParsePattern(words...)
		if err != nil {
			if !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrInvalid) {
				t.Fatalf("%q: %v", words, err)
			}
			return
		}
		if err := p.Check(); err != nil {
			t.Fatalf("%q: %v", words, err)
		}
		again := []string{p.String()}
		if p.Range != nil {
			again = strings.Fields(p.String())
		}
		q, err := ParsePattern(again...)
		if err != nil || q.String() != p.String() || q.Exact() != p.Exact() {
			t.Errorf("%q says %s, and that %v, %v", words, &p, &q, err)
		}
	})
}

// oracle is what wildcard ought to be.
func oracle(pattern string) *regexp.Regexp {
	var b strings.Builder
	for _, r := range pattern {
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(`(?s)\A` + b.String() + `\z`)
}

func FuzzWildcardIsTheRegexp(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"*", ""}, {"?", ""}, {"**?", "é"}, {"a*b*c", "abbbcbc"}, {"*é?", "éé\n"}, {"?*?", "x"}, {"a?", "a"}, {"*aab", "aaaaab"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(s) || len(pattern) > 100 || len(s) > 1000 {
			wildcard(pattern, s) // must end
			return
		}
		if got, want := wildcard(pattern, s), oracle(pattern).MatchString(s); got != want {
			t.Errorf("%q, %q: %v, want %v", pattern, s, got, want)
		}
	})
}
