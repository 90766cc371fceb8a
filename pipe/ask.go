package pipe

import (
	"context"
	"errors"
	"iter"
	"log/slog"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
)

// ask finds out where the input end of a pipe is, and opens a stream to it, while
// asking lasts: where its owner is, the group's index knows; who has the input end of a
// pipe that several may have, or that has no owner, only they do. Its owner, as known
// by the version that is tried already, is not tried a second time: it would get two
// streams where one is wanted.
func (s *Service) ask(ctx, asking context.Context, want *target, tried uint64) (*opening, error) {
	a := want.pipe
	asking, cancel := context.WithCancel(asking)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	find := s.holders
	if !a.Owner.IsZero() && !a.Shared {
		find = s.owner
	}
	last := ErrNotBound
	for who := range find(asking, a) {
		if who.Signer() == a.Owner && who.Seq() <= tried {
			continue
		}
		st, err := s.openAt(ctx, who.Signer(), want)
		if err == nil || errors.Is(err, ErrRefused) {
			return st, err
		}
		last = err
	}
	return nil, last
}

// owner looks the owner of a pipe up.
func (s *Service) owner(ctx context.Context, a *adv.Pipe) iter.Seq[*adv.Signed] {
	return func(yield func(*adv.Signed) bool) {
		if who := lookUp(ctx, s.discovery, s.log, a.Owner); who != nil {
			yield(who)
		}
	}
}

// lookUp asks the index where a peer is: what it says of itself there may be newer than
// what we know. The endpoint learns of it, too. It returns nil if the index does not know.
func lookUp(ctx context.Context, d *discovery.Service, log *slog.Logger, who id.Peer) *adv.Signed {
	q := discovery.Query{Kind: adv.KindPeer, Attr: "PID", Value: who.String()}
	for f, err := range d.Explain(ctx, q, nil) {
		switch {
		case err != nil:
			log.Debug("peer not looked up", "peer", who, "err", err)
		case f.Signed.Signer() == who:
			return f.Signed
		}
	}
	return nil
}

// holders asks the group who has the input end of a pipe.
func (s *Service) holders(ctx context.Context, a *adv.Pipe) iter.Seq[*adv.Signed] {
	return func(yield func(*adv.Signed) bool) {
		for r, err := range s.resolver.Query(ctx, id.Peer{}, handlerName, a.PipeID.Bytes()) {
			if err != nil {
				s.log.Debug("pipe query", "pipe", a.PipeID, "err", err)
				continue
			}
			who, err := s.holder(r.Body)
			if err != nil {
				s.log.Warn("answer refused", "pipe", a.PipeID, "peer", r.From, "err", err)
				continue
			}
			if !yield(who) {
				return
			}
		}
	}
}

// holder checks an answer that says "it is I who has the input end".
func (s *Service) holder(envelope []byte) (*adv.Signed, error) {
	signed, err := adv.Open(envelope)
	if err != nil {
		return nil, err
	}
	if _, ok := signed.Advertisement().(*adv.Peer); !ok {
		return nil, errors.New("not a peer advertisement")
	}
	s.ep.Learn(signed, adv.DefaultExpiration)
	return signed, nil
}
