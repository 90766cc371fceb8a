package discovery

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
)

var start = time.Date(2001, 4, 25, 0, 0, 0, 0, time.UTC)

func at(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }

func keyNumber(t testing.TB, n byte) crypto.PrivKey {
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// news makes an entry that leaves the cache at a second.
func news(t testing.TB, title string, seq uint64, until int, own bool) *entry {
	t.Helper()
	signer := byte(1)
	if own {
		signer = 2
	}
	// An Id makes documents of different text versions of one.
	a, err := adv.Sign(keyNumber(t, signer), &adv.Document{Name: "News", Children: []*adv.Element{
		{Name: "Id", Text: "urn:jxta:uuid-" + fmt.Sprintf("%032X%032X", 1, len(title)) + "04"}, {Name: "Title", Text: title},
	}}, seq)
	if err != nil {
		t.Fatal(err)
	}
	return &entry{key: keyOf(a), signed: a, keep: at(until), expiration: time.Hour, own: own}
}

func titles(c *cache, now time.Time) string {
	var all []string
	for _, e := range matches(c.all(now), &Query{}) {
		all = append(all, e.signed.Advertisement().Element().Value("Title"))
	}
	return strings.Join(all, " ")
}

func TestCacheDropsWhatHasPassedItsTime(t *testing.T) {
	c := newCache()
	for i, title := range []string{"c", "bb", "aaa"} {
		if ok, err := c.put(at(0), news(t, title, 1, 30-10*i, i == 1)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for s, want := range map[int]string{9: "c bb aaa", 10: "c bb", 29: "c", 30: ""} {
		d := newCache()
		for _, e := range c.entries {
			e := *e
			_, _ = d.put(at(0), &e)
		}
		if got := titles(d, at(s)); got != want {
			t.Errorf("after %d s: %q, want %q", s, got, want)
		}
		if got := strings.Fields(want); len(d.entries) != len(got) || len(d.due) != len(got) || len(got) == 0 && d.bytes != 0 {
			t.Errorf("after %d s: %d entries, %d due, %d bytes", s, len(d.entries), len(d.due), d.bytes)
		}
	}
}

func TestCacheReplacesOlderVersions(t *testing.T) {
	tests := map[string]struct {
		old, fresh *entry
		want       bool
	}{
		"newer":                 {news(t, "a", 1, 10, false), news(t, "b", 2, 5, false), true},
		"older":                 {news(t, "a", 2, 10, false), news(t, "b", 1, 99, false), false},
		"same":                  {news(t, "a", 1, 10, false), news(t, "a", 1, 10, false), false},
		"same, longer to live":  {news(t, "a", 1, 10, false), news(t, "a", 1, 11, false), true},
		"own by own":            {news(t, "a", 1, 10, true), news(t, "b", 2, 5, true), true},
		"another signer's":      {news(t, "a", 1, 10, true), news(t, "a", 2, 10, false), true},
		"same ID, longer title": {news(t, "a", 1, 10, false), news(t, "bb", 1, 10, false), true},
	}
	for name, test := range tests {
		c := newCache()
		_, _ = c.put(at(0), test.old)
		if got, err := c.put(at(0), test.fresh); got != test.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		bytes := 0
		for _, e := range c.entries {
			bytes += e.size()
		}
		if c.bytes != bytes || len(c.due) != len(c.entries) {
			t.Errorf("%s: %d bytes counted, are %d; %d due of %d", name, c.bytes, bytes, len(c.due), len(c.entries))
		}
	}
	// A copy of what we have published says nothing new.
	own := news(t, "a", 1, 10, true)
	copied := *own
	copied.own, copied.keep = false, at(99)
	c := newCache()
	_, _ = c.put(at(0), own)
	if ok, _ := c.put(at(0), &copied); ok {
		t.Error("a copy took the place of our own")
	}
}

// filled is a cache that is full of entries of which all that matters is when
// they go and whose they are.
func filled(t *testing.T, own func(i int) bool) *cache {
	c := newCache()
	e := news(t, "x", 1, 0, false)
	for i := range MaxEntries {
		e := *e
		e.key.id, e.keep, e.own = fmt.Sprint(i), at(1000+i), own(i)
		if ok, err := c.put(at(0), &e); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return c
}

func TestFullCacheMakesRoomWithTheForeignEntryThatGoesFirst(t *testing.T) {
	c := filled(t, func(i int) bool { return i < 3 || i == 5 })
	for i, gone := range []string{"3", "4", "6"} {
		if ok, err := c.put(at(0), news(t, strings.Repeat("x", 10+i), 1, 999_999, false)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		for k := range c.entries {
			if k.id == gone {
				t.Errorf("%s is still there", gone)
			}
		}
	}
	if len(c.entries) != MaxEntries {
		t.Errorf("%d entries", len(c.entries))
	}
}

func TestCacheFullOfOurOwnSaysSoAndLosesNothing(t *testing.T) {
	c := filled(t, func(int) bool { return true })
	for _, own := range []bool{true, false} {
		if ok, err := c.put(at(0), news(t, "new", 1, 9000, own)); ok || !errors.Is(err, ErrFull) {
			t.Errorf("%v, %v", ok, err)
		}
	}
	old := *c.due[0]
	c.remove(c.due[0])
	c.bytes = MaxBytes - old.size()
	_, _ = c.put(at(0), &old)
	large := news(t, strings.Repeat("x", 5000), 2, 9000, true)
	large.key = old.key
	if ok, err := c.put(at(0), large); ok || !errors.Is(err, ErrFull) || c.entries[old.key] == nil {
		t.Errorf("a larger version for which there is no room: %v, %v, old one there: %v", ok, err, c.entries[old.key] != nil)
	}
	if got := c.bytes; got != MaxBytes {
		t.Errorf("%d bytes", got)
	}
}

func TestWhatIsHandedOnShrinks(t *testing.T) {
	foreign, own := news(t, "a", 1, 3600, false), news(t, "b", 1, 100_000, true)
	for s, want := range map[int][2]time.Duration{
		0: {time.Hour, time.Hour}, 600: {50 * time.Minute, time.Hour}, 99_940: {-96_340 * time.Second, time.Minute},
	} {
		if got := [2]time.Duration{foreign.handOn(at(s)), own.handOn(at(s))}; got != want {
			t.Errorf("after %d s: %v, want %v", s, got, want)
		}
	}
}
