package group

import (
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// Config is what a group is made of.
type Config struct {
	Advertisement *adv.Group
	// Membership says by what leave this peer is in the group, and how others are let in.
	// Nil: everybody is in it, as in the net group.
	Membership *Membership
	Host       host.Host      // shared by all groups; the group does not close it
	Key        crypto.PrivKey // the host's: this peer's identity
	Name, Desc string         // of this peer, for its advertisement
	// Settled is closed when the first attempts to reach anybody have ended: before
	// that a peer does not take itself for alone. Nil: they have ended.
	Settled <-chan struct{}
	Role    rendezvous.Role   // in this group; empty: rendezvous.Auto
	Finder  rendezvous.Finder // of rendezvous that nobody near knows; nil: there is none
	Limits  rendezvous.Limits // as a rendezvous
	// Patience is how long pipes outlive the way to the other end; 0: 30 s.
	Patience time.Duration
	// Store keeps what was published, and the cache, over a restart; and who was put out.
	// Nil: it ends with the group.
	Store *store.DB
	// Relaying says whether this peer is a relay, for its advertisement; Hidden, whether it is
	// behind a NAT, and so no rendezvous if there is another. Nil: it is not.
	Relaying, Hidden func() bool
	// Granted is called when a peer of the group, whoever it is, hands us a credential, of
	// this group or another, that is good for us. The error is told to it. Nil: none is
	// taken.
	Granted func(from id.Peer, a *adv.Signed, h *membership.Invitation) error
	Log     *slog.Logger // nil: discard
}

// Membership is by what leave a peer is in a group.
type Membership struct {
	Advertisement *adv.Signed // of the group, by its root
	// Secret is what its members know one another by; nil if the group is open.
	Secret []byte
	Chain  *membership.Chain // this peer's credential; nil in an open group
	// Password renews the credential; nil: admins do.
	Password    *membership.PasswordKey
	Parent      *Group                // where the group's advertisement is, and its rendezvous are found
	Switchboard *endpoint.Switchboard // of the host
	// Changed is called when what is to be kept of all this is another. It must not wait.
	Changed func(c *membership.Chain, a *adv.Signed, p *membership.PasswordKey)
}
