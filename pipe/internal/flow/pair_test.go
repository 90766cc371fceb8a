package flow

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// text is a message.
type text []byte

func (m text) EncodedSize() int                      { return len(m) }
func (m text) AppendBinary(b []byte) ([]byte, error) { return append(b, m...), nil }

// Buffers returns it in two pieces, and nothing between them.
func (m text) Buffers() ([][]byte, error) {
	return [][]byte{m[:len(m)/3], nil, m[len(m)/3:]}, nil
}

// taker reads frames from a Receiver, and takes them.
type taker struct {
	r      *Receiver
	rand   *rand.Rand // not nil: in parts of any size, with pauses, and deadlines that pass
	unread []byte
	pos    uint64
	block  [64 << 10]byte
}

// next returns the next frame.
func (t *taker) next() (Header, []byte, error) {
	for {
		h, size, err := ParseHeader(t.unread)
		if err != nil {
			return h, nil, err
		}
		n := size
		if h.Kind != Sign {
			n += h.Len
		}
		if size > 0 && len(t.unread) >= n {
			body := t.unread[size:n]
			t.unread = t.unread[n:]
			t.pos += uint64(n)
			t.r.Take(t.pos, h.Kind == Urgent)
			return h, body, nil
		}
		if err := t.fill(); err != nil {
			return h, nil, err
		}
	}
}

func (t *taker) fill() error {
	p := t.block[:]
	if t.rand != nil {
		p = p[:1+t.rand.IntN([]int{100, 5000, len(p), len(p)}[t.rand.IntN(4)])]
		if t.rand.IntN(100) == 0 {
			<-time.After(upTo(t.rand, 200*time.Millisecond))
		}
		if t.rand.IntN(50) == 0 {
			t.r.SetDeadline(time.Now().Add(upTo(t.rand, 100*time.Millisecond) - 20*time.Millisecond))
		}
	}
	n, err := t.r.Read(p)
	t.unread = append(t.unread, p[:n]...)
	if errors.Is(err, os.ErrDeadlineExceeded) && t.rand != nil {
		t.r.SetDeadline(time.Time{})
		return nil
	}
	return err
}

// message returns the next message, and whether it is the end.
func (t *taker) message() (m []byte, end bool, err error) {
	for {
		h, body, err := t.next()
		switch {
		case err != nil:
			return nil, false, err
		case h == Header{Sign, End}:
			return nil, true, nil
		case h == Header{Sign, Abort}:
			m = m[:0]
		default:
			if m = append(m, body...); h.Kind != More {
				return m, false, nil
			}
		}
	}
}

// pair is a Sender and its Receiver, and somebody who attaches them to one line after
// another.
type pair struct {
	s       *Sender
	r       *Receiver
	latency time.Duration
	window  int

	losses chan struct{}
	turn   chan struct{}
	cancel context.CancelFunc
	wg     sync.WaitGroup
	line   *stream // guarded by turn
}

func newSession(latency time.Duration, window int) *pair {
	p := &pair{latency: latency, window: window, losses: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	p.s, p.r = NewSender(0, p.lost), NewReceiver(0, p.lost)
	return p
}

// attached returns a session on a line of 10 ms.
func attached(t *testing.T) (*Sender, *Receiver, *pair) {
	t.Helper()
	p := newSession(10*time.Millisecond, 256<<10)
	p.attach(true)
	t.Cleanup(p.detach)
	return p.s, p.r, p
}

func (p *pair) lost() {
	select {
	case p.losses <- struct{}{}:
	default:
	}
}

// attach leads both over to a new line.
func (p *pair) attach(receiverFirst bool) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	p.attachInTurn(receiverFirst)
}

func (p *pair) attachInTurn(receiverFirst bool) {
	at := p.r.Detach()
	a, b := newPair(p.latency, p.window)
	p.line = a
	if receiverFirst {
		p.r.Attach(b)
	}
	_ = p.s.Attach(a, at)
	if !receiverFirst {
		p.r.Attach(b)
	}
}

func (p *pair) detach() {
	p.s.Detach()
	p.r.Detach()
}

// start has somebody attach them again whenever they have lost their line, after a
// while; and somebody who sees to it that they do.
func (p *pair) start(seed uint64, trouble time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.wg.Go(func() { p.repair(ctx, rand.New(rand.NewPCG(seed, 1))) })
	p.wg.Go(func() { p.disturb(ctx, rand.New(rand.NewPCG(seed, 2)), trouble) })
}

func (p *pair) stop() {
	p.cancel()
	p.wg.Wait()
	p.detach()
}

func (p *pair) repair(ctx context.Context, r *rand.Rand) {
	for ctx.Err() == nil {
		select {
		case <-p.losses:
		case <-ctx.Done():
			return
		}
		<-time.After(upTo(r, 50*time.Millisecond))
		p.turn <- struct{}{}
		if !p.s.Attached() || !p.r.Attached() {
			p.attachInTurn(r.IntN(2) == 0)
		}
		<-p.turn
	}
}

func (p *pair) disturb(ctx context.Context, r *rand.Rand, trouble time.Duration) {
	for {
		select {
		case <-time.After(upTo(r, trouble)):
		case <-ctx.Done():
			return
		}
		p.turn <- struct{}{}
		switch line := p.line; r.IntN(6) {
		case 0, 1:
			line.cut()
		case 2: // to another line, and nothing was wrong
			p.attachInTurn(r.IntN(2) == 0)
		case 3: // one that is cut at once
			p.attachInTurn(r.IntN(2) == 0)
			p.line.cut()
		case 4: // twice in a row
			p.attachInTurn(true)
			p.attachInTurn(false)
		case 5: // one side leaves
			p.s.Detach()
			p.lost()
		}
		<-p.turn
	}
}

// upTo returns a time shorter than d.
func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
