package view

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// sorted returns n of the crowd in the order of their IDs.
func sorted(n int) []*adv.Signed {
	all := slices.Clone(crowd()[:n])
	slices.SortFunc(all, func(a, b *adv.Signed) int { return id.Compare(a.Signer(), b.Signer()) })
	return all
}

func TestArcContains(t *testing.T) {
	all := sorted(5)
	for _, test := range []struct {
		after, before int
		want          string
	}{
		{1, 4, "23"},
		{0, 4, "123"},
		{1, 2, ""},
		{4, 1, "0"},
		{3, 1, "04"},
		{4, 0, ""},
		{1, 0, "234"},
		{2, 2, "0134"},
		{0, 0, "1234"},
		{4, 4, "0123"},
	} {
		a := Arc{all[test.after].Signer(), all[test.before].Signer()}
		got := ""
		for i, s := range all {
			if a.Contains(s.Signer()) {
				got += string(rune('0' + i))
			}
		}
		if got != test.want {
			t.Errorf("between %d and %d: %q, want %q", test.after, test.before, got, test.want)
		}
	}
	if !(Arc{}).Contains(all[0].Signer()) {
		t.Error("the zero arc is not everybody")
	}
}

func TestSplit(t *testing.T) {
	all := sorted(7)
	who := func(i int) id.Peer { return all[i].Signer() }
	for what, test := range map[string]struct {
		self, after, before, fan int
		want                     string // leader first, then the others of each branch, then its arc
	}{
		"whole circle":   {0, 0, 0, 3, "12(0-3) 34(3-5) 56(5-0)"},
		"from within":    {3, 3, 3, 2, "456(3-0) 012(0-3)"},
		"one each":       {3, 3, 3, 9, "4(3-5) 5(5-6) 6(6-0) 0(0-1) 1(1-2) 2(2-3)"},
		"self at first":  {1, 0, 4, 2, "2(1-3) 3(3-4)"},
		"self in midst":  {3, 0, 6, 2, "12(0-3) 45(3-6)"},
		"unequal sides":  {2, 0, 6, 3, "1(0-2) 3(2-4) 45(4-6)"},
		"self at an end": {0, 0, 3, 2, "1(0-2) 2(2-3)"},
		"self elsewhere": {6, 0, 3, 2, "1(0-2) 2(2-3)"},
		"wraps":          {0, 4, 3, 4, "5(4-6) 6(6-0) 1(0-2) 2(2-3)"},
		"of one":         {0, 0, 2, 5, "1(0-2)"},
		"of nobody":      {0, 3, 4, 5, ""},
		"of self":        {3, 2, 4, 5, ""},
		"fan too small":  {3, 0, 6, -1, "12(0-3) 45(3-6)"},
	} {
		v := viewOf(t, who(test.self), all...)
		name := func(p id.Peer) string {
			return string(rune('0' + slices.IndexFunc(all, func(s *adv.Signed) bool { return s.Signer() == p })))
		}
		got := ""
		for i, b := range v.Split(Arc{who(test.after), who(test.before)}, test.fan) {
			if i > 0 {
				got += " "
			}
			for _, m := range b.To {
				got += name(m.ID)
			}
			got += "(" + name(b.Arc.After) + "-" + name(b.Arc.Before) + ")"
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", what, got, test.want)
		}
	}
	if got := New(id.Net, who(0)).Split(Around(who(0)), 3); len(got) != 0 {
		t.Errorf("nobody was split: %v", got)
	}
	if got := viewOf(t, who(0), all[0]).Split(Arc{}, 3); len(got) != 0 {
		t.Errorf("self was split: %v", got)
	}
}

// TestSplitParts sees what Split promises: of everybody, known or not.
func TestSplitParts(t *testing.T) {
	world := sorted(80)
	rnd := rand.New(rand.NewPCG(3, 4))
	anybody := func() id.Peer { return world[rnd.IntN(len(world))].Signer() }
	for range 1000 {
		self, fan := anybody(), 2+rnd.IntN(7)
		v := viewOf(t, self, some(rnd, world, rnd.Float64())...)
		a := Arc{anybody(), anybody()}
		if rnd.IntN(4) == 0 {
			a.After = self
		}
		branches := v.Split(a, fan)
		if len(branches) > fan {
			t.Fatalf("%d branches, fan %d", len(branches), fan)
		}
		sides := []Arc{a}
		if a.Contains(self) {
			sides = []Arc{{a.After, self}, {self, a.Before}}
		}
		known := 0
		for _, side := range sides {
			n := len(v.within(side))
			known += n
			for _, s := range world {
				in := 0
				for _, b := range branches {
					if b.To[0].ID == s.Signer() || b.Arc.Contains(s.Signer()) {
						in++
					}
				}
				if side.Contains(s.Signer()) && n > 0 && in != 1 || in > 0 && (s.Signer() == self || !a.Contains(s.Signer())) {
					t.Fatalf("%v is in %d branches", s.Signer(), in)
				}
			}
		}
		if len(branches) < min(fan-1, known) {
			t.Fatalf("%d branches of %d, fan %d", len(branches), known, fan)
		}
		for _, b := range branches {
			known -= len(b.To)
			for _, m := range b.To {
				if m.ID != b.Arc.After && !b.Arc.Contains(m.ID) {
					t.Fatal("a candidate is not of the branch")
				}
			}
		}
		if known != 0 {
			t.Fatalf("%d are in no branch", known)
		}
	}
}

// some returns those of all that a coin chooses.
func some(rnd *rand.Rand, all []*adv.Signed, share float64) []*adv.Signed {
	var chosen []*adv.Signed
	for _, s := range all {
		if rnd.Float64() < share {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// walk is what happens when all ask on as Split says.
type walk struct {
	views map[id.Peer]*View
	dead  map[id.Peer]bool
	fan   int
	asked map[id.Peer]int
	arcs  map[id.Peer]Arc // of each that was asked, its last
	tries int             // of those that do not answer
	hops  int
}

func (w *walk) ask(who id.Peer, a Arc, hops int) {
	w.asked[who]++
	w.arcs[who] = a
	w.hops = max(w.hops, hops)
	if hops > len(w.views) {
		panic("the walk does not end")
	}
	for _, b := range w.views[who].Split(a, w.fan) {
		for _, m := range b.To {
			if !w.dead[m.ID] {
				w.ask(m.ID, b.Arc, hops+1)
				break
			}
			w.tries++
		}
	}
}

func newWalk(fan int) *walk {
	return &walk{views: map[id.Peer]*View{}, dead: map[id.Peer]bool{}, fan: fan, asked: map[id.Peer]int{}, arcs: map[id.Peer]Arc{}}
}

func TestWalkOfEqualViews(t *testing.T) {
	for _, n := range []int{1, 2, 3, 8, 9, 10, 64, 65, 100} {
		for _, fan := range []int{2, 3, 8} {
			world, most := sorted(n), 1
			for m := n - 1; m >= fan; m /= fan {
				most++
			}
			w := newWalk(fan)
			for _, s := range world {
				w.views[s.Signer()] = viewOf(t, s.Signer(), world...)
			}
			for _, from := range []int{0, n / 2, n - 1} {
				clear(w.asked)
				w.hops = 0
				w.ask(world[from].Signer(), Around(world[from].Signer()), 0)
				for who, times := range w.asked {
					if times != 1 {
						t.Errorf("%d members, fan %d: %v was asked %d times", n, fan, who, times)
					}
				}
				if len(w.asked) != n || w.hops > most {
					t.Errorf("%d members, fan %d: %d asked in %d hops, want at most %d", n, fan, len(w.asked), w.hops, most)
				}
			}
		}
	}
}

// TestWalkOfAnyViews sees that a walk ends and asks nobody twice even where the views
// have nothing to do with each other, and whom it passes over: those whom the one that
// is responsible for their place in the circle does not know.
func TestWalkOfAnyViews(t *testing.T) {
	world := sorted(120)
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		share := rnd.Float64()
		w := newWalk(2 + rnd.IntN(7))
		for _, s := range world {
			w.views[s.Signer()] = viewOf(t, s.Signer(), some(rnd, world, share)...)
		}
		from := world[rnd.IntN(len(world))].Signer()
		w.ask(from, Around(from), 0)
		for _, s := range world {
			x := s.Signer()
			if w.asked[x] > 1 {
				t.Errorf("%v was asked %d times", x, w.asked[x])
			}
			if w.asked[x] == 1 {
				continue
			}
			for who, a := range w.arcs {
				if _, known := w.views[who].Get(x); known && a.Contains(x) && !w.handedOn(who, x) {
					t.Errorf("%v is responsible for %v, knows it, and does not ask", who, x)
				}
			}
		}
	}
}

// handedOn reports whether somebody whom who asked became responsible for x.
func (w *walk) handedOn(who, x id.Peer) bool {
	return slices.ContainsFunc(w.views[who].Split(w.arcs[who], w.fan), func(b Branch) bool {
		return w.asked[b.To[0].ID] > 0 && w.arcs[b.To[0].ID] == b.Arc && b.Arc.Contains(x)
	})
}

// TestWalkFindsNewcomers sees that it is enough if the member before a newcomer on the
// circle knows it.
func TestWalkFindsNewcomers(t *testing.T) {
	world := sorted(50)
	for newcomer := range world {
		w := newWalk(4)
		for i, s := range world {
			knows := slices.Clone(world)
			if i != (newcomer+49)%50 && i != newcomer {
				knows = slices.Delete(knows, newcomer, newcomer+1)
			}
			w.views[s.Signer()] = viewOf(t, s.Signer(), knows...)
		}
		from := world[(newcomer+25)%50].Signer()
		w.ask(from, Around(from), 0)
		if len(w.asked) != 50 {
			t.Errorf("newcomer %d: %d asked", newcomer, len(w.asked))
		}
	}
}

func TestWalkPastTheDead(t *testing.T) {
	world := sorted(100)
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		w := newWalk(8)
		alive := 0
		from := world[rnd.IntN(len(world))].Signer()
		for _, s := range world {
			w.views[s.Signer()] = viewOf(t, s.Signer(), world...)
			w.dead[s.Signer()] = s.Signer() != from && rnd.IntN(3) == 0
			if !w.dead[s.Signer()] {
				alive++
			}
		}
		w.ask(from, Around(from), 0)
		for who, times := range w.asked {
			if times != 1 {
				t.Errorf("%v was asked %d times", who, times)
			}
		}
		if len(w.asked) != alive {
			t.Errorf("%d of %d asked", len(w.asked), alive)
		}
		if gone := len(world) - alive; w.tries > 2*gone {
			t.Errorf("%d tries at %d that are gone", w.tries, gone)
		}
	}
}
