package membership

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// effective is which of a set of revocations count, and what they name. The maps hold
// the latest one.
type effective struct {
	all     []*Record // in order
	peers   map[id.Peer]*Record
	serials map[Serial]*Record
}

func newEffective(n int) effective {
	return effective{all: make([]*Record, 0, n), peers: make(map[id.Peer]*Record, n), serials: map[Serial]*Record{}}
}

// effectiveOf goes through all revocations, which must be in their order. One counts if
// its issuer is the root, or if nothing in the issuer's chain is revoked by one that
// counts already, so by an earlier one.
func effectiveOf(root ed25519.PublicKey, revocations []*Record) effective {
	e := newEffective(len(revocations))
	rootPeer := id.PeerOf(id.Net, root)
	for _, rec := range revocations {
		r := rec.revocation
		if r.Peer == rootPeer || r.chain != nil && (r.aboveItself() || e.revoked(root, r.chain, r.chain.invitation() != nil) != nil) {
			continue
		}
		e.all = append(e.all, rec)
		if r.Peer.IsZero() {
			e.serials[r.Credential] = rec
		} else {
			e.peers[r.Peer] = rec
		}
	}
	return e
}

// aboveItself reports whether an admin revokes what its own membership hangs on, which
// it may not. Its own it may.
func (r *revocation) aboveItself() bool {
	links := r.chain.links
	return slices.ContainsFunc(links[:len(links)-1], func(l link) bool {
		if r.Peer.IsZero() {
			return l.Serial == r.Credential || slices.Contains(l.Origins, r.Credential)
		}
		return l.peer == r.Peer
	})
}

// revoked returns a revocation by which the chain does not count, nil if there is none.
// If the last link is issued by its subject itself, it does not matter when.
func (e *effective) revoked(root ed25519.PublicKey, c *Chain, selfIssued bool) *Record {
	for i := range c.links {
		l := &c.links[i]
		if l.Kind == KindMembership && l.Subject.Equal(root) {
			continue // nobody revokes the root
		}
		if r := e.serials[l.Serial]; r != nil {
			return r
		}
		for _, o := range l.Origins {
			if r := e.serials[o]; r != nil {
				return r
			}
		}
		if l.Kind != KindMembership {
			continue
		}
		// The latest names the most.
		r := e.peers[l.peer]
		if r != nil && (!l.Issued.After(r.revocation.At) || selfIssued && i == len(c.links)-1) {
			return r
		}
	}
	return nil
}

// Revoked reports whether the peer is named in an effective revocation. It may have
// been granted a membership again since.
func (l *Ledger) Revoked(who id.Peer) bool { return l.effective.peers[who] != nil }

// RevocationOf returns the latest effective revocation that names the peer, nil if
// there is none.
func (l *Ledger) RevocationOf(who id.Peer) *Record { return l.effective.peers[who] }

// Revocations returns the effective ones, by time.
func (l *Ledger) Revocations() []Revocation {
	all := make([]Revocation, 0, len(l.effective.all))
	for _, r := range l.effective.all {
		all = append(all, r.revocation.Revocation)
	}
	return all
}

// refusal is the error for who is revoked by r.
func (r *Record) refusal() error {
	return fmt.Errorf("%w: %v, at %s: %q", ErrRevoked, r.revocation.target(),
		r.revocation.At.Format(time.RFC3339), r.revocation.Reason)
}
