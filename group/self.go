package group

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// selfExpiration is how long a peer that has died without a word can be found yet.
const selfExpiration = 10 * time.Minute

// met is called for each peer that comes near: the first of them while New is
// still at it.
func (g *Group) met(a *adv.Signed, expiration time.Duration) {
	<-g.ready
	if g.discovery != nil {
		g.discovery.Keep(a, expiration)
	}
	g.rendezvous.Met(a)
	if g.door != nil {
		g.presence.met(a)
		g.begin(func(ctx context.Context) { g.sync.met(ctx, a.Signer()) })
		g.renewSoon()
	}
}

// renewSoon looks whether there is an admin now who may renew our credential.
func (g *Group) renewSoon() {
	select {
	case g.renewable <- struct{}{}:
	default:
	}
}

// gone is called for each peer that is connected no longer.
func (g *Group) gone(who id.Peer) {
	<-g.ready
	g.rendezvous.Gone(who)
	if g.door != nil && g.presence != nil {
		g.begin(func(ctx context.Context) { g.presence.lost(ctx, who) })
	}
}

// expelled is called for each neighbour that was put out.
func (g *Group) expelled(who id.Peer) {
	<-g.ready
	if g.pipe != nil {
		g.pipe.Expel(who)
	}
}

// hearRefusal is called when a peer does not let us in.
func (g *Group) hearRefusal(by peer.ID, why error, evidence []byte) {
	if g.door == nil {
		return
	}
	g.cfg.Log.Info("not let in", "by", by, "reason", why)
	if who, ok := ParsePeer(by.String()); ok {
		g.begin(func(context.Context) { g.expelled(who) })
	}
	out, newer := g.door.hearRefusal(why, evidence)
	if newer {
		g.readvertised()
	}
	if out {
		g.begin(func(context.Context) { g.out(why) })
	}
}

// out is called when this peer is not a member any more: it keeps nothing for others.
func (g *Group) out(why error) {
	if <-g.ready; g.pipe == nil {
		return
	}
	g.door.events.tell(Event{Kind: Out, Peer: g.Self().Signer(), Reason: why.Error()})
	g.pipe.Expel(id.Peer{})
	if err := g.rendezvous.SetRole(rendezvous.Edge); err != nil {
		g.cfg.Log.Debug("no edge after being put out", "err", err)
	}
}

// synced is called when a member has told us of keys, or of a newer advertisement.
func (g *Group) synced(newer bool) { g.keeper.add(nil, newer) }

func (g *Group) public() ed25519.PublicKey { return g.raw.Public().(ed25519.PublicKey) }

func (g *Group) password() *membership.PasswordKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pass
}

// usePassword has our credential renewed with another password.
func (g *Group) usePassword(p *membership.PasswordKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass = p
}

// Login takes another credential of this peer: one that a password has made renews itself
// with that. The error is one of package membership.
func (g *Group) Login(c *membership.Chain, p *membership.PasswordKey) error {
	if g.door == nil {
		return fmt.Errorf("group: log in: %w", membership.ErrForeign)
	}
	err := g.door.policyNow().Check(c, g.public(), time.Now())
	if err == nil {
		if p != nil {
			g.usePassword(p)
		}
		err = g.accept(c)
	}
	if err != nil {
		return fmt.Errorf("group: log in: %w", err)
	}
	return nil
}

// sign makes this peer's advertisement as things are now: a newer version than
// the one before also in the same millisecond.
func (g *Group) sign() (*adv.Signed, error) {
	a := &adv.Peer{
		PID: id.PeerOf(id.Net, g.public()), GID: g.cfg.Advertisement.GID, Name: g.cfg.Name, Desc: g.cfg.Desc,
		Route: adv.Route{Host: g.cfg.Host.ID()},
	}
	for _, m := range g.cfg.Host.Addrs() {
		a.Route.Addrs = append(a.Route.Addrs, m.String())
	}
	if g.cfg.Relaying != nil {
		a.Relay = g.cfg.Relaying()
	}
	if g.door != nil {
		if c := g.door.credential(); c != nil {
			a.Credential = c.Bytes()
		}
	}
	g.mu.Lock()
	g.lastSeq = max(g.lastSeq+1, uint64(time.Now().UnixMilli()))
	seq := g.lastSeq
	g.mu.Unlock()
	return adv.Sign(g.cfg.Key, a, seq)
}

// introduce shows all what this peer's advertisement is now.
func (g *Group) introduce() error {
	self, err := g.sign()
	if err != nil {
		return err
	}
	g.endpoint.Introduce(self)
	g.discovery.KeepOwn(self, selfExpiration)
	if g.door != nil {
		g.presence.say()
	}
	return nil
}

// followAddresses introduces us anew whenever our addresses change, or what else we say.
func (g *Group) followAddresses() {
	for {
		select {
		case _, open := <-g.addresses.Out():
			if !open {
				return
			}
		case <-g.altered:
		}
		if err := g.introduce(); err != nil {
			g.cfg.Log.Error("own advertisement not signed", "err", err)
		}
	}
}

// Reintroduce has this peer's advertisement made and shown anew, because it has become a
// relay, say. It does not wait.
func (g *Group) Reintroduce() {
	select {
	case g.altered <- struct{}{}:
	default:
	}
}
