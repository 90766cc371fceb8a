package shell

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/peer"
)

const defaultTimeout = 5 * time.Second

// node is the peer of a session, once a command has needed it.
type node struct {
	mu   sync.Mutex // guards peer, and is held while it starts
	peer *peer.Peer
}

// Peer returns the peer that commands act on, and starts it if that has not
// happened.
func (s *Session) Peer(ctx context.Context) (*peer.Peer, error) {
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	if s.node.peer != nil {
		return s.node.peer, nil
	}
	if s.cfg.Peer == nil {
		return nil, errors.New("there is no peer here")
	}
	p, err := s.cfg.Peer(ctx)
	if err != nil {
		return nil, err
	}
	s.node.peer = p
	return p, s.lendStandard(p)
}

// standard are JXTA's standard objects, which are there once the peer is.
var standard = []string{"rootgroup", "stdgroup", "stdpeer"}

// lendStandard shows the standard objects: the groups as their advertisements, and
// this peer as its own.
func (s *Session) lendStandard(p *peer.Peer) error {
	g := p.Net()
	for _, o := range []Object{
		{"rootgroup", "group", Unsigned(g.Advertisement())},
		{"stdgroup", "group", Unsigned(g.Advertisement())},
		{"stdpeer", "peer", Signed(g.Self())},
	} {
		if _, err := s.Lend(o.Kind, o.Name, o.Value); err != nil {
			return err
		}
	}
	return nil
}

// Started returns the peer if it has been started, and nil otherwise. It does not
// wait: for completion.
func (s *Session) Started() *peer.Peer {
	if !s.node.mu.TryLock() {
		return nil
	}
	defer s.node.mu.Unlock()
	return s.node.peer
}

// Timeout is how long commands wait for others unless told otherwise.
func (s *Session) Timeout() time.Duration { return cmp.Or(s.cfg.Timeout, defaultTimeout) }
