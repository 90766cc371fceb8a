package membership

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"
)

// Verify tells whether a record is what it says it is: a revocation signed by the root
// or by who was an admin at its time, or a redemption whose chain was good when it was
// issued. It is also for who is put out, and shown the record without its secret.
// Whether a revocation is effective is for [Ledger.Revocations] to say.
//
// Errors wrap [ErrForeign], [ErrForged], [ErrIssuer] for who is no admin, [ErrClock],
// [ErrExpired] for an admin whose credential had expired, [ErrSubject], or
// [ErrInvitationExpired] for a redemption after its time.
func (p *Policy) Verify(r *Record, now time.Time) error {
	if r.revocation != nil {
		return p.verifyRevocation(r.revocation, now)
	}
	issued := r.redemption.Issued()
	if issued.After(now.Add(Skew)) {
		return fmt.Errorf("%w: redeemed at %s", ErrClock, issued.Format(time.RFC3339))
	}
	return p.Check(r.redemption, r.redemption.Subject(), issued)
}

func (p *Policy) verifyRevocation(r *revocation, now time.Time) error {
	switch {
	case r.group != p.Group.UUID():
		return fmt.Errorf("%w: a revocation", ErrForeign)
	case r.At.After(now.Add(Skew)):
		return fmt.Errorf("%w: revoked at %s", ErrClock, r.At.Format(time.RFC3339))
	case r.chain == nil && !r.By.Equal(p.Root):
		return fmt.Errorf("%w: neither the root nor an admin has revoked", ErrIssuer)
	case !ed25519.Verify(r.By, append([]byte(revoking), r.raw...), r.signature):
		return fmt.Errorf("%w: a revocation", ErrForged)
	case r.chain == nil:
		return nil
	}
	return p.Check(r.chain, r.By, r.At)
}

// checkSecret sees that a record has the secret that was signed for: members seal
// content by it.
func (r *revocation) checkSecret() error {
	if len(r.secret) != SecretLen {
		return fmt.Errorf("%w: a revocation without its secret", ErrMalformed)
	}
	if sum := sha256.Sum256(r.secret); !bytes.Equal(sum[:], r.commitment[:]) {
		return fmt.Errorf("%w: the secret is not the one that was signed for", ErrForged)
	}
	return nil
}
