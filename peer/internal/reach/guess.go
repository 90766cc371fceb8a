package reach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/endpoint"
)

// A symmetric NAT shows each place another port, so nobody can say at which one a hole is
// to be punched. It can be guessed. The peer behind it (S) opens many ports, by as many
// sockets that send to the other one (P), whose own port is known; P sends to many ports of
// S's NAT. As with birthdays, one of few is soon hit: with 256 sockets and 1024 packets it
// happens in 98 of 100 cases. Through that socket S connects to P.
//
// Each says itself where it is, and nobody else could. So a member of the net group can have
// another one send guessPackets packets of 20 bytes to an address of its choice, or
// guessSockets of them to one port there, as often as guessLimit lets it.
const (
	guessSockets = 256
	guessPackets = 1024
	guessPace    = 1000 // packets a second
	guessTimeout = 15 * time.Second
	// guessGrace is how long S waits for packets that are under way.
	guessGrace = time.Second
	guessRetry = 100 * time.Millisecond // to dial, if somebody else dials just then
)

// guesser guesses ports, with others who do.
type guesser struct {
	r                      *Reach
	quic                   *guessTransport // nil: the host has another one
	sockets, packets, pace int
	limit                  guessLimit

	mu       sync.Mutex // guards what follows
	closed   bool
	failures map[peer.ID]int // of the punches that are being tried
	wg       sync.WaitGroup
}

func newGuesser(r *Reach) *guesser {
	return &guesser{
		r: r, sockets: guessSockets, packets: guessPackets, pace: guessPace,
		failures: map[peer.ID]int{},
		limit:    guessLimit{every: 30 * time.Second, perMinute: 4, atOnce: 2},
	}
}

// start lets others ask.
func (g *guesser) start() {
	if g != nil && g.quic != nil {
		g.r.host.SetStreamHandler(guessProtocol, g.serve)
	}
}

// close ends what is under way; the context of the reach has ended before.
func (g *guesser) close() {
	if g == nil || g.quic == nil {
		return
	}
	g.r.host.RemoveStreamHandler(guessProtocol)
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}

// punches is how many libp2p tries to punch in a row.
const punches = 3

// trace hears how it goes with punching. When that has failed, it begins to guess, on the
// side that has punched, which is the one that was called through the relay.
func (g *guesser) trace(ev *holepunch.Event) {
	if g == nil || g.quic == nil {
		return
	}
	punch, isPunch := ev.Evt.(*holepunch.EndHolePunchEvt)
	_, isFault := ev.Evt.(*holepunch.ProtocolErrorEvt)
	if !isPunch && !isFault {
		return
	}
	who := ev.Remote
	if !g.count(who, isFault || punch.Success || g.r.direct(who) != nil || !g.called(who)) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		if err := g.try(who); err != nil {
			g.r.log.Debug("no port was guessed", "addr", who, "err", err)
		}
	}()
}

// count counts one more punch that has failed, unless it is all over, and reports whether a
// row of them has.
func (g *guesser) count(who peer.ID, over bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	failures := g.failures[who] + 1
	delete(g.failures, who)
	if over || failures == punches {
		return !over
	}
	for other := range g.failures { // any is as good as another
		if len(g.failures) < maxTimelines {
			break
		}
		delete(g.failures, other)
	}
	g.failures[who] = failures
	return false
}

// called reports whether a peer has connected to us through a relay.
func (g *guesser) called(who peer.ID) bool {
	return slices.ContainsFunc(g.r.host.Network().ConnsToPeer(who), func(c network.Conn) bool {
		return relayed(c) && c.Stat().Direction == network.DirInbound
	})
}

// try asks a peer to guess, and does. It is for when punching has failed.
func (g *guesser) try(who peer.ID) error {
	if g == nil || g.quic == nil {
		return errors.New("no ports are guessed")
	}
	if g.r.direct(who) != nil {
		return nil
	}
	return g.guard(who, func(ctx context.Context) error {
		dial := network.WithNoDial(network.WithAllowLimitedConn(ctx, "guess"), "guess")
		s, err := g.r.host.NewStream(dial, who, guessProtocol)
		if err != nil {
			return fmt.Errorf("the other does not guess: %w", err)
		}
		t := g.newTalk(ctx, who, s)
		defer t.end()
		if err := t.say(&t.ours); err != nil {
			return err
		}
		if err := t.hear(guessHello, &t.theirs); err != nil {
			return err
		}
		symmetric, why := t.role()
		if why != guessOK {
			return errors.New(why.String())
		}
		return t.play(ctx, symmetric)
	})
}

// serve is asked.
func (g *guesser) serve(s network.Stream) {
	who := s.Conn().RemotePeer()
	if !relayed(s.Conn()) || g.r.Way(who) == endpoint.RelayOnly {
		_ = s.Reset()
		return
	}
	err := g.guard(who, func(ctx context.Context) error {
		t := g.newTalk(ctx, who, s)
		defer t.end()
		if err := t.hear(guessHello, &t.theirs); err != nil {
			return err
		}
		symmetric, why := t.role()
		if why != guessOK {
			return errors.Join(errors.New(why.String()), t.say(&guessFrame{Kind: guessRefuse, Reason: why}))
		}
		if err := t.say(&t.ours); err != nil {
			return err
		}
		return t.play(ctx, symmetric)
	})
	if errors.Is(err, errGuessLimit) {
		_ = s.SetDeadline(time.Now().Add(time.Second))
		_ = writeGuessFrame(s, &guessFrame{Kind: guessRefuse, Reason: guessNotNow})
		_ = s.Close()
	}
}

var errGuessLimit = errors.New("enough has been guessed for now, or the peer is not known")

// guard has one attempt be made if there may be one, and notes what becomes of it.
func (g *guesser) guard(who peer.ID, attempt func(context.Context) error) error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errGuessLimit
	}
	g.wg.Add(1)
	g.mu.Unlock()
	defer g.wg.Done()
	ctx, cancel := context.WithTimeout(g.r.ctx, guessTimeout)
	defer cancel()
	if g.r.cfg.Admit != nil && !g.r.cfg.Admit(ctx, who) {
		return errGuessLimit
	}
	leave, ok := g.limit.enter(who, time.Now())
	if !ok {
		return errGuessLimit
	}
	defer leave()
	start := time.Now()
	err := attempt(ctx)
	if err != nil {
		g.note(who, Event{What: "guess failed", Took: time.Since(start), Note: strings.Join(strings.Fields(err.Error()), " ")})
	}
	return err
}

func (g *guesser) note(who peer.ID, e Event) {
	e.At = time.Now()
	g.r.punch.note(who, e)
}

// connect dials a peer through the socket.
func (g *guesser) connect(ctx context.Context, who peer.ID, s *luckySocket) error {
	back := g.quic.lend(who, s)
	at := ma.StringCast(fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", s.at.Addr(), s.at.Port()))
	ctx, cancel := context.WithTimeout(network.WithForceDirectDial(ctx, "guess"), dialTimeout)
	defer cancel()
	for {
		err := g.r.host.Connect(ctx, peer.AddrInfo{ID: who, Addrs: []ma.Multiaddr{at}})
		if err == nil {
			if !back() { // it was there by another way
				_ = s.conn.Close()
			}
			return nil
		}
		if back() {
			return err
		}
		select {
		case <-time.After(guessRetry):
			back = g.quic.lend(who, s)
		case <-ctx.Done():
			_ = s.conn.Close()
			return err
		}
	}
}
