package group

import (
	"context"
	"fmt"
	"iter"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// ID returns the group's ID.
func (g *Group) ID() id.Group { return g.cfg.Advertisement.GID }

// Name returns the group's name.
func (g *Group) Name() string { return g.cfg.Advertisement.Name }

// Advertisement returns the group's advertisement.
func (g *Group) Advertisement() *adv.Group {
	if g.door == nil {
		return g.cfg.Advertisement
	}
	return g.door.advertisement().Advertisement().(*adv.Group)
}

// Signed returns the group's advertisement as its root has signed it, the newest version
// that is known; nil for the net group.
func (g *Group) Signed() *adv.Signed {
	if g.door == nil {
		return nil
	}
	return g.door.advertisement()
}

// Parent returns the group in which this one is published; nil for the net group.
func (g *Group) Parent() *Group {
	if g.door == nil {
		return nil
	}
	return g.parent()
}

func (g *Group) parent() *Group { return g.cfg.Membership.Parent }

// unlisted is the parameter of a group that its members do not publish.
const unlisted = "Unlisted"

// listed reports whether the group is to be found in its parent.
func (g *Group) listed() bool { return Listed(g.Advertisement()) }

// Listed reports whether the members of a group publish it in its parent.
func Listed(a *adv.Group) bool {
	for _, e := range a.Membership {
		if e != nil && e.Name == unlisted && e.Text == "true" {
			return false
		}
	}
	return true
}

// Unlist has the members of a group that is about to be made not publish it.
func Unlist(a *adv.Group) {
	a.Membership = append(a.Membership, &adv.Element{Name: unlisted, Text: "true"})
}

// Standing returns what this peer is in the group, and until when. The error is one of
// package membership: it is not a member any more, or was never let in.
func (g *Group) Standing() (*membership.Standing, error) {
	if g.door == nil {
		return &membership.Standing{Role: membership.Member}, nil
	}
	st, err := g.door.standing()
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	return st, nil
}

// Policy returns how one becomes a member; nil for the net group.
func (g *Group) Policy() *membership.Policy {
	if g.door == nil {
		return nil
	}
	return g.door.policyNow()
}

// Refusal returns why a member has not let this peer in, as the last of them said; nil if
// none did.
func (g *Group) Refusal() error {
	if g.door == nil {
		return nil
	}
	return g.door.refusal()
}

// Watch returns what happens in the group while the loop runs: it ends with the context or
// the group. Who is slow loses the oldest. Of the net group nothing is told.
func (g *Group) Watch(ctx context.Context) iter.Seq[Event] {
	if g.door == nil {
		return newEvents().watch(ctx, nil)
	}
	return g.door.events.watch(ctx, nil)
}

// Stats is what the group has carried and decided since it was joined.
type Stats struct {
	endpoint.Stats
	Reasons    map[string]uint64 // of refusals of who wanted to be let in
	Present    int               // members that are there, as far as is known
	Known      int               // members that are known
	Revoked    int               // revocations that hold
	Epoch      string            // of what is sealed; "" before the first revocation
	Propagated rendezvous.Traffic
}

// Stats returns the counts as they are now.
func (g *Group) Stats() Stats {
	st := Stats{Stats: g.endpoint.Stats(), Propagated: g.rendezvous.Status().Traffic, Reasons: map[string]uint64{}}
	there, _ := g.presence.list()
	st.Present = len(there)
	if g.door != nil {
		g.door.stats(&st)
	}
	return st
}
