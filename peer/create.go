package peer

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// NewGroup says what group to make.
type NewGroup struct {
	Name     string // 1 to 64 bytes, as a peer's
	Desc     string
	Method   membership.Method // default: membership.Open
	Password []byte            // of the method Password: at least 8 bytes
	// Passphrase protects the root key on disk. Nil: it lies there in clear, in a file that
	// only its user can read.
	Passphrase []byte
	// Unlisted keeps it out of the parent group: it is found by invitation alone.
	Unlisted bool
	Parent   *group.Group // where it is published; nil: the net group
}

// CreateGroup makes a group: a root key, which is kept in the peer's directory, and an
// advertisement, which is published in the parent group unless that is not wanted. This
// peer is its first admin; it has not joined it yet. The errors are those of the disk and
// of publishing, or wrap [ErrName], [ErrPassword] or one of package membership.
func (p *Peer) CreateGroup(ctx context.Context, n *NewGroup) (*adv.Signed, error) {
	a, err := p.createGroup(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("peer: make the group %q: %w", n.Name, err)
	}
	return a, nil
}

func (p *Peer) createGroup(ctx context.Context, n *NewGroup) (*adv.Signed, error) {
	if CheckName(n.Name) != nil {
		return nil, fmt.Errorf("%w: 1 to 64 bytes are wanted, all printable, without / * ?, and without spaces at the ends", ErrName)
	}
	if n.Name == p.net.Name() {
		return nil, fmt.Errorf("%w: the net group is called that", ErrName)
	}
	if st, err := p.parentOf(n.Parent).Standing(); !n.Unlisted && (err != nil || st.Role == membership.Guest) {
		return nil, cmp.Or(err, error(membership.ErrGuest)) // before anything is kept of it
	}
	public, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, id.NonceLen)
	_, _ = rand.Read(nonce) // does not fail
	doc := &adv.Group{
		GID: id.GroupOf(public, n.Name, nonce), MSID: id.SpecStdGroup, Name: n.Name, Desc: n.Desc, RootKey: public, Nonce: nonce,
	}
	h := &held{Parent: p.parentOf(n.Parent).ID().String(), Made: true}
	if err := n.policy(doc, h); err != nil {
		return nil, err
	}
	if h.chain, err = (&membership.Issuer{Key: root, Group: doc.GID}).
		Grant(p.public(), membership.Admin, time.Now(), membership.MaxLife); err != nil {
		return nil, err
	}
	h.Chain = h.chain.Bytes()
	signer, err := crypto.UnmarshalEd25519PrivateKey(root)
	if err != nil {
		return nil, err
	}
	if h.signed, err = adv.Sign(signer, doc, uint64(time.Now().UnixMilli())); err != nil {
		return nil, err
	}
	h.Advertisement = h.signed.Envelope()
	text, err := membership.MarshalKey(root, n.Passphrase)
	if err != nil {
		return nil, err
	}
	p.groups.mu.Lock()
	if err = p.groups.vault.putRoot(doc.GID, text); err == nil {
		err = p.groups.vault.put(h)
	}
	p.groups.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if n.Unlisted {
		return h.signed, nil
	}
	return h.signed, p.parentOf(n.Parent).Discovery().PublishSigned(ctx, h.signed, 0, 0)
}

// policy fills in how one becomes a member.
func (n *NewGroup) policy(doc *adv.Group, h *held) error {
	policy := &membership.Policy{Group: doc.GID, Root: doc.RootKey, Method: n.Method}
	if policy.Method == "" {
		policy.Method = membership.Open
	}
	if policy.Method != membership.Open {
		h.Secret = membership.NewSecret()
		policy.Marker = membership.MarkerOf(h.Secret)
	}
	switch {
	case policy.Method == membership.Password && len(n.Password) < group.MinPassword:
		return fmt.Errorf("%w: of %d characters at least", ErrPassword, group.MinPassword)
	case policy.Method == membership.Password:
		key := membership.StretchPassword(doc.GID, n.Password, membership.DefaultKDF)
		policy.Pass = &membership.Passphrase{Key: key.Public(), Role: membership.Member, Sealed: key.Seal(h.Secret), KDF: membership.DefaultKDF}
	}
	doc.Membership = policy.Elements()
	if n.Unlisted {
		group.Unlist(doc)
	}
	_, err := membership.PolicyOf(doc)
	return err
}
