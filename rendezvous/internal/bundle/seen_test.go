package bundle

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// peers returns n peers.
func peers(n int) (all []id.Peer) {
	for i := range n {
		all = append(all, id.PeerOf(id.Net, []byte{byte(i), byte(i >> 8)}))
	}
	return all
}

func TestSeen(t *testing.T) {
	const hour = uint64(time.Hour)
	type step struct {
		seq  uint64
		want bool
	}
	tests := map[string][]step{
		"duplicates":       {{5, true}, {5, false}, {6, true}, {5, false}, {6, false}},
		"out of order":     {{9, true}, {7, true}, {8, true}, {7, false}, {8, false}, {9, false}},
		"the least":        {{0, true}, {0, false}, {1, true}},
		"the highest":      {{math.MaxUint64, true}, {math.MaxUint64, false}, {math.MaxUint64 - Window, true}, {0, false}},
		"edge of window":   {{hour, true}, {hour - Window, true}, {hour - Window - 1, false}},
		"window moves":     {{hour, true}, {hour - 5, true}, {hour + Window, true}, {hour - 5, false}, {hour - 4, false}, {hour + 1, true}},
		"an early replay":  {{hour, true}, {1, false}},
		"a leap":           {{1, true}, {hour, true}, {1, false}, {2, false}},
		"window from zero": {{Window, true}, {0, true}, {Window + 1, true}, {0, false}},
	}
	for name, steps := range tests {
		s := NewSeen()
		for i, st := range steps {
			if got := s.Add(id.Peer{}, st.seq); got != st.want {
				t.Errorf("%s: step %d, seq %d: %v", name, i, st.seq, got)
			}
		}
	}
}

func TestSeenKeepsTheNewest(t *testing.T) {
	s := newSeen(bounds{authors: 2, each: 3, all: 100})
	p := peers(3)
	for _, seq := range []uint64{10, 20, 30, 40} {
		if !s.Add(p[0], seq) {
			t.Fatalf("%d is not new", seq)
		}
	}
	for _, seq := range []uint64{10, 9, 11, 20} {
		if want := seq == 11; s.Add(p[0], seq) != want {
			t.Errorf("%d: want %v", seq, want)
		}
	}
	if s.Add(p[0], 11) {
		t.Error("what was dropped at once is new again")
	}
	s.Add(p[1], 1)
	s.Add(p[0], 10) // heard of, though old
	s.Add(p[2], 1)
	if s.Add(p[0], 40) {
		t.Error("forgot who was heard of lately")
	}
	if !s.Add(p[1], 1) {
		t.Error("did not forget who was not")
	}
}

func TestSeenShrinks(t *testing.T) {
	s := newSeen(bounds{authors: 10, each: 100, all: 100})
	p := peers(4)
	for _, author := range p[:3] {
		for seq := range uint64(30) {
			s.Add(author, 2*seq)
		}
	}
	for seq := range uint64(11) {
		s.Add(p[3], 2*seq)
	}
	if s.total > 50 {
		t.Errorf("knows %d", s.total)
	}
	for i, author := range p {
		// The two last heard of are whole and miss only what is odd.
		if got, want := s.Add(author, 15), i >= 2; got != want {
			t.Errorf("author %d: %v", i, got)
		}
		if s.Add(author, 20) {
			t.Errorf("author %d: a replay is new", i)
		}
		if !s.Add(author, 100) {
			t.Errorf("author %d: a new one is not", i)
		}
	}
}

// naive is Seen without bound of all, and remembers everything.
type naive struct {
	bounds bounds
	heard  []id.Peer // the latest last
	seqs   map[id.Peer][]uint64
}

func (n *naive) add(author id.Peer, seq uint64) bool {
	n.heard = slices.DeleteFunc(n.heard, func(p id.Peer) bool { return p == author })
	if n.heard = append(n.heard, author); len(n.heard) > n.bounds.authors {
		delete(n.seqs, n.heard[0])
		n.heard = n.heard[1:]
	}
	all := n.seqs[author]
	slices.Sort(all)
	if k := len(all) - n.bounds.each; k > 0 && seq <= all[k-1] {
		return false
	}
	if len(all) > 0 && all[len(all)-1] > seq && all[len(all)-1]-seq > Window || slices.Contains(all, seq) {
		return false
	}
	n.seqs[author] = append(all, seq)
	return true
}

func TestSeenIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := bounds{authors: 1 + r.IntN(5), each: 1 + r.IntN(20), all: 1000}
		s, n := newSeen(b), naive{bounds: b, seqs: map[id.Peer][]uint64{}}
		all := peers(1 + r.IntN(8))
		clock := r.Uint64N(3 * Window)
		for i := range 500 {
			clock += r.Uint64N(Window / 10)
			seq := clock - min(clock, r.Uint64N(Window/4)*uint64(r.IntN(6)))
			seq -= seq % (Window / 64) // so that some are alike
			author := all[r.IntN(len(all))]
			if got, want := s.Add(author, seq), n.add(author, seq); got != want {
				t.Fatalf("seed %d, step %d, bounds %+v: author %s, seq %d: %v, want %v", seed, i, b, author, seq, got, want)
			}
			checkSeen(t, s)
		}
	}
}

// checkSeen checks that what is remembered is bounded, and the books are right.
func checkSeen(t *testing.T, s *Seen) {
	t.Helper()
	total := 0
	for author, e := range s.authors {
		h := e.Value.(*history)
		total += len(h.seqs)
		if h.author != author || len(h.seqs) == 0 || len(h.seqs) > s.bounds.each || cap(h.seqs) > 4*s.bounds.each+16 ||
			!slices.IsSorted(h.seqs) || h.seqs[0] < h.low {
			t.Fatalf("%s: %+v", author, h)
		}
	}
	if total != s.total || total > s.bounds.all || len(s.authors) > s.bounds.authors || len(s.authors) != s.heard.Len() {
		t.Fatalf("%d seqs of %d authors; in the books %d, %d", total, len(s.authors), s.total, s.heard.Len())
	}
}

// TestSeenBooks holds whatever comes in to all bounds, the one of all included.
func TestSeenBooks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := newSeen(bounds{authors: 20, each: 30, all: 100})
	all := peers(30)
	for range 20_000 {
		author, seq := all[r.IntN(len(all))], r.Uint64N(Window*2)
		s.Add(author, seq)
		if s.Add(author, seq) {
			t.Fatalf("%d twice new", seq)
		}
		checkSeen(t, s)
	}
}

func TestSeenGivesMemoryBack(t *testing.T) {
	s := NewSeen()
	for seq := range uint64(4096) {
		s.Add(id.Peer{}, seq)
	}
	s.Add(id.Peer{}, 10*Window)
	if h := s.history(id.Peer{}); len(h.seqs) != 1 || cap(h.seqs) > 16 {
		t.Errorf("%d of %d", len(h.seqs), cap(h.seqs))
	}
}
