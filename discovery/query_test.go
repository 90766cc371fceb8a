package discovery

import (
	"testing"

	"github.com/juxta-p2p/juxta/adv"
)

// Everything that a query says counts; what a pattern means is tested where it is made.
func TestQueryMatches(t *testing.T) {
	news := &adv.Document{Name: "News", Children: []*adv.Element{{Name: "Tag", Text: "a"}, {Name: "Price", Text: "12.50"}}}
	dear := &adv.Range{Min: 12.5, Max: 13, OpenMin: true}
	for _, test := range []struct {
		q    Query
		want bool
	}{
		{Query{}, true},
		{Query{Kind: "News"}, true},
		{Query{Kind: "Olds"}, false},
		{Query{Attr: "Tag"}, true},
		{Query{Attr: "Name"}, false},
		{Query{Attr: "Tag", Value: "?"}, true},
		{Query{Attr: "Tag", Value: "b"}, false},
		{Query{Attr: "Price", Range: &adv.Range{Min: 12.5, Max: 13}}, true},
		{Query{Attr: "Price", Range: dear}, false},
		{Query{Limit: 1}, true},
	} {
		if got := test.q.Matches(news); got != test.want {
			t.Errorf("%+v: %v", test.q, got)
		}
	}
}
