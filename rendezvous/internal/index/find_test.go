package index

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

func TestKeysAreEachOnce(t *testing.T) {
	e := Entry{Signed: news(t, 1, 1, 1, "Tag=a", "Tag=b", "Tag=a", "Empty=", "Long="+strings.Repeat("x", adv.MaxIndexValue+1))}
	got := e.Keys()
	if len(got) != 3 || got[0].Attr != "Id" || !slices.Equal(got[1:], []Key{{"Tag", "a"}, {"Tag", "b"}}) {
		t.Errorf("%v", got)
	}
}

func TestFind(t *testing.T) {
	x := New(Limits{})
	put := func(s *adv.Signed, who id.Peer) {
		if got := x.Put(at(0), Entry{Signed: s, Expires: at(9), Home: who}); got != Added {
			t.Fatal(got)
		}
	}
	// In another order than that of the answers.
	put(news(t, 1, 3, 1, "Title=three", "Tag=a", "Tag=aa", "Price=30"), bob)
	x.Release(bob)
	put(news(t, 1, 2, 1, "Title=two", "Tag=a", "Price=20"), nobody)
	put(news(t, 1, 1, 1, "Title=one", "Tag=b", "Price=cheap"), alice)
	put(sign(t, 1, &adv.Pipe{
		Name: "two", PipeID: id.PipeOf(id.Net, alice, "two"), PipeType: adv.Unicast,
	}, 1), alice)

	for _, test := range []struct {
		kind   adv.Kind
		words  string
		limit  int
		atHome bool
		want   string
	}{
		{"", "", 0, false, "one two three two"},
		{"", "", 2, false, "one two"},
		{"", "", 4, false, "one two three two"},
		{"", "", 5, false, "one two three two"},
		{"", "", 0, true, "one three two"},
		{"", "", 2, true, "one three"},
		{adv.KindPipe, "", 0, false, "two"},
		{"News", "", 0, false, "one two three"},
		{"", "Tag=a", 0, false, "two three"},
		{"", "Tag=a", 1, false, "two"},
		{"", "Tag=a", 0, true, "three"},
		{adv.KindPipe, "Tag=a", 0, false, ""},
		{"", "Tag=c", 0, false, ""},
		{"", "Tag=a*", 0, false, "two three"},
		{"", "Tag=a*", 2, false, "two three"},
		{"", "Tag", 0, true, "one three"},
		{"", "Nothing", 0, false, ""},
		{"", "Price>=20", 0, false, "two three"},
		{"", "Price>20", 0, false, "three"},
		{adv.KindPipe, "Price>20", 0, false, ""},
		{adv.KindAdv, "Name=two", 0, false, "two"},
	} {
		p, err := adv.ParsePattern(strings.Fields(test.words)...)
		if err != nil {
			t.Fatal(err)
		}
		p.Kind = test.kind
		var got []string
		for _, e := range x.Find(at(0), &p, test.limit, test.atHome) {
			root := e.Signed.Advertisement().Element()
			got = append(got, root.Value("Title")+root.Value("Name"))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%v, limit %d, at home %v: %v, want %s", &p, test.limit, test.atHome, got, test.want)
		}
	}
}

// However many match, and however often each, the first ones are found.
func TestFindSelectsTheFirst(t *testing.T) {
	x := New(Limits{})
	const n = 300
	for i := range n {
		x.Put(at(0), Entry{Signed: news(t, 1, 1+(i*7)%n, 1, "Tag=a", "Tag=b", "Tag=c"), Expires: at(9)})
	}
	all := x.Find(at(0), &adv.Pattern{}, 0, false)
	for _, p := range []adv.Pattern{{}, {Attr: "Tag"}, {Attr: "Tag", Value: "a"}} {
		for _, limit := range []int{0, 1, 31, 32, 33, 100, n, n + 1} {
			want := all
			if limit > 0 {
				want = all[:min(limit, n)]
			}
			if got := x.Find(at(0), &p, limit, false); len(all) != n || !slices.Equal(got, want) {
				t.Errorf("%v, limit %d: found %d, want %d", &p, limit, len(got), len(want))
			}
		}
	}
}

func TestAllIsASnapshot(t *testing.T) {
	x := New(Limits{})
	for i := range 3 {
		x.Put(at(0), Entry{Signed: news(t, 1, 1+i, 1), Expires: at(9), Home: alice})
	}
	all := x.All()
	for range all {
		x.Release(alice)
		x.Retract(at(0), news(t, 1, 1, 2))
	}
	for range 2 {
		n := 0
		for e := range all {
			if n++; e.Home != alice || e.Orphan {
				t.Errorf("%+v", e)
			}
		}
		if n != 3 {
			t.Errorf("%d entries", n)
		}
	}
	if x.Len() != 2 {
		t.Error(fmt.Sprint(x.Len(), " entries are left"))
	}
}
