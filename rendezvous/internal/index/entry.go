package index

import (
	"cmp"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Entry is an advertisement in the index. The index gives out copies: they do not
// change any more.
type Entry struct {
	Signed *adv.Signed
	// Expires is when it goes from the index.
	Expires time.Time
	// Home is the leased edge that it came from, or this peer itself: it is at home
	// here. Zero: this is a replica or an orphan.
	Home id.Peer
	// Source is the rendezvous that is the home of a replica, as far as is known.
	Source id.Peer
	// Orphan says that it was at home here, or its home is gone, and nobody is known to
	// be its home now. Put takes it as a replica that does not come from its home, and so
	// leaves an orphan what it is.
	Orphan bool
}

// AtHome reports whether the entry answers walks: it is at home here, or an orphan.
func (e *Entry) AtHome() bool { return e.class() != replica }

// Keys returns what the entry can be looked up by, each once.
func (e *Entry) Keys() []Key {
	fields := e.Signed.Advertisement().Index()
	keys := make([]Key, 0, len(fields))
	seen := make(map[Key]bool, len(fields))
	for _, f := range fields {
		if k := (Key{f.Name, f.Value}); !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	return keys
}

func (e *Entry) size() int { return len(e.Signed.Envelope()) }

// Key is an attribute and one of its values.
type Key struct {
	Attr, Value string
}

// Outcome is what became of an advertisement.
type Outcome uint8

// The outcomes of Put and Retract. All but Added and Refreshed leave the index as
// it was, but for what has expired.
const (
	// Added: it is news, a first or a newer version. From Retract: it was not known
	// that so new a version was taken back.
	Added Outcome = iota + 1
	// Refreshed: this version is held, and stays until the later of the two times.
	// From Retract: it was known.
	Refreshed
	// Stale: it has expired, or something newer is known. From Retract: what is held
	// is not older.
	Stale
	// Quota: its signer has as much in the index as one may; or its home has, of what
	// others have signed.
	Quota
	// Full: the index is full of what is at home here.
	Full
)

// String returns the name of the outcome in lower case.
func (o Outcome) String() string {
	return [...]string{"none", "added", "refreshed", "stale", "quota", "full"}[o]
}

// class is why an entry is here; the first class makes room first.
type class uint8

const (
	replica class = iota
	orphan
	home
	classes
)

func (e *Entry) class() class {
	switch {
	case !e.Home.IsZero():
		return home
	case e.Orphan:
		return orphan
	}
	return replica
}

// identity says which advertisements are versions of one.
type identity struct {
	doc    string
	id     string // binary
	signer id.Peer
}

func identityOf(s *adv.Signed) identity {
	a := s.Advertisement()
	return identity{a.Type(), string(a.ID().Bytes()), s.Signer()}
}

func (i identity) compare(j identity) int {
	if c := cmp.Or(strings.Compare(i.doc, j.doc), strings.Compare(i.id, j.id)); c != 0 {
		return c
	}
	return id.Compare(i.signer, j.signer)
}

// item is an entry and where it stands.
type item struct {
	Entry
	identity identity
	keys     []Key
	slots    []int // in the bucket of each of the keys
	due      int   // in the queue of its class
}

// foreign reports whether somebody else than its home has signed it.
func (it *item) foreign() bool { return it.identity.signer != it.Home }
