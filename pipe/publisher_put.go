package pipe

import (
	"context"
	"encoding/binary"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/message"
)

// draft is a pack in the making.
type draft struct {
	number uint64
	body   []byte
	count  int
	part   *part
	ask    bool
}

// part is where the body belongs in a long message.
type part struct{ offset, size int }

func (d *draft) empty() bool { return len(d.body) == 0 }

// send takes a copy of a message. It waits while subscribers hold the author back, or
// the network does; the context bounds that.
func (p *publisher) send(ctx context.Context, m *message.Message) error {
	_, err := p.put(ctx, m, false)
	return err
}

// put takes a message, and returns the number of the pack that it ends in.
func (p *publisher) put(ctx context.Context, m *message.Message, ask bool) (uint64, error) {
	n := m.EncodedSize()
	if n+binary.MaxVarintLen32 > maxBody {
		return p.putLong(ctx, m, ask)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.waitLocked(ctx, n, false); err != nil {
		return 0, err
	}
	if len(p.open.body)+n+binary.MaxVarintLen32 > maxBody {
		p.closeDraftLocked()
	}
	before := len(p.open.body)
	if p.open.body == nil {
		p.open.body = make([]byte, 0, n+binary.MaxVarintLen32)
	}
	b, err := m.AppendBinary(binary.AppendUvarint(p.open.body, uint64(n)))
	if err != nil {
		return 0, err // the draft is as it was
	}
	p.open.body = b
	p.open.count++
	p.open.ask = p.open.ask || ask
	p.addedLocked(len(b) - before)
	return p.open.number, nil
}

// putLong takes a message that is longer than a pack, part by part; meanwhile no other
// message may come between.
func (p *publisher) putLong(ctx context.Context, m *message.Message, ask bool) (uint64, error) {
	encoded, err := m.AppendBinary(nil)
	if err != nil {
		return 0, err
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		<-p.turn
		p.changedLocked()
	}()
	for offset := 0; ; {
		end := min(offset+maxBody, len(encoded))
		if err := p.waitLocked(ctx, end-offset, true); err != nil {
			return 0, err // what is on its way is void: no message ends there
		}
		p.closeDraftLocked()
		last := end == len(encoded)
		p.open.part = &part{offset, len(encoded)}
		p.open.body = encoded[offset:end:end]
		if last {
			p.open.count, p.open.ask = 1, ask
		}
		number := p.open.number
		p.closeDraftLocked()
		p.addedLocked(end - offset)
		if offset = end; last {
			return number, nil
		}
	}
}

func (p *publisher) addedLocked(n int) {
	p.audience.Send(n)
	p.unsent += n
	p.beats.due = time.Time{}
	poke(p.wake)
}

// closeDraftLocked ends the pack that takes messages, and begins the next.
func (p *publisher) closeDraftLocked() {
	if p.open.empty() {
		return
	}
	p.full = append(p.full, p.open)
	p.open = draft{number: p.open.number + 1}
}

// waitLocked waits until n bytes may be added, by whoever has the turn or by any other
// if nobody has it. It gives up the lock meanwhile.
func (p *publisher) waitLocked(ctx context.Context, n int, turn bool) error {
	for {
		held := false
		switch {
		case p.closed:
			return net.ErrClosed
		case p.err != nil:
			return p.err
		case !turn && len(p.turn) > 0:
		case p.unsent > 0 && p.unsent+n > maxUnsent:
		case p.contract == BestEffort || p.audience.Room(time.Now()) >= n:
			return nil
		default:
			held = true
		}
		if err := p.pauseLocked(ctx, held); err != nil {
			return err
		}
	}
}

// pauseLocked waits for a change; held says that it is subscribers who hold us back.
func (p *publisher) pauseLocked(ctx context.Context, held bool) error {
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	changed := p.changed
	if held {
		p.waiting++
		if p.audience.Wait(true, time.Now()) {
			poke(p.stir)
		}
	}
	p.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	p.mu.Lock()
	if held {
		p.waiting--
		p.audience.Wait(p.waiting > 0, time.Now())
	}
	return ctx.Err()
}

// changedLocked wakes those who wait for a change.
func (p *publisher) changedLocked() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}
