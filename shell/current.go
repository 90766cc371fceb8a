package shell

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// current is the group that a session's commands act in. Groups belong to the peer, who may
// leave one by another session; which of them is the current one belongs to the session.
type current struct {
	mu    sync.Mutex         // guards the next two, and is never held while waiting
	group *group.Group       // nil: the net group
	stop  context.CancelFunc // ends what watches over it; nil: nothing does

	watching sync.WaitGroup
}

// Group returns the group that commands act in, the net group to begin with. It starts the
// peer if that has not happened. The error says so if this peer is not a member any more:
// nothing that it does there would reach anybody. See [Session.Current].
func (s *Session) Group(ctx context.Context) (*group.Group, error) {
	g, err := s.Current(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := g.Standing(); err != nil {
		return nil, OutOf(g, err)
	}
	return g, nil
}

// Current returns the same group, whether or not this peer is still a member. If the group
// was left meanwhile, the one that it was found in takes its place, and the user is told.
func (s *Session) Current(ctx context.Context) (*group.Group, error) {
	p, err := s.Peer(ctx)
	if err != nil {
		return nil, err
	}
	return s.here(p), nil
}

// Here returns the current group if the peer has been started, and nil otherwise. It does
// not wait: for completion, and for the prompt.
func (s *Session) Here() *group.Group {
	if p := s.Started(); p != nil {
		return s.here(p)
	}
	return nil
}

// GroupName is the name of the current group, fit to be shown, and "" for the net group. It
// starts nothing.
func (s *Session) GroupName() string {
	s.current.mu.Lock()
	g := s.current.group
	s.current.mu.Unlock()
	if g == nil {
		return ""
	}
	if p := s.Started(); p != nil {
		if g = s.here(p); g == p.Net() {
			return ""
		}
	}
	return strings.Map(printable, g.Name())
}

// SetGroup makes a group that the peer has joined the current one.
func (s *Session) SetGroup(ctx context.Context, g *group.Group) error {
	p, err := s.Peer(ctx)
	if err != nil {
		return err
	}
	if p.Group(g.ID()) != g {
		return fmt.Errorf("%s: not joined: see join", g.Name())
	}
	return s.enterGroup(p, g)
}

// enterGroup makes a group the current one, and watches over it unless it is the net group.
func (s *Session) enterGroup(p *peer.Peer, g *group.Group) error {
	advertisement := Unsigned(g.Advertisement())
	if signed := g.Signed(); signed != nil {
		advertisement = Signed(signed)
	}
	if _, err := s.Lend("group", "stdgroup", advertisement); err != nil {
		return err
	}
	s.current.mu.Lock()
	defer s.current.mu.Unlock()
	if s.current.stop != nil {
		s.current.stop()
	}
	s.current.group, s.current.stop = nil, nil
	if g == p.Net() {
		return nil
	}
	ctx, cancel := context.WithCancel(s.ctx)
	s.current.group, s.current.stop = g, cancel
	s.current.watching.Go(func() { s.watchOver(ctx, p, g) })
	return nil
}

// watchOver tells the user when the current group puts this peer out, or is left.
func (s *Session) watchOver(ctx context.Context, p *peer.Peer, g *group.Group) {
	for ev := range g.Watch(ctx) {
		if ev.Kind != group.Out {
			continue
		}
		if _, err := g.Standing(); err != nil {
			s.tell(OutOf(g, err).Error())
		}
	}
	if ctx.Err() == nil {
		s.here(p)
	}
}

// here is the current group; if that was left, the nearest one above it that was not is
// from now on.
func (s *Session) here(p *peer.Peer) *group.Group {
	s.current.mu.Lock()
	left := s.current.group
	switch {
	case left == nil:
		s.current.mu.Unlock()
		return p.Net()
	case p.Group(left.ID()) == left:
		s.current.mu.Unlock()
		return left
	}
	g := left.Parent()
	for g != nil && p.Group(g.ID()) != g {
		g = g.Parent()
	}
	if g == nil {
		g = p.Net()
	}
	s.current.group = nil // so that it is told once
	s.current.mu.Unlock()
	if s.enterGroup(p, g) == nil {
		s.tell(fmt.Sprintf("%s was left: commands act in %s now", left.Name(), g.Name()))
	}
	return g
}

// tell shows a line that nobody waits for: above the prompt, or on standard error.
func (s *Session) tell(line string) {
	line = strings.Map(printable, line)
	if !s.News(s.cfg.Name + ": " + line) {
		fmt.Fprintf(s.stderr, "%s: %s\n", s.cfg.Name, line)
	}
}

// OutOf says that this peer is not a member of a group any more, and what to do. The error
// is the group's, of [group.Group.Standing].
func OutOf(g *group.Group, err error) error {
	why, remedy := err, "leave it, or log in anew"
	if inner := errors.Unwrap(err); inner != nil { // without what says that it is of the group
		why = inner
	}
	for _, known := range []error{membership.ErrRevoked, membership.ErrExpired, membership.ErrSpent, membership.ErrInvitationExpired} {
		if errors.Is(err, known) {
			why = known
		}
	}
	policy := g.Policy()
	switch {
	case errors.Is(err, membership.ErrRevoked):
		if reason := ReasonOf(err); reason != "" {
			why = fmt.Errorf("%w (%s)", why, strings.Map(printable, reason))
		}
		remedy = "only an admin can let this peer in again, with grant"
	case errors.Is(err, membership.ErrSpent), errors.Is(err, membership.ErrInvitationExpired):
		remedy = "ask for another one, and login -i it"
	case policy != nil && policy.Pass != nil && errors.Is(err, membership.ErrForged): // by a key that stands there no longer
		why, remedy = errors.New("its password was changed"), "login takes the new one"
	case policy != nil && policy.Pass != nil:
		remedy = "login takes the password again"
	case policy != nil && policy.Method == membership.Invite:
		remedy = "login -i takes an invitation"
	}
	return fmt.Errorf("%s: this peer is not a member: %w; %s", strings.Map(printable, g.Name()), why, remedy)
}

// ReasonOf is the reason that an admin has given for a revocation, "" if it is not known, or
// the error is another.
func ReasonOf(err error) string {
	if !errors.Is(err, membership.ErrRevoked) {
		return ""
	}
	text := err.Error()
	at := strings.LastIndex(text, `: "`)
	if at < 0 {
		return ""
	}
	reason, err := strconv.Unquote(text[at+2:])
	if err != nil {
		return ""
	}
	return reason
}
