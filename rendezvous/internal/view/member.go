package view

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Member is a rendezvous of the group.
type Member struct {
	Signed  *adv.Signed // of an [*adv.Rdv]
	ID      id.Peer
	Fixed   bool      // it was told to be a rendezvous, and will not stop being one by itself
	Self    bool      // it is the one whose view this is
	Expires time.Time // when it goes unless it is refreshed; zero for Self: never
}

// Outcome is what became of an advertisement that was put.
type Outcome int

// The outcomes of [View.Put]. Only the first two change anything.
const (
	Added     Outcome = iota + 1 // a new member
	Refreshed                    // newer than what was known, or the same for longer
	Stale                        // older than what is known, or the same for no longer, or with no time left
	Buried                       // no newer than the member that is gone: it has a tombstone
	Foreign                      // no advertisement of a rendezvous, or that of another group
	Full                         // there are as many members as there may be
)

// String returns the outcome in lower case: "added".
func (o Outcome) String() string {
	names := [...]string{"", "added", "refreshed", "stale", "buried", "foreign", "full"}
	if o > 0 && int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("outcome %d", int(o))
}

// entry is a member with what is computed from its ID.
type entry struct {
	Member
	key  string            // the binary ID, which has the order of id.Compare
	sum  [sha256.Size]byte // of key
	hash uint64            // the beginning of sum
}

func newEntry(m *Member) *entry {
	b := m.ID.Bytes()
	sum := sha256.Sum256(b)
	return &entry{Member: *m, key: string(b), sum: sum, hash: binary.BigEndian.Uint64(sum[:])}
}
