package endpoint

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

const (
	helloService = "hello"
	helloTimeout = 10 * time.Second
	maxHello     = adv.MaxEnvelope + 64
	maxHellos    = 4 // being heard at once, of one host
)

// greet connects to a host and exchanges advertisements with it.
func (e *Endpoint) greet(h peer.ID) (*adv.Signed, error) {
	ctx, cancel := context.WithTimeout(e.ctx, helloTimeout)
	defer cancel()
	fail := func(op string, err error) (*adv.Signed, error) {
		switch {
		case e.ctx.Err() != nil:
			err = net.ErrClosed
		case ctx.Err() != nil:
			err = fmt.Errorf("%w: no answer in %v", ErrUnreachable, helloTimeout)
		case foreign(err):
			err = ErrNotAdmitted
		case !errors.Is(err, ErrNotAdmitted):
			err = unreachable(ctx, err)
		}
		return nil, &Error{op, id.Peer{}, h.String(), err}
	}
	c, err := e.connectTo(ctx, peer.AddrInfo{ID: h})
	if err != nil {
		return fail("connect", err)
	}
	s, err := e.openAt(early(ctx, c), h, helloService)
	if err != nil {
		return fail("greet", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	defer s.Close()
	st := &Stream{byteStream: s, m: e.meter(helloService)}
	st.m.opened(false)
	if e.closedGroup() { // what we have to show is for members only
		err = e.hearProof(st, h)
	}
	if err == nil {
		err = e.shun(h)
	}
	if err == nil {
		err = e.sayHello(st)
	}
	if err != nil {
		return fail("greet", err)
	}
	a, err := e.hearHello(st, h)
	if err != nil {
		if m := refusal(err); m != nil {
			e.complain(h, "peer not admitted", err)
			_ = st.WriteMsg(m)
		}
		return fail("greet", err)
	}
	return a, nil
}

func (e *Endpoint) greetLogged(h peer.ID) {
	if _, err := e.greet(h); err != nil && e.ctx.Err() == nil {
		e.log.Debug("greeting failed", "addr", h, "err", err)
	}
}

// serveHello is the other half of greet. Whom we do not admit gets no answer,
// but a reset; or is told why, if it is our group's decision.
func (e *Endpoint) serveHello(s network.Stream) {
	h := s.Conn().RemotePeer()
	if !e.beginHello(h) {
		_ = s.Reset()
		return
	}
	defer e.endHello(h)
	_ = s.SetDeadline(time.Now().Add(helloTimeout))
	stop := context.AfterFunc(e.ctx, func() { _ = s.Reset() }) // Close does not wait for a stranger
	defer stop()
	st := &Stream{byteStream: s, m: e.meter(helloService)}
	st.m.opened(true)
	if e.closedGroup() {
		proof := membership.Proof(e.secret, []byte(h), []byte(e.host.ID()))
		if err := st.WriteMsg(&wire.Hello{Proof: proof[:]}); err != nil {
			_ = s.Reset()
			return
		}
	}
	if _, err := e.hearHello(st, h); err != nil {
		e.complain(h, "peer not admitted", err)
		if m := refusal(err); m != nil && st.WriteMsg(m) == nil {
			_ = s.Close()
			return
		}
		_ = s.Reset()
		return
	}
	if err := e.sayHello(st); err != nil {
		_ = s.Reset()
		return
	}
	if e.admission != nil { // the other side may not let us in
		_ = s.CloseWrite()
		var m wire.Hello
		if st.ReadMsg(&m, maxHello) == nil && m.GetRefusal() != 0 {
			_ = e.hearRefusal(h, &m)
		}
	}
	_ = s.Close()
}

// beginHello counts one more hello that is being heard, unless the host keeps us
// busy with too many.
func (e *Endpoint) beginHello(h peer.ID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hellos[h] >= maxHellos {
		return false
	}
	e.hellos[h]++
	return true
}

func (e *Endpoint) endHello(h peer.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hellos[h]--; e.hellos[h] == 0 {
		delete(e.hellos, h)
	}
}

// shun says why a peer is to see nothing of us: it was put out. It may come by itself if it
// was let in again.
func (e *Endpoint) shun(h peer.ID) error {
	key, err := h.ExtractPublicKey()
	if err != nil {
		return nil // which a host of ours would not be
	}
	raw, err := key.Raw()
	if err != nil {
		return nil
	}
	if err := e.Barred(id.PeerOf(id.Net, raw)); errors.Is(err, membership.ErrRevoked) {
		return fmt.Errorf("%w: %w", ErrNotAdmitted, err)
	}
	return nil
}

// hearProof reads what a peer of a closed group says first.
func (e *Endpoint) hearProof(s *Stream, h peer.ID) error {
	var m wire.Hello
	if err := s.ReadMsg(&m, maxHello); err != nil {
		if e.host.Network().Connectedness(h) == network.NotConnected {
			return fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return fmt.Errorf("%w: it does not answer for the group: %w", ErrNotAdmitted, err)
	}
	proof := membership.Proof(e.secret, []byte(e.host.ID()), []byte(h))
	if subtle.ConstantTimeCompare(proof[:], m.GetProof()) == 0 {
		return fmt.Errorf("%w: it does not know the group's secret", ErrNotAdmitted)
	}
	return nil
}

func (e *Endpoint) sayHello(s *Stream) error {
	return s.WriteMsg(&wire.Hello{
		Advertisement: e.Self().Envelope(),
		ExpirationMs:  uint64(adv.DefaultExpiration.Milliseconds()),
	})
}

// hearHello reads the other side's advertisement, and admits it if it proves to
// come from the peer that the connection was authenticated for.
func (e *Endpoint) hearHello(s *Stream, h peer.ID) (*adv.Signed, error) {
	refuse := func(err error) (*adv.Signed, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.count.Refused++
		return nil, fmt.Errorf("%w: %w", ErrNotAdmitted, err)
	}
	var m wire.Hello
	if err := s.ReadMsg(&m, maxHello); err != nil {
		switch {
		case e.host.Network().Connectedness(h) == network.NotConnected:
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err) // it has not said no
		case foreign(err):
			return nil, err // nor has it been asked
		}
		return refuse(err)
	}
	if m.GetRefusal() != 0 {
		return nil, e.hearRefusal(h, &m)
	}
	a, err := adv.Open(m.GetAdvertisement())
	if err != nil {
		return refuse(err)
	}
	doc, ok := a.Advertisement().(*adv.Peer)
	switch {
	case !ok:
		return refuse(errors.New("it shows a document that is not a peer advertisement"))
	case a.Host() != h:
		return refuse(errors.New("it shows the advertisement of another peer"))
	case doc.GID != e.group:
		return refuse(fmt.Errorf("it shows its advertisement in group %v", doc.GID))
	}
	for welcome := false; !welcome; {
		decided := e.recheckCount()
		if e.admission != nil {
			if err := e.admission.Admit(a); err != nil {
				e.expel(h, err) // it may have been one before
				return refuse(&deniedError{err})
			}
		}
		welcome = e.welcome(h, a, decided)
	}
	expiration := time.Duration(min(m.GetExpirationMs(), uint64(adv.MaxExpiration.Milliseconds()))) * time.Millisecond
	e.Learn(a, expiration)
	e.met(a, expiration)
	return a, nil
}
