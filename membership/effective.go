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
		e.add(rec)
	}
	return e
}

func (e *effective) add(rec *Record) {
	e.all = append(e.all, rec)
	if r := rec.revocation; r.Peer.IsZero() {
		e.serials[r.Credential] = rec
	} else {
		e.peers[r.Peer] = rec
	}
}

// Voids reports whether a revocation, which is verified and may be one that the ledger
// does not hold, would put out the subject who shows that chain, nil if none: it counts
// by what the ledger holds, and is not older than the chain.
func (l *Ledger) Voids(rec *Record, c *Chain, subject ed25519.PublicKey) bool {
	r := rec.revocation
	if r == nil || r.chain != nil && (r.aboveItself() || l.effective.revoked(l.policy.Root, r.chain, r.chain.invitation() != nil) != nil) {
		return false
	}
	if c == nil {
		return r.Peer == id.PeerOf(id.Net, subject)
	}
	e := newEffective(1)
	e.add(rec)
	return e.revoked(l.policy.Root, c, l.policy.SelfIssued(c)) != nil
}

// aboveItself reports whether an admin revokes what its own membership hangs on, which
// it may not. Its own it may.
func (r *revocation) aboveItself() bool {
	last := r.chain.last()
	above := func(s Serial, who id.Peer) bool {
		return who != last.peer && (r.Peer.IsZero() && s == r.Credential || !r.Peer.IsZero() && who == r.Peer)
	}
	return slices.ContainsFunc(r.chain.links, func(l link) bool {
		return above(l.Serial, l.peer) || slices.ContainsFunc(l.Origins, func(o Origin) bool { return above(o.Serial, o.Peer) })
	})
}

// revoked returns a revocation by which the chain does not count, nil if there is none.
// If the last link is issued by its subject itself, it does not matter when.
func (e *effective) revoked(root ed25519.PublicKey, c *Chain, selfIssued bool) *Record {
	rootPeer := id.PeerOf(id.Net, root)
	for i := range c.links {
		l := &c.links[i]
		if l.Kind == KindMembership && l.Subject.Equal(root) {
			continue // nobody revokes the root
		}
		if r := e.serials[l.Serial]; r != nil {
			return r
		}
		for _, o := range l.Origins {
			if r := e.serials[o.Serial]; r != nil {
				return r
			}
			if r := e.peers[o.Peer]; r != nil && o.Peer != rootPeer && !o.Issued.After(r.revocation.At) {
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

// RevocationFor returns an effective revocation by which the chain that a subject shows,
// nil if none, does not count; nil if there is none.
func (l *Ledger) RevocationFor(c *Chain, subject ed25519.PublicKey) *Record {
	if c == nil {
		return l.RevocationOf(id.PeerOf(id.Net, subject))
	}
	return l.effective.revoked(l.policy.Root, c, l.policy.SelfIssued(c))
}

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
