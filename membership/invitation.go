package membership

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/membership/internal/wire"
)

// MaxInvitation bounds an invitation, or what is handed over, in bytes. When a token
// has sealed it, it has 28 more.
const MaxInvitation = 96 << 10

// Invitation is all that one needs to join a group, sealed by a [Token].
type Invitation struct {
	Advertisement []byte // the group's, in its signed envelope; not checked here
	Chain         *Chain // ends in the invitation, in a [Handover] in a membership
	Secret        []byte // the group's, SecretLen bytes; nil: it has none of its own
	// Revocation is the public form of the record, if there is one, that has revoked what
	// the chain takes the place of.
	Revocation []byte
}

// Handover is an invitation for one peer, by name: the chain ends in its membership.
// An admin hands it over on a connection that has authenticated both; it opens nothing
// for others, but tells the group's secret.
type Handover = Invitation

// Marshal returns the invitation for [ParseInvitation]. It is not sealed. Errors wrap
// [ErrMalformed] if something is missing, or [ErrTooLarge].
func (h *Invitation) Marshal() ([]byte, error) {
	if h.Chain == nil {
		return nil, fmt.Errorf("membership: invitation: %w: no chain", ErrMalformed)
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("membership: invitation: %w", err)
	}
	b, err := proto.Marshal(&wire.Invitation{Advertisement: h.Advertisement, Chain: h.Chain.Bytes(), Secret: h.Secret, Revocation: h.Revocation})
	if err != nil {
		return nil, fmt.Errorf("membership: invitation: %w: %w", ErrMalformed, err)
	}
	return b, nil
}

// ParseInvitation reads an invitation and checks its shape alone. It does not keep b.
// Errors wrap [ErrTooLarge] for more than [MaxInvitation] bytes, or [ErrMalformed].
func ParseInvitation(b []byte) (*Invitation, error) {
	if len(b) > MaxInvitation {
		return nil, fmt.Errorf("%w: an invitation of %d bytes, limit %d", ErrTooLarge, len(b), MaxInvitation)
	}
	m := &wire.Invitation{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c, err := ParseChain(m.GetChain())
	if err != nil {
		return nil, fmt.Errorf("invitation: %w", err)
	}
	h := &Invitation{Advertisement: m.GetAdvertisement(), Chain: c, Secret: m.GetSecret(), Revocation: m.GetRevocation()}
	if err := h.check(); err != nil {
		return nil, err
	}
	return h, nil
}

// check looks at all but the chain. An envelope that [adv.Open] would take leaves room
// for the rest within MaxInvitation.
func (h *Invitation) check() error {
	switch n := len(h.Advertisement); {
	case n > adv.MaxEnvelope:
		return fmt.Errorf("%w: an advertisement of %d bytes, limit %d", ErrTooLarge, n, adv.MaxEnvelope)
	case n == 0:
		return fmt.Errorf("%w: no advertisement", ErrMalformed)
	case len(h.Revocation) > MaxRecordBytes:
		return fmt.Errorf("%w: a revocation of %d bytes, limit %d", ErrTooLarge, len(h.Revocation), MaxRecordBytes)
	case len(h.Secret) != 0 && len(h.Secret) != SecretLen:
		return fmt.Errorf("%w: a secret of %d bytes", ErrMalformed, len(h.Secret))
	}
	return nil
}
