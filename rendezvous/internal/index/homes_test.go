package index

import (
	"fmt"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// An edge may publish what others have signed, up to a limit of its own that no number of
// keys gets round.
func TestForeignIsBounded(t *testing.T) {
	one := len(news(t, 3, 1, 1).Envelope())
	x := New(Limits{ForeignEntries: 3, ForeignBytes: 3*one + 5})
	long := "Text=" + strings.Repeat("x", one)
	for i, step := range []struct {
		s    *adv.Signed
		who  id.Peer
		want string
	}{
		{news(t, 3, 1, 1), alice, "added 1"},
		{news(t, 4, 1, 1), alice, "added 2"},
		{news(t, 5, 1, 1), alice, "added 3"},
		{news(t, 6, 1, 1), alice, "quota 3"},
		{news(t, 6, 1, 1), nobody, "added 3"}, // as a replica it is nobody's
		{news(t, 6, 1, 1), alice, "quota 3"},  // and does not come home as one that is held
		{news(t, 6, 1, 1), bob, "refreshed 3"},
		{news(t, 1, 1, 1, long), alice, "added 3"}, // its own is not counted
		{news(t, 1, 2, 1, long), alice, "added 3"},
		{news(t, 3, 1, 1), alice, "refreshed 3"},
		{news(t, 3, 1, 2), alice, "added 3"},
		{news(t, 3, 1, 3, long), alice, "quota 3"},
		{news(t, 3, 1, 3, long), nobody, "quota 3"}, // it would be at home
		{news(t, 3, 1, 2), bob, "refreshed 2"},      // who has put it last
		{news(t, 7, 1, 1), alice, "added 3"},
		{news(t, 3, 1, 2), alice, "quota 3"},
	} {
		o := x.Put(at(0), Entry{Signed: step.s, Expires: at(9), Home: step.who})
		if got := fmt.Sprint(o, " ", x.homes[alice].foreign.entries); got != step.want {
			t.Fatalf("%d: %s, want %s", i, got, step.want)
		}
		checkInvariants(t, x)
	}
	if got := x.Retract(at(0), news(t, 4, 1, 2)); got != Added || x.homes[alice].foreign.entries != 2 {
		t.Errorf("retracted: %v, %+v", got, x.homes[alice].foreign)
	}
	if n := x.Move(alice); n != 4 || state(x, news(t, 5, 1, 1)) != "orphan" || state(x, news(t, 1, 1, 1)) != "replica" {
		t.Errorf("%d moved; what others signed is %s, its own %s", n, state(x, news(t, 5, 1, 1)), state(x, news(t, 1, 1, 1)))
	}
	checkInvariants(t, x)
	if n := x.Release(bob); n != 2 || len(x.homes) != 0 {
		t.Errorf("%d released, %d homes", n, len(x.homes))
	}
}

func TestForeignDefaults(t *testing.T) {
	x := New(Limits{})
	for i := range 257 {
		want := Added
		if i == 256 {
			want = Quota
		}
		if got := x.Put(at(0), Entry{Signed: news(t, 9, i+1, 1), Expires: at(9), Home: alice}); got != want {
			t.Fatalf("%d: %v", i, got)
		}
	}
	if x.limits.ForeignBytes != 2<<20 {
		t.Error(x.limits.ForeignBytes)
	}
}
