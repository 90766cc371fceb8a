package membership

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Standing is what one who is admitted may do, and for how long.
type Standing struct {
	Role Role
	// Until is when the first of the chain's memberships expires; zero: never, in an
	// open group without a chain.
	Until      time.Time
	Chain      *Chain // the one shown; nil: none
	SelfIssued bool   // by the password, or an invitation
	// Redeem, if it is not nil, says that this admission uses an invitation once more.
	// Who admits adds it to the ledger, and tells others.
	Redeem *Record
}

// Admit judges who shows a chain, nil if none, by the policy and by what the ledger
// holds. The subject is the key that the connection has authenticated. It changes
// nothing. In an open group everybody who was not put out is a Member without a chain.
//
// Errors are those of [Policy.Check], or wrap [ErrRevoked], [ErrInvitationExpired] if
// the invitation was to be used before, [ErrSpent], or [ErrFull] if there is no room
// to note that it is used.
func (l *Ledger) Admit(now time.Time, c *Chain, subject ed25519.PublicKey) (*Standing, error) {
	if c == nil && l.policy.Method == Open {
		if r := l.effective.peers[id.PeerOf(id.Net, subject)]; r != nil {
			return nil, r.refusal()
		}
		return &Standing{Role: Member}, nil
	}
	selfIssued, err := l.policy.check(c, subject, now)
	if err != nil {
		return nil, err
	}
	if r := l.effective.revoked(l.policy.Root, c, selfIssued); r != nil {
		return nil, r.refusal()
	}
	return l.stand(now, c, selfIssued)
}

func (l *Ledger) stand(now time.Time, c *Chain, selfIssued bool) (*Standing, error) {
	redeem, err := l.redeem(now, c)
	if err != nil {
		return nil, err
	}
	return &Standing{Role: c.Role(), Until: c.until(), Chain: c, SelfIssued: selfIssued, Redeem: redeem}, nil
}

// Still is Admit for who was admitted before, by the same policy, as st: no signature is
// verified again. Errors wrap [ErrExpired], [ErrRevoked], or those of invitations.
func (l *Ledger) Still(now time.Time, st *Standing, subject ed25519.PublicKey) (*Standing, error) {
	if st.Chain == nil {
		return l.Admit(now, nil, subject)
	}
	if err := st.Chain.checkTimes(now); err != nil {
		return nil, err
	}
	if r := l.effective.revoked(l.policy.Root, st.Chain, st.SelfIssued); r != nil {
		return nil, r.refusal()
	}
	return l.stand(now, st.Chain, st.SelfIssued)
}

// redeem returns the record that is wanted if the chain uses an invitation which its
// subject has not used before.
func (l *Ledger) redeem(now time.Time, c *Chain) (*Record, error) {
	invitation := c.invitation()
	if invitation == nil || l.Has(redemptionID(invitation.Serial, c.Subject())) {
		return nil, nil
	}
	if now.After(invitation.Expires) {
		return nil, fmt.Errorf("%w: at %s", ErrInvitationExpired, invitation.Expires.Format(time.RFC3339))
	}
	if n := len(l.redeemed[invitation.Serial]); n >= invitation.Uses {
		return nil, fmt.Errorf("%w: %d times", ErrSpent, n)
	}
	if err := l.roomForRedemption(); err != nil {
		return nil, err
	}
	return newRedemption(c)
}
