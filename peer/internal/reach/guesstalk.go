package reach

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// talk is one conversation.
type talk struct {
	g      *guesser
	who    peer.ID
	s      network.Stream
	frames chan *guessFrame // that have come; closed at the end
	ours   guessFrame       // hellos
	theirs guessFrame
	port   uint16 // of ours, the local number
}

func (g *guesser) newTalk(ctx context.Context, who peer.ID, s network.Stream) *talk {
	t := &talk{g: g, who: who, s: s, frames: make(chan *guessFrame, 4)}
	deadline, _ := ctx.Deadline()
	_ = s.SetDeadline(deadline)
	udp, _ := g.r.NATs()
	t.ours = guessFrame{Kind: guessHello, NAT: udp}
	t.ours.At, t.port = g.r.seenOverUDP()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	go func() {
		defer close(t.frames)
		defer stop() // before the last: a reset would overtake what was said
		for {
			f, err := readGuessFrame(s)
			if err != nil {
				return
			}
			select {
			case t.frames <- f:
			case <-ctx.Done():
				return
			}
		}
	}()
	return t
}

// end is for when all has been said. Nobody reads from the stream afterwards.
func (t *talk) end() {
	_ = t.s.Close()
	for range t.frames {
	}
}

func (t *talk) say(f *guessFrame) error { return writeGuessFrame(t.s, f) }

// hear waits for a frame of that kind.
func (t *talk) hear(k guessKind, into *guessFrame) error {
	f, ok := <-t.frames
	switch {
	case !ok:
		return errors.New("the other has gone")
	case f.Kind == guessRefuse:
		return errors.New(f.Reason.String())
	case f.Kind != k:
		_ = t.s.Reset()
		return fmt.Errorf("%w here: %d", errGuessFrame, f.Kind)
	}
	*into = *f
	return nil
}

func (t *talk) role() (symmetric bool, why guessReason) {
	a, b := t.ours.At, t.theirs.At
	switch {
	case !a.IsValid() || !isPublicIP(a.Addr()) || !isPublicIP(b.Addr()) || b.Port() == 0:
		return false, guessUnseen
	case a.Addr() == b.Addr():
		return false, guessSameNAT
	}
	return guessRole(t.ours.NAT, t.theirs.NAT)
}

func (t *talk) play(ctx context.Context, symmetric bool) error {
	if symmetric {
		return t.playSymmetric(ctx)
	}
	return t.playCone(ctx)
}

// playCone is for the one whose port is known: it sends to many of the other's.
func (t *talk) playCone(ctx context.Context) error {
	g, start := t.g, time.Now()
	write, done, err := g.quic.writer(t.theirs.At.Addr(), t.port)
	if err != nil {
		return errors.Join(err, t.say(&guessFrame{Kind: guessRefuse, Reason: guessFault}))
	}
	defer done()
	var opened guessFrame
	if err := t.hear(guessOpened, &opened); err != nil {
		return err
	}
	g.note(t.who, Event{What: "guess", Note: fmt.Sprintf("%d packets to %s, where %d sockets wait", g.packets, t.theirs.At.Addr(), opened.Count)})
	spraying, stop := context.WithCancel(ctx)
	defer stop()
	heard := make(chan *guessFrame, 1) // what ends it
	go func() {
		f := <-t.frames
		if f != nil && f.Kind == guessHit {
			stop()
			f = <-t.frames
		}
		stop()
		heard <- f
	}()
	sent := spray(spraying, write, t.theirs.At.Addr(), opened.Token, g.packets, g.pace)
	if err := t.say(&guessFrame{Kind: guessSent, Count: sent}); err != nil {
		stop()
	}
	f := <-heard
	counts := fmt.Sprintf("%d packets sent, %d sockets there", sent, opened.Count)
	if f == nil || f.Kind != guessEnd || f.Reason != guessOK {
		return fmt.Errorf("no direct connection: %s", counts)
	}
	g.note(t.who, Event{What: "guessed", Took: time.Since(start), Note: counts})
	return nil
}

// playSymmetric is for the one behind the symmetric NAT: it opens many ports, and connects
// through the one that is hit.
func (t *talk) playSymmetric(ctx context.Context) error {
	g, start := t.g, time.Now()
	var token guessToken
	_, _ = rand.Read(token[:])
	o, err := open(t.theirs.At, token, g.sockets)
	if err != nil {
		return errors.Join(err, t.say(&guessFrame{Kind: guessRefuse, Reason: guessFault}))
	}
	defer o.close(nil)
	g.note(t.who, Event{What: "guess", Note: fmt.Sprintf("%d sockets wait for packets from %s", len(o.conns), t.theirs.At)})
	if err := t.say(&guessFrame{Kind: guessOpened, Count: len(o.conns), Token: token}); err != nil {
		return err
	}
	lucky, sent, err := t.awaitHit(ctx, o)
	took := time.Since(start)
	counts := func() string { return fmt.Sprintf("%d packets sent there, %d sockets", sent, len(o.conns)) }
	if err != nil {
		return fmt.Errorf("%w: %s", err, counts())
	}
	if lucky == nil {
		_ = t.say(&guessFrame{Kind: guessEnd, Reason: guessNoDirect})
		return fmt.Errorf("no port was hit: %s", counts())
	}
	_ = t.say(&guessFrame{Kind: guessHit})
	o.close(lucky)
	err = g.connect(ctx, t.who, &luckySocket{lucky, t.theirs.At})
	if err != nil {
		_ = t.say(&guessFrame{Kind: guessEnd, Reason: guessNoDirect})
		return fmt.Errorf("connect through the port that was hit: %w", err)
	}
	_ = t.say(&guessFrame{Kind: guessEnd})
	if sent == 0 {
		if f := <-t.frames; f != nil && f.Kind == guessSent {
			sent = f.Count
		}
	}
	g.note(t.who, Event{What: "guessed", Took: time.Since(start), Note: fmt.Sprintf("hit after %v: %s", took.Round(time.Millisecond), counts())})
	return nil
}

// awaitHit waits until a socket has heard the token, or all packets have been sent for
// nothing. How many there were is known in the second case only.
func (t *talk) awaitHit(ctx context.Context, o *openings) (lucky *net.UDPConn, sent int, err error) {
	frames := t.frames
	var over <-chan time.Time
	for {
		select {
		case lucky = <-o.hit:
			return lucky, sent, nil
		case f, ok := <-frames:
			if !ok || f.Kind != guessSent {
				return nil, 0, errors.New("the other has given up")
			}
			sent, frames = f.Count, nil
			over = time.After(guessGrace)
		case <-over:
			return nil, sent, nil
		case <-ctx.Done():
			return nil, sent, ctx.Err()
		}
	}
}

// seenOverUDP is where others see us come from over UDP and IPv4, and which port of ours that
// is: the latest of those by peers who agree with another on the address, as what is said
// there is sent packets.
func (r *Reach) seenOverUDP() (at netip.AddrPort, port uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := map[netip.Addr]peer.ID{}
	agreed := map[netip.Addr]bool{}
	for _, o := range r.seen {
		seen, ok := endpointOf(o.Seen)
		if !ok || transportOf(o.Seen) != "udp" || !seen.Addr().Is4() {
			continue
		}
		if by, had := first[seen.Addr()]; had && by != o.By {
			agreed[seen.Addr()] = true
		}
		first[seen.Addr()] = o.By
	}
	for _, o := range r.seen {
		seen, ok := endpointOf(o.Seen)
		if local, _ := endpointOf(o.Local); ok && transportOf(o.Seen) == "udp" && agreed[seen.Addr()] {
			at, port = seen, local.Port()
		}
	}
	return at, port
}
