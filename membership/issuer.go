package membership

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Issuer signs credentials and revocations. Its methods change nothing and are safe
// for concurrent use.
type Issuer struct {
	// Key is the private half of the last subject of Chain, or of an anchor: the
	// group's root key, or the password's.
	Key ed25519.PrivateKey
	// Chain ends in the membership of an admin, or in an invitation; nil: Key is an
	// anchor.
	Chain *Chain
	Group id.Group
	// Final makes what is issued final: see [Credential].Final.
	Final bool
}

// Grant signs a membership of a subject from issued on, for a life of up to
// [MaxLife], both to the millisecond. It does not look at whether the issuer's own
// chain is still good.
//
// A revocation of the subject is overcome only by a grant issued later than it; so if
// there is one whose time, by another's clock, is not past yet, issue it one
// millisecond after that.
//
// Errors wrap [ErrIssuer] if the chain does not allow it: only the membership of an
// admin does, which must not have been made by an invitation, and an invitation with
// its role and up to its life; [ErrSubject] if Key is not the chain's, or an
// invitation is for another peer; [ErrInvitationExpired] if it was to be used before
// issued; [ErrForeign] for a chain of another group; [ErrTooLarge] if the chain would
// be longer than [MaxLinks] or [MaxChainBytes]; [ErrRole]; or [ErrMalformed] for what
// is out of the bounds of [Credential].
func (is *Issuer) Grant(subject ed25519.PublicKey, role Role, issued time.Time, life time.Duration, origins ...Origin) (*Chain, error) {
	issued = issued.UTC().Truncate(time.Millisecond)
	c, err := is.issue(&Credential{
		Subject: subject, Kind: KindMembership, Role: role,
		Issued: issued, Expires: issued.Add(life.Truncate(time.Millisecond)),
		Origins: slices.Clone(origins),
	})
	if err != nil {
		return nil, fmt.Errorf("membership: grant: %w", err)
	}
	return c, nil
}

// Invite signs an invitation, and returns the chain that ends in it. Who holds the
// private half of key may redeem it until it expires: up to uses peers, each of whom
// becomes a member in that role for a life of its own choosing, up to life. If only is
// not zero, just that peer may. A password's key cannot invite, which shows when the
// chain is checked. Errors as for [Issuer.Grant].
func (is *Issuer) Invite(key ed25519.PublicKey, role Role, uses int, issued, expires time.Time, life time.Duration, only id.Peer) (*Chain, error) {
	c, err := is.issue(&Credential{
		Subject: key, Kind: KindInvitation, Role: role,
		Issued: issued.UTC().Truncate(time.Millisecond), Expires: expires.UTC().Truncate(time.Millisecond),
		Uses: uses, Life: life.Truncate(time.Millisecond), For: only,
	})
	if err != nil {
		return nil, fmt.Errorf("membership: invite: %w", err)
	}
	return c, nil
}

// issue fills in and signs a credential. What an issuer says is read as if it came
// from elsewhere, so that none makes what others would refuse.
func (is *Issuer) issue(c *Credential) (*Chain, error) {
	if !c.Role.valid() {
		return nil, fmt.Errorf("%w: %v", ErrRole, c.Role)
	}
	if c.Uses < 0 || c.Uses > MaxUses {
		return nil, fmt.Errorf("%w: an invitation of %d uses", ErrMalformed, c.Uses)
	}
	if err := is.check(); err != nil {
		return nil, err
	}
	c.Serial, c.Group, c.Final = newSerial(), is.Group.UUID(), is.Final
	raw := marshalCredential(c)
	l, err := newLink(raw, ed25519.Sign(is.Key, append([]byte(signing), raw...)))
	if err != nil {
		return nil, err
	}
	var links []link
	if is.Chain != nil {
		links = slices.Clone(is.Chain.links)
	}
	made := newChain(append(links, l))
	switch {
	case len(made.links) > MaxLinks:
		return nil, fmt.Errorf("%w: a chain of more than %d links", ErrTooLarge, MaxLinks)
	case len(made.bytes) > MaxChainBytes:
		return nil, fmt.Errorf("%w: a chain of %d bytes, limit %d", ErrTooLarge, len(made.bytes), MaxChainBytes)
	}
	return made, made.checkIssuers()
}

// check sees that key, chain and group belong together.
func (is *Issuer) check() error {
	if len(is.Key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: an issuer's key of %d bytes", ErrMalformed, len(is.Key))
	}
	if is.Chain == nil {
		return nil
	}
	if !is.public().Equal(is.Chain.Subject()) {
		return fmt.Errorf("%w: the issuer's key is not that of its chain", ErrSubject)
	}
	if is.Chain.last().Group != is.Group.UUID() {
		return fmt.Errorf("%w: the issuer's chain", ErrForeign)
	}
	return nil
}

func (is *Issuer) public() ed25519.PublicKey { return is.Key.Public().(ed25519.PublicKey) }
