package membership

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// Check verifies a chain: that it begins at an anchor of the policy, that each link is
// signed by an issuer who may, that the last one makes the subject a member, and that
// no membership in it has expired at now. The subject is the key that the connection
// has authenticated. Whether somebody was put out, or an invitation is used up, is for
// [Ledger.Admit] to say.
//
// Errors wrap [ErrNoCredential] for a nil chain, [ErrForeign], [ErrIssuer],
// [ErrForged], [ErrSubject], [ErrClock], [ErrExpired], or [ErrInvitationExpired] for a
// membership made with an invitation after its time.
func (p *Policy) Check(c *Chain, subject ed25519.PublicKey, now time.Time) error {
	_, err := p.check(c, subject, now)
	return err
}

// check is Check; it also says whether the subject has signed the last link itself,
// with the password's or an invitation's key.
func (p *Policy) check(c *Chain, subject ed25519.PublicKey, now time.Time) (selfIssued bool, err error) {
	if c == nil {
		return false, ErrNoCredential
	}
	for i := range c.links {
		if c.links[i].Group != p.Group.UUID() {
			return false, fmt.Errorf("%w: link %d", ErrForeign, i+1)
		}
	}
	if err := c.checkIssuers(); err != nil {
		return false, err
	}
	byPassword, err := p.checkSignatures(c)
	if err != nil {
		return false, err
	}
	if last := c.last(); last.Kind != KindMembership {
		return false, fmt.Errorf("%w: an %v makes no member by itself", ErrSubject, last.Kind)
	} else if !last.Subject.Equal(subject) {
		return false, fmt.Errorf("%w: of %v", ErrSubject, last.peer)
	}
	return byPassword || c.invitation() != nil, c.checkTimes(now)
}

// ByPassword reports whether the password's key has made a chain that was checked.
func (p *Policy) ByPassword(c *Chain) bool {
	first := &c.links[0]
	return p.Pass != nil && len(c.links) == 1 && first.signedBy(p.Pass.Key)
}

// SelfIssued reports whether the subject of a chain that was checked has issued the last
// credential to itself, with the password's or an invitation's key.
func (p *Policy) SelfIssued(c *Chain) bool { return c.Redeems() || p.ByPassword(c) }

// checkIssuers sees that each link but the first is issued by who may issue it.
func (c *Chain) checkIssuers() error {
	for i := 1; i < len(c.links); i++ {
		above, l := &c.links[i-1], &c.links[i]
		if above.Kind == KindInvitation {
			if i != len(c.links)-1 {
				return fmt.Errorf("%w: who came by an invitation issues nothing", ErrIssuer)
			}
			if err := checkRedeemed(above, l); err != nil {
				return err
			}
		} else if above.Role != Admin {
			return fmt.Errorf("%w: link %d through a %v", ErrIssuer, i+1, above.Role)
		}
	}
	return nil
}

// checkRedeemed holds a link to the invitation that has issued it.
func checkRedeemed(invitation, l *link) error {
	switch {
	case l.Kind != KindMembership:
		return fmt.Errorf("%w: an %v by an invitation", ErrIssuer, l.Kind)
	case l.Role != invitation.Role:
		return fmt.Errorf("%w: a %v by the invitation of a %v", ErrIssuer, l.Role, invitation.Role)
	case l.Expires.Sub(l.Issued) > invitation.Life:
		return fmt.Errorf("%w: for %v by an invitation for %v", ErrIssuer, l.Expires.Sub(l.Issued), invitation.Life)
	case invitation.Final && !l.Final:
		return fmt.Errorf("%w: a renewable membership by an invitation that is final", ErrIssuer)
	case !invitation.For.IsZero() && l.peer != invitation.For:
		return fmt.Errorf("%w: the invitation is for %v alone", ErrSubject, invitation.For)
	case l.Issued.After(invitation.Expires.Add(Skew)):
		return fmt.Errorf("%w: at %s, and was used at %s", ErrInvitationExpired,
			invitation.Expires.Format(time.RFC3339), l.Issued.Format(time.RFC3339))
	}
	return nil
}

// checkSignatures says whether the password's key is the anchor. It is one only of a
// single membership in the password's role.
func (p *Policy) checkSignatures(c *Chain) (byPassword bool, err error) {
	first := &c.links[0]
	if !first.signedBy(p.Root) {
		if p.Pass == nil || !first.signedBy(p.Pass.Key) {
			return false, fmt.Errorf("%w: link 1 is not signed by a key of the group's advertisement", ErrForged)
		}
		if len(c.links) > 1 || first.Kind != KindMembership || first.Role != p.Pass.Role || first.Role == Admin {
			return false, fmt.Errorf("%w: the password makes just a %v", ErrIssuer, p.Pass.Role)
		}
		byPassword = true
	}
	for i := 1; i < len(c.links); i++ {
		if !c.links[i].signedBy(c.links[i-1].Subject) {
			return false, fmt.Errorf("%w: link %d is not signed by the subject of link %d", ErrForged, i+1, i)
		}
	}
	return byPassword, nil
}

// signedBy verifies the signature. By what is no key nothing is signed.
func (l *link) signedBy(key ed25519.PublicKey) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, append([]byte(signing), l.raw...), l.signature)
}

func (c *Chain) checkTimes(now time.Time) error {
	for i := range c.links {
		l := &c.links[i]
		if l.Issued.After(now.Add(Skew)) {
			return fmt.Errorf("%w: link %d at %s", ErrClock, i+1, l.Issued.Format(time.RFC3339))
		}
		if l.Kind == KindMembership && !now.Before(l.Expires) {
			return fmt.Errorf("%w: link %d at %s", ErrExpired, i+1, l.Expires.Format(time.RFC3339))
		}
	}
	return nil
}
