package membership

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership/internal/wire"
)

// Limits of a chain.
const (
	MaxChainBytes = 2048
	MaxLinks      = 4
)

// signing begins what is signed of a credential, so that nothing else that a key
// signs can be taken for one.
const signing = "juxta-credential\x00"

// Chain is credentials, each signed by the subject of the one before, the first by a
// key that stands in the group's advertisement, an anchor. The last one is what the
// chain is shown for, the others tell why it counts. That the signatures are good and
// the issuers may do it is for [Policy.Check] to say; a chain by itself says nothing.
//
// It is immutable, and so must what its methods return be treated. It is safe for
// concurrent use.
type Chain struct {
	links []link // 1 to MaxLinks, all of one group
	bytes []byte
}

// link is a credential as it was signed.
type link struct {
	Credential
	peer      id.Peer // of the subject
	raw       []byte
	signature []byte
}

// ParseChain reads a chain and checks its shape alone. It does not keep b. Errors wrap
// [ErrTooLarge] for more than [MaxChainBytes] or [MaxLinks], or [ErrMalformed].
func ParseChain(b []byte) (*Chain, error) {
	if len(b) > MaxChainBytes {
		return nil, fmt.Errorf("%w: a chain of %d bytes, limit %d", ErrTooLarge, len(b), MaxChainBytes)
	}
	m := &wire.Chain{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch n := len(m.GetLinks()); {
	case n == 0:
		return nil, fmt.Errorf("%w: a chain of nothing", ErrMalformed)
	case n > MaxLinks:
		return nil, fmt.Errorf("%w: a chain of %d links, limit %d", ErrTooLarge, n, MaxLinks)
	}
	links := make([]link, 0, len(m.Links))
	for i, s := range m.Links {
		l, err := newLink(s.GetCredential(), s.GetSignature())
		if err != nil {
			return nil, fmt.Errorf("link %d: %w", i+1, err)
		}
		links = append(links, l)
	}
	return newChain(links), nil
}

func newLink(raw, signature []byte) (link, error) {
	if len(signature) != ed25519.SignatureSize {
		return link{}, fmt.Errorf("%w: signature of %d bytes", ErrMalformed, len(signature))
	}
	c, err := parseCredential(raw)
	if err != nil {
		return link{}, err
	}
	return link{Credential: c, peer: id.PeerOf(id.Net, c.Subject), raw: raw, signature: signature}, nil
}

// newChain writes the chain anew: of its frame protobuf has many encodings, and
// hashes are made of it.
func newChain(links []link) *Chain {
	c := &Chain{links: links}
	for _, l := range links {
		c.bytes = appendField(c.bytes, 1, appendField(appendField(nil, 1, l.raw), 2, l.signature))
	}
	return c
}

// Bytes returns the chain for [ParseChain]. The same links have the same bytes.
func (c *Chain) Bytes() []byte { return c.bytes }

func (c *Chain) last() *link { return &c.links[len(c.links)-1] }

// Subject returns whom the last credential is about.
func (c *Chain) Subject() ed25519.PublicKey { return c.last().Subject }

// Role returns the role that the last credential gives.
func (c *Chain) Role() Role { return c.last().Role }

// Kind returns the kind of the last credential.
func (c *Chain) Kind() Kind { return c.last().Kind }

// Serial returns that of the last credential.
func (c *Chain) Serial() Serial { return c.last().Serial }

// Issued returns when the last credential was made.
func (c *Chain) Issued() time.Time { return c.last().Issued }

// Expires returns when the last credential expires. Another one may do so before; see
// [Standing].Until.
func (c *Chain) Expires() time.Time { return c.last().Expires }

// Len returns the number of credentials, 1 to [MaxLinks].
func (c *Chain) Len() int { return len(c.links) }

// Links returns the credentials, the anchor's first. They are copies, which the caller
// owns.
func (c *Chain) Links() []Credential {
	all := make([]Credential, 0, len(c.links))
	for _, l := range c.links {
		l.Subject, l.Origins = bytes.Clone(l.Subject), slices.Clone(l.Origins)
		all = append(all, l.Credential)
	}
	return all
}

// Final reports whether the last credential was made to end when it expires.
func (c *Chain) Final() bool { return c.last().Final }

// Redeems reports whether an invitation has made the last credential.
func (c *Chain) Redeems() bool { return c.invitation() != nil }

// Sources returns the credentials with which a renewal of the last one has to fall: those
// that it falls with itself. That the renewal is issued later must not make it outlive a
// revocation of what it renews.
func (c *Chain) Sources() []Origin {
	if o := c.last().Origins; len(o) > 0 {
		return slices.Clone(o) // whoever has renewed it before only did for another
	}
	var all []Origin
	for i := range c.links {
		l := &c.links[i]
		o := Origin{Serial: l.Serial}
		if l.Kind == KindMembership {
			o.Peer, o.Issued = l.peer, l.Issued
		}
		if i > 0 && c.links[i-1].Kind == KindInvitation { // when, its subject says himself
			o.Issued = time.UnixMilli(0).UTC()
		}
		all = append(all, o)
	}
	return all
}

// invitation returns the link that made the last one, if that is an invitation.
func (c *Chain) invitation() *link {
	if n := len(c.links); n > 1 && c.links[n-2].Kind == KindInvitation {
		return &c.links[n-2]
	}
	return nil
}

// until returns when the first of the memberships expires.
func (c *Chain) until() (t time.Time) {
	for i := range c.links {
		if l := &c.links[i]; l.Kind == KindMembership && (t.IsZero() || l.Expires.Before(t)) {
			t = l.Expires
		}
	}
	return t
}

// String describes the last credential, for a log.
func (c *Chain) String() string {
	l := c.last()
	return fmt.Sprintf("%v %v of %v, %v until %v", l.Kind, l.Serial, l.peer, l.Role, l.Expires.Format(time.RFC3339))
}
