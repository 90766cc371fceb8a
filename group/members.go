package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// Member is a member of a group.
type Member struct {
	Peer    id.Peer
	Name    string
	Role    membership.Role
	Present bool      // it is there now, as far as is known
	Since   time.Time // when it came, by its own clock; zero: not known
	Seen    time.Time // when it was heard of last; zero: not known
	Until   time.Time // when its credential ends; zero: never
	Self    bool      // it is this peer
	// Path is how it is connected to this peer: "self", "direct", "relayed", or "", if only
	// by way of others.
	Path string
}

// Present asks the group who is there, and returns the members as they answer, this peer
// first. The walk ends when all have answered, or with the context. An error beside a nil
// member is one peer's failure and does not end it, except for the context's own and
// [net.ErrClosed], which are the last.
func (g *Group) Present(ctx context.Context) iter.Seq2[*Member, error] {
	return func(yield func(*Member, error) bool) {
		if !yield(g.memberOf(&attendance{signed: g.Self(), since: g.presence.since, heard: time.Now()}), nil) {
			return
		}
		for at, err := range g.presence.ask(ctx) {
			var m *Member
			if err == nil {
				m = g.memberOf(at)
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// ask asks all members whether they are there.
func (p *presence) ask(ctx context.Context) iter.Seq2[*attendance, error] {
	return func(yield func(*attendance, error) bool) {
		had := map[id.Peer]bool{p.ep.ID(): true}
		for r, err := range p.resolver.Query(ctx, id.Peer{}, presenceHandler, nil) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			var w wire.Presence
			if proto.Unmarshal(r.Body, &w) != nil || w.GetKind() != wire.Presence_HERE {
				continue
			}
			at := p.note(id.Peer{}, &w)
			if at == nil || had[at.signed.Signer()] {
				continue
			}
			had[at.signed.Signer()] = true
			if !yield(at, nil) {
				return
			}
		}
	}
}

// Members returns the members that are known here, present or not, ordered by name: all
// that this peer has met, or heard of since it joined.
func (g *Group) Members() []*Member {
	present, _ := g.presence.list()
	had := map[id.Peer]bool{}
	var all []*Member
	for _, at := range present {
		had[at.signed.Signer()] = true
		all = append(all, g.memberOf(at))
	}
	if self := g.Self(); !had[self.Signer()] {
		had[self.Signer()] = true
		all = append(all, g.memberOf(&attendance{signed: self, since: g.presence.since, heard: time.Now()}))
	}
	if g.door != nil {
		for _, m := range g.door.members() {
			if !had[m.Peer] {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Member) int { return cmp.Or(cmp.Compare(a.Name, b.Name), id.Compare(a.Peer, b.Peer)) })
	return all
}

// ErrUncounted: of the net group, to which everybody belongs, no list is kept.
var ErrUncounted = errors.New("nobody keeps a list of the members of the net group")

// AwaitMembers waits until so many members are there, this peer among them, and returns
// how many there are. The error wraps [ErrUncounted], the context's, or [net.ErrClosed].
func (g *Group) AwaitMembers(ctx context.Context, n int) (int, error) {
	if g.door == nil {
		return 0, fmt.Errorf("group: await members: %w", ErrUncounted)
	}
	for {
		all, changed := g.presence.list()
		there := 1
		for _, at := range all {
			if at.signed.Signer() != g.Self().Signer() {
				there++
			}
		}
		if there >= n {
			return there, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return there, fmt.Errorf("group: await members: %w", ctx.Err())
		case <-g.endpoint.Done():
			return there, fmt.Errorf("group: await members: %w", net.ErrClosed)
		}
	}
}

// memberOf says what is known of a member that is there.
func (g *Group) memberOf(at *attendance) *Member {
	who := at.signed.Signer()
	m := &Member{
		Peer: who, Name: nameOf(at.signed), Role: membership.Member, Present: true, Since: at.since, Seen: at.heard,
		Self: who == g.Self().Signer(), Path: g.endpoint.Path(who),
	}
	if g.door != nil {
		g.door.describe(m)
	}
	return m
}

// describe fills in what the door knows of a member.
func (d *door) describe(m *Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.Self {
		if st, err := d.ledger.Admit(time.Now(), d.own, d.self); err == nil {
			m.Role, m.Until = st.Role, st.Until
		}
		return
	}
	if r := d.roster[m.Peer]; r != nil {
		m.Role, m.Until = r.st.Role, r.st.Until
	}
}

// members are those that were let in, and still would be.
func (d *door) members() []*Member {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*Member
	for who, r := range d.roster {
		all = append(all, &Member{Peer: who, Name: r.name, Role: r.st.Role, Seen: r.seen, Until: r.st.Until})
	}
	return all
}

func nameOf(a *adv.Signed) string {
	if p, ok := a.Advertisement().(*adv.Peer); ok {
		return p.Name
	}
	return ""
}
