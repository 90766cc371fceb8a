package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// Admission decides who is let into the group. Its methods may be called concurrently,
// and must not wait for other peers.
type Admission interface {
	// Admit decides on a peer that has proved to be the signer of its advertisement. The
	// error is told to the peer, as [membership.Code] numbers it, with what its method
	// Evidence() []byte returns, if it has one.
	Admit(a *adv.Signed) error
	// Barred says why a peer of the group may not publish, bind or propagate; nil if it
	// may, or is not known.
	Barred(who id.Peer) error
}

// Barred says why a peer, which may be this one, may not publish, bind or propagate in
// the group: [membership.ErrGuest] or [membership.ErrRevoked]; nil if it may, as far as
// is known here.
func (e *Endpoint) Barred(who id.Peer) error {
	if e.admission == nil {
		return nil
	}
	return e.admission.Barred(who)
}

// evidence is an error of [Admission] that can be proved.
type evidence interface{ Evidence() []byte }

// refusal is what a peer is told that is not let in, nil if it is told nothing.
func refusal(err error) *wire.Hello {
	var denied *deniedError
	if !errors.As(err, &denied) {
		return nil
	}
	m := &wire.Hello{Refusal: membership.Code(denied.err)}
	var proof evidence
	if errors.As(denied.err, &proof) {
		m.Evidence = proof.Evidence()
	}
	return m
}

// deniedError is a decision of [Admission].
type deniedError struct{ err error }

func (e *deniedError) Error() string { return e.err.Error() }
func (e *deniedError) Unwrap() error { return e.err }

// Recheck has [Admission] decide on every neighbour anew: because a credential has
// expired, say, or somebody was put out. Those that are not let in any more lose all
// their streams at once.
func (e *Endpoint) Recheck() {
	if e.admission == nil {
		return
	}
	e.mu.Lock()
	e.rechecks++ // who is being decided on is decided on once more
	all := make(map[peer.ID]*adv.Signed, len(e.neighbours))
	for h, a := range e.neighbours {
		all[h] = a
	}
	e.mu.Unlock()
	for h, a := range all {
		if err := e.admission.Admit(a); err != nil {
			e.expel(h, err)
		}
	}
}

// expel puts a neighbour out, and ends all that there is with it.
func (e *Endpoint) expel(h peer.ID, why error) {
	e.mu.Lock()
	a := e.neighbours[h]
	if a == nil {
		e.mu.Unlock()
		return
	}
	e.count.Expelled++
	e.forgetLocked(h)
	var streams []interface{ Reset() error }
	for s := range e.streams {
		if s.peer == a.Signer() {
			streams = append(streams, s)
		}
	}
	gates := make([]*Gate, 0, len(e.gates))
	for g := range e.gates {
		gates = append(gates, g)
	}
	e.mu.Unlock()
	for _, g := range gates {
		streams = append(streams, g.of(h)...)
	}
	for _, s := range streams {
		_ = s.Reset()
	}
	e.spawn(func() { e.expelled(a.Signer()) })
	e.spawn(func() { e.tell(h, &deniedError{why}) })
	e.log.Info("peer put out", "peer", a.Signer(), "addr", h, "streams", len(streams), "reason", why)
}

// tell tells a peer that it is not let in any more, and why: it would go on believing that
// it is.
func (e *Endpoint) tell(h peer.ID, why error) {
	ctx, cancel := context.WithTimeout(e.ctx, byeTimeout)
	defer cancel()
	s, err := e.openAt(network.WithNoDial(ctx, "admitted"), h, helloService)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	st := &Stream{byteStream: s}
	if e.closedGroup() {
		err = e.hearProof(st, h)
	}
	if err == nil {
		_ = st.WriteMsg(refusal(why))
	}
	_ = s.Close()
}

// complainEvery is how often the log says the same of one peer: it may come again and again.
const (
	complainEvery = time.Minute
	maxComplained = 1024
)

// complain logs what is wrong with a peer, unless there was the same lately. It is no
// warning: that others are refused is what a group is for, and any stranger can cause it.
func (e *Endpoint) complain(h peer.ID, what string, err error) {
	now := time.Now()
	key := complaint{h, what + err.Error()}
	e.mu.Lock()
	last, had := e.complained[key]
	say := !had || now.Sub(last) >= complainEvery
	if say {
		if len(e.complained) >= maxComplained {
			clear(e.complained)
		}
		e.complained[key] = now
	}
	e.mu.Unlock()
	level := slog.LevelDebug
	if say {
		level = slog.LevelInfo
	}
	e.log.Log(e.ctx, level, what, "addr", h, "err", err)
}

// complaint is what was wrong with a peer.
type complaint struct {
	host peer.ID
	what string
}

// hearRefusal is the error of a peer that does not let us in.
func (e *Endpoint) hearRefusal(h peer.ID, m *wire.Hello) error {
	e.forget(h)
	why := membership.FromCode(m.GetRefusal())
	e.refused(h, why, m.GetEvidence())
	return fmt.Errorf("%w: it says that %w", ErrNotAdmitted, why)
}
