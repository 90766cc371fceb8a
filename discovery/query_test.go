package discovery

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

func TestQueryMatches(t *testing.T) {
	all := map[string]adv.Advertisement{
		"peer":  &adv.Peer{Name: "alice"},
		"group": &adv.Group{Name: "chess"},
		"pipe":  &adv.Pipe{Name: "clock", PipeID: id.PipeOf(id.Net, id.Peer{}, "clock"), PipeType: adv.Unicast},
		"class": &adv.ModuleClass{Name: "clock"},
		"news": &adv.Document{Name: "News", Children: []*adv.Element{
			{Name: "Tag", Text: "a"}, {Name: "Tag", Text: "b"}, {Name: "Empty"},
		}},
	}
	tests := []struct {
		q    Query
		want string
	}{
		{Query{}, "class group news peer pipe"},
		{Query{Kind: adv.KindPeer}, "peer"},
		{Query{Kind: adv.KindModule}, "class"},
		{Query{Kind: adv.KindAdv}, "class news pipe"},
		{Query{Kind: "News"}, "news"},
		{Query{Kind: "jxta:PA"}, "peer"},
		{Query{Kind: "jxta:pa"}, ""},
		{Query{Attr: "Name"}, "class group peer pipe"},
		{Query{Attr: "Name", Value: "clock"}, "class pipe"},
		{Query{Attr: "Name", Value: "Clock"}, ""},
		{Query{Attr: "Name", Value: "*c*"}, "class group peer pipe"},
		{Query{Kind: adv.KindPipe, Attr: "Name", Value: "c?ock"}, "pipe"},
		{Query{Attr: "Tag", Value: "b"}, "news"},
		{Query{Attr: "Tag", Value: "c"}, ""},
		{Query{Attr: "Empty"}, ""},
		{Query{Value: "ignored without an attribute"}, "class group news peer pipe"},
	}
	for _, test := range tests {
		var got []string
		for _, name := range []string{"class", "group", "news", "peer", "pipe"} {
			if test.q.Matches(all[name]) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v matches %v, want %s", test.q, got, test.want)
		}
	}
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
