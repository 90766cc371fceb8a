package rendezvous

import (
	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// PresenceTopic is the one topic to which guests propagate, too: by it the members of a
// group know who is there.
const PresenceTopic = "presence"

// barred says why a peer, which may be this one, may not propagate to a topic; nil if it
// may.
func (s *Service) barred(who id.Peer, topic string) error {
	if topic == PresenceTopic {
		return nil
	}
	return s.ep.Barred(who)
}

// openBundle checks a bundle: its signature, and that its author may propagate.
func (s *Service) openBundle(b *wire.Bundle) (*bundle.Opened, error) {
	o, err := bundle.Open(s.ep.Group(), b)
	if err == nil {
		err = s.barred(o.Author, o.Topic)
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// vet says why an advertisement that a peer publishes does not belong into the group's
// index. Who may not publish anything else still says where it is.
func (s *Service) vet(a *adv.Signed, from id.Peer) error {
	_, self := a.Advertisement().(*adv.Peer)
	if err := s.ep.Barred(from); err != nil && !(self && a.Signer() == from) {
		return err
	}
	if s.cfg.Vet == nil {
		return nil
	}
	return s.cfg.Vet(a)
}

// Forget drops what a peer has published from our part of the index, because it was put
// out of the group.
func (s *Service) Forget(who id.Peer) {
	srv := s.server()
	if srv == nil {
		return
	}
	srv.indexing.Lock()
	defer srv.indexing.Unlock()
	srv.index.DropSigner(who)
}
