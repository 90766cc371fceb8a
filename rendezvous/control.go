package rendezvous

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Disconnect gives the lease back and looks for another, which may be with the same
// rendezvous if it is the only one, or suits this peer best. The error wraps
// [ErrRole] if this peer is a rendezvous itself, or [ErrNoRendezvous] if it has no
// lease.
func (s *Service) Disconnect() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	srv, l, _ := s.station()
	switch {
	case srv != nil:
		return fmt.Errorf("rendezvous: disconnect: %w: a rendezvous has no lease", ErrRole)
	case l == nil:
		return fmt.Errorf("rendezvous: disconnect: %w: there is no lease", ErrNoRendezvous)
	}
	s.mu.Lock()
	s.preferred = slices.DeleteFunc(slices.Clone(s.preferred), func(who id.Peer) bool { return who == l.rdv })
	s.lostAt = time.Now()
	s.heirs = nil // nobody has gone, so nobody succeeds
	s.mu.Unlock()
	s.forget(l.rdv)
	l.end() // without a word: the rendezvous answers for us until another one does
	s.stand(nil, nil, "it gave its lease back")
	return nil
}

// Await waits until the peer has a lease, or is a rendezvous. The error is the
// context's, or [net.ErrClosed].
func (s *Service) Await(ctx context.Context) error {
	for {
		srv, l, changed := s.station()
		if srv != nil || l != nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return net.ErrClosed
		}
	}
}
