package peer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
)

// Leave leaves a group, and before that those that were found in it. It is not joined
// again when the peer starts; forget also drops what is held of it, unless this peer has
// made it: nobody else could let it in as who it was. The error wraps [ErrLeft].
func (p *Peer) Leave(g *group.Group, forget bool) error {
	p.groups.joining.Lock()
	defer p.groups.joining.Unlock()
	if err := p.leave(g, forget); err != nil {
		return fmt.Errorf("peer: leave %s: %w", g.Name(), err)
	}
	return nil
}

func (p *Peer) leave(g *group.Group, forget bool) error {
	for _, child := range p.Groups() {
		if child.Parent() == g {
			if err := p.leave(child, false); err != nil {
				return err
			}
		}
	}
	p.groups.mu.Lock()
	i := slices.Index(p.groups.all, g)
	var err error
	if h := p.groups.vault.all[g.ID()]; h != nil && h.Made {
		forget = false
	}
	if i < 0 {
		err = ErrLeft
	} else {
		p.groups.all = slices.Delete(p.groups.all, i, i+1)
		err = p.forget(g.ID(), forget)
	}
	p.groups.mu.Unlock()
	if i < 0 {
		return err
	}
	err = errors.Join(err, g.Close())
	if forget {
		err = errors.Join(err, group.Erase(p.groups.store, g.ID()))
	}
	return err
}

// forget has a group not be joined again. The caller has the groups' lock.
func (p *Peer) forget(g id.Group, all bool) error {
	old := p.groups.vault.all[g]
	switch {
	case old == nil:
		return nil
	case all:
		return p.groups.vault.drop(g)
	}
	h := *old
	h.Join, h.Password = false, nil
	return p.groups.vault.put(&h)
}

// leaveAll closes the groups, those first that were joined last.
func (p *Peer) leaveAll() error {
	p.groups.joining.Lock()
	defer p.groups.joining.Unlock()
	p.groups.mu.Lock()
	all := p.groups.all
	p.groups.all = nil
	p.groups.mu.Unlock()
	var errs []error
	for i := len(all) - 1; i >= 0; i-- {
		errs = append(errs, all[i].Close())
	}
	return errors.Join(errs...)
}
