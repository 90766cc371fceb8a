package cmds

import (
	"context"
	"fmt"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// place is a group that was found, and where.
type place struct {
	joined *group.Group // nil: it is not joined
	signed *adv.Signed  // nil: the net group
	parent *group.Group
	made   bool // by this peer
}

func (w *place) doc() *adv.Group { return w.signed.Advertisement().(*adv.Group) }

func (w *place) name() string {
	if w.joined != nil {
		return w.joined.Name()
	}
	return w.doc().Name
}

// newer takes another version of the advertisement if it is newer.
func (w *place) newer(a *adv.Signed) {
	if w.signed == nil || a.Seq() > w.signed.Seq() {
		w.signed = a
	}
}

// freshTime bounds looking for a newer version of what is known.
const freshTime = 2 * time.Second

// findGroup finds the group that a word names: among those that are joined or kept, then in
// the caches of the current group and those above it, then in their indexes.
func findGroup(ctx context.Context, c *shell.Call, p *peer.Peer, here *group.Group, word string) (*place, error) {
	w, err := wishOf(c, word)
	if err != nil {
		return nil, err
	}
	if g, err := joinedGroup(c, p, word); err == nil {
		return &place{joined: g, signed: g.Signed(), parent: g.Parent()}, nil
	} else if shell.StatusOf(err) != shell.StatusUnreachable {
		return nil, err
	}
	found := &finds{wish: &w, places: map[id.Group]*place{}}
	found.kept(p, here)
	if w.signed != nil {
		found.add(w.signed, here)
	}
	for g := here; g != nil && len(found.places) == 0; g = g.Parent() {
		found.local(g)
	}
	if w.signed != nil { // which group had it?
		for g := here; g != nil && !found.seen; g = g.Parent() {
			found.local(g)
		}
	}
	for g := here; g != nil && len(found.places) == 0; g = g.Parent() {
		if err := found.search(ctx, c, g); err != nil {
			return nil, err
		}
	}
	at, err := found.one()
	if err == nil && !at.made && methodOf(at.doc()) != foreign {
		at.refresh(ctx)
	}
	return at, err
}

// finds are the groups that may be meant.
type finds struct {
	wish    *wish
	places  map[id.Group]*place
	order   []id.Group
	foreign *adv.Group // one that cannot be joined
	seen    bool       // a cache has had it
}

// kept adds what this peer keeps something of.
func (f *finds) kept(p *peer.Peer, here *group.Group) {
	for _, k := range p.Kept() {
		if !f.wish.names(k.Advertisement.Advertisement().(*adv.Group)) {
			continue
		}
		parent := p.Group(k.Parent)
		f.seen = parent != nil
		if parent == nil {
			parent = here
		}
		f.add(k.Advertisement, parent).made = k.Made
	}
}

func (f *finds) add(a *adv.Signed, in *group.Group) *place {
	doc := a.Advertisement().(*adv.Group)
	at := f.places[doc.GID]
	if at == nil {
		at = &place{parent: in}
		f.places[doc.GID] = at
		f.order = append(f.order, doc.GID)
	}
	at.newer(a)
	return at
}

// take adds what was found in a group, if it can be joined.
func (f *finds) take(a *adv.Signed, in *group.Group) {
	doc, ok := a.Advertisement().(*adv.Group)
	if !ok || !f.wish.names(doc) {
		return
	}
	if methodOf(doc) == foreign {
		f.foreign = doc
		return
	}
	at := f.add(a, in)
	if !f.seen {
		at.parent = in
	}
}

func (f *finds) local(g *group.Group) {
	had := false
	for a := range g.Discovery().Local(f.wish.query()) {
		f.take(a, g)
		had = true
	}
	f.seen = f.seen || had
}

func (f *finds) search(ctx context.Context, c *shell.Call, g *group.Group) error {
	for a, err := range g.Discovery().Search(ctx, f.wish.query()) {
		if err == nil {
			f.take(a, g)
		} else if err := passOver(c, err); err != nil {
			return err
		}
	}
	return nil
}

// one is the one group that is meant.
func (f *finds) one() (*place, error) {
	switch {
	case len(f.order) == 1:
		return f.places[f.order[0]], nil
	case len(f.order) > 1:
		var all []*adv.Group
		for _, gid := range f.order {
			all = append(all, f.places[gid].doc())
		}
		return nil, severalGroups(f.wish.word, all)
	case f.foreign != nil:
		return &place{}, fmt.Errorf("%w: %q", membership.ErrNoRoot, f.foreign.Name)
	}
	return nil, noGroup(f.wish.word)
}

// refresh looks whether there is a newer version of the advertisement: the password may have
// been changed since it was cached.
func (w *place) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, freshTime)
	defer cancel()
	q := discovery.Query{Kind: adv.KindGroup, Attr: "GID", Value: w.doc().GID.String()}
	for a, err := range w.parent.Discovery().Search(ctx, q) {
		if err == nil && a.Signer() == w.signed.Signer() {
			w.newer(a)
		}
	}
}
