package discovery

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery/internal/wire"
	"github.com/juxta-p2p/juxta/internal/store"
)

func openStore(t *testing.T, path string) *store.DB {
	t.Helper()
	db, err := store.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestEntryComesBackAsItWas(t *testing.T) {
	for _, own := range []bool{false, true} {
		e := news(t, "title", 7, 10_000, own)
		k, v := encodeEntry(e)
		got, err := decodeEntry(k, v, at(0))
		if err != nil || got == nil {
			t.Fatal(got, err)
		}
		if got.key != e.key || !got.keep.Equal(e.keep) || got.expiration != e.expiration || got.own != own ||
			!bytes.Equal(got.signed.Envelope(), e.signed.Envelope()) {
			t.Errorf("%+v, want %+v", got, e)
		}
	}
}

func TestTimesOfAnEntryThatComesBack(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for name, test := range map[string]struct {
		own              bool
		keep, expiration time.Duration // from now
		left, handOn     time.Duration // what it comes back with; 0: not at all
	}{
		"fresh":                   {false, 2 * time.Hour, time.Hour, 2 * time.Hour, time.Hour},
		"almost gone":             {false, time.Minute, time.Hour, time.Minute, time.Minute},
		"a millisecond":           {false, time.Millisecond, time.Hour, time.Millisecond, time.Millisecond},
		"expired now":             {false, 0, time.Hour, 0, 0},
		"expired":                 {true, -time.Second, time.Hour, 0, 0},
		"own":                     {true, 100 * day, 2 * time.Hour, 100 * day, 2 * time.Hour},
		"own, clock set back":     {true, 1000 * day, 2 * time.Hour, year, 2 * time.Hour},
		"foreign, clock set back": {false, 1000 * day, 2 * time.Hour, day, 2 * time.Hour},
		"before all time":         {true, math.MinInt64, time.Hour, 0, 0},
		"not for others":          {true, time.Hour, -1, time.Hour, 0},
	} {
		e := news(t, "x", 1, 0, test.own)
		e.keep, e.expiration = start.Add(test.keep), test.expiration
		k, v := encodeEntry(e)
		got, err := decodeEntry(k, v, start)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case test.left == 0:
			if got != nil {
				t.Errorf("%s: came back for %v", name, got.keep.Sub(start))
			}
		case got == nil:
			t.Errorf("%s: is gone", name)
		case got.keep.Sub(start) != test.left || got.handOn(start) != test.handOn:
			t.Errorf("%s: for %v, others %v; want %v, %v", name, got.keep.Sub(start), got.handOn(start), test.left, test.handOn)
		}
	}
}

func TestHowLongOthersMayKeepIsBounded(t *testing.T) {
	e := news(t, "x", 1, 10, false)
	for _, ms := range []uint64{10_000, math.MaxInt64, math.MaxUint64} {
		v := kept(t, &wire.Kept{Envelope: e.signed.Envelope(), KeepUntilMs: e.keep.UnixMilli(), ExpirationMs: ms})
		if got, err := decodeEntry(e.key.bytes(), v, at(0)); err != nil || got == nil || got.expiration != 10*time.Second {
			t.Errorf("%d ms: %v, %v", ms, got, err)
		}
	}
}

// kept is a stored entry with the fields that a test sets.
func kept(t testing.TB, m *wire.Kept) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDamagedEntriesAreRefused(t *testing.T) {
	e, other := news(t, "x", 1, 10, false), news(t, "yy", 1, 10, false)
	k, v := encodeEntry(e)
	otherKey, _ := encodeEntry(other)
	forged := bytes.Clone(e.signed.Envelope())
	forged[len(forged)-1] ^= 1
	until := at(10).UnixMilli()
	for name, test := range map[string]struct{ key, value []byte }{
		"another's key":  {otherKey, v},
		"no key":         {nil, v},
		"a longer key":   {append(bytes.Clone(k), 0), v},
		"no message":     {k, []byte{0xFF}},
		"no envelope":    {k, kept(t, &wire.Kept{KeepUntilMs: until})},
		"forged":         {k, kept(t, &wire.Kept{KeepUntilMs: until, Envelope: forged})},
		"too long":       {k, kept(t, &wire.Kept{KeepUntilMs: until, Envelope: make([]byte, adv.MaxEnvelope+1)})},
		"forged for now": {k, kept(t, &wire.Kept{KeepUntilMs: math.MaxInt64, Envelope: forged, ExpirationMs: math.MaxUint64})},
	} {
		if got, err := decodeEntry(test.key, test.value, at(0)); err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for i := range v {
		if got, err := decodeEntry(k, v[:i], at(0)); err == nil && got != nil && !bytes.Equal(got.signed.Envelope(), e.signed.Envelope()) {
			t.Errorf("the first %d bytes make another entry", i)
		}
	}
}

// onShelf is what a shelf has, by title and sequence, and how many were skipped.
func onShelf(t *testing.T, s *shelf, now time.Time) (titles map[string]uint64, skipped int) {
	t.Helper()
	if err := s.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, skipped, err := s.load(now)
	if err != nil {
		t.Fatal(err)
	}
	titles = map[string]uint64{}
	for _, e := range entries {
		titles[e.signed.Advertisement().Element().Value("Title")] = e.signed.Seq()
	}
	return titles, skipped
}

func TestShelfKeepsWhatIsPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := openStore(t, path)
	self := news(t, "x", 1, 0, true).key.signer
	s, elsewhere := newShelf(db, "a", self), newShelf(db, "b", self)
	for _, e := range []*entry{
		news(t, "a", 1, 100, false), news(t, "b", 2, 100, false), // versions of one
		news(t, "own", 3, 100, true), news(t, "going", 4, 10, false), news(t, "removed", 5, 100, false),
	} {
		if err := s.put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.remove(news(t, "removed", 0, 0, false).key); err != nil {
		t.Fatal(err)
	}
	if err := s.remove(news(t, "never there", 0, 0, false).key); err != nil {
		t.Fatal(err)
	}
	got, skipped := onShelf(t, s, at(0))
	if want := map[string]uint64{"b": 2, "own": 3, "going": 4}; !maps.Equal(got, want) || skipped != 0 {
		t.Errorf("%v, want %v; %d skipped", got, want, skipped)
	}
	if got, _ := onShelf(t, elsewhere, at(0)); len(got) != 0 {
		t.Errorf("another shelf has %v", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	s = newShelf(openStore(t, path), "a", self)
	got, skipped = onShelf(t, s, at(50))
	if want := map[string]uint64{"b": 2, "own": 3}; !maps.Equal(got, want) || skipped != 0 {
		t.Errorf("later: %v, want %v; %d skipped", got, want, skipped)
	}
	if got, _ := onShelf(t, s, at(0)); len(got) != 2 {
		t.Errorf("what had expired was not deleted: %v", got)
	}
}

func TestShelfSkipsWhatIsNotSound(t *testing.T) {
	db := openStore(t, filepath.Join(t.TempDir(), "db"))
	self := news(t, "x", 1, 0, true).key.signer
	s := newShelf(db, "a", self)
	past := news(t, "of my former self", 1, 100, false)
	past.own = true
	for _, e := range []*entry{past, news(t, "fine", 1, 100, false), news(t, "mine", 1, 100, true)} {
		if err := s.put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.bucket.Put([]byte("noise"), []byte{0xFF, 1, 2}); err != nil {
		t.Fatal(err)
	}
	got, skipped := onShelf(t, s, at(0))
	if want := map[string]uint64{"fine": 1, "mine": 1}; !maps.Equal(got, want) || skipped != 2 {
		t.Errorf("%v, want %v; %d skipped", got, want, skipped)
	}
	if got, skipped := onShelf(t, s, at(0)); len(got) != 2 || skipped != 0 {
		t.Errorf("again: %v, %d skipped", got, skipped)
	}
}

// TestShelfIsTheCache puts and removes the same in a map.
func TestShelfIsTheCache(t *testing.T) {
	db := openStore(t, filepath.Join(t.TempDir(), "db"))
	rnd := rand.New(rand.NewPCG(1, 2))
	self := news(t, "x", 1, 0, true).key.signer
	s, want := newShelf(db, "a", self), map[key]*entry{}
	for n := range 200 {
		e := news(t, fmt.Sprintf("%0*d", 1+rnd.IntN(10), 0), uint64(n), 1+rnd.IntN(100), rnd.IntN(2) == 0)
		var err error
		if rnd.IntN(3) == 0 {
			delete(want, e.key)
			err = s.remove(e.key)
		} else {
			want[e.key] = e
			err = s.put(e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, skipped, err := s.load(at(0))
	if len(entries) != len(want) || skipped != 0 || err != nil {
		t.Fatalf("%d entries, want %d; %d skipped; %v", len(entries), len(want), skipped, err)
	}
	for _, e := range entries {
		if w := want[e.key]; w == nil || w.signed.Seq() != e.signed.Seq() || !w.keep.Equal(e.keep) || w.own != e.own {
			t.Errorf("%+v, want %+v", e, w)
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	for _, own := range []bool{false, true} {
		k, v := encodeEntry(news(f, "x", 1, 10, own))
		f.Add(k, v, int64(0))
		f.Add(k, v[:len(v)-3], int64(9_999))
	}
	f.Fuzz(func(t *testing.T, k, v []byte, ms int64) {
		now := time.UnixMilli(ms)
		e, err := decodeEntry(k, v, now)
		if err != nil || e == nil {
			if e != nil {
				t.Fatal("an entry and an error")
			}
			return
		}
		most := adv.MaxExpiration
		if e.own {
			most = adv.DefaultLifetime
		}
		if left := e.keep.Sub(now); left <= 0 || left > most || e.handOn(now) < 0 || e.handOn(now) > left {
			t.Fatalf("for %v, others %v", left, e.handOn(now))
		}
		if k2, v2 := encodeEntry(e); !bytes.Equal(k2, k) {
			t.Fatalf("under %q, was under %q", k2, k)
		} else if again, err := decodeEntry(k2, v2, now); err != nil || again == nil || !again.keep.Equal(e.keep) {
			t.Fatalf("%v, %v; was %v", again, err, e)
		}
	})
}
