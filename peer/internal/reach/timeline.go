package reach

import (
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
)

// Trace implements [holepunch.EventTracer].
func (p *puncher) Trace(ev *holepunch.Event) {
	p.r.guess.trace(ev)
	e := Event{At: time.Unix(0, ev.Timestamp)}
	there := p.r.direct(ev.Remote) != nil
	switch x := ev.Evt.(type) {
	case *holepunch.DirectDialEvt:
		e.What, e.Took, e.Note = "dialled", x.EllapsedTime, firstLine(x.Error)
		if !x.Success {
			e.What = "dial failed"
		}
	case *holepunch.StartHolePunchEvt:
		e.What, e.Took, e.Note = "punch", x.RTT, strings.Join(x.RemoteAddrs, " ")
	case *holepunch.EndHolePunchEvt:
		e.What, e.Took, e.Note = "punched", x.EllapsedTime, firstLine(x.Error)
		switch {
		case !x.Success && there:
			e.Note = "from the other side"
		case !x.Success:
			e.What = "punch failed"
		}
	case *holepunch.ProtocolErrorEvt:
		if there {
			return // there is nothing left to do
		}
		e.What, e.Note = "error", firstLine(x.Error)
	default: // the number of an attempt
		return
	}
	p.note(ev.Remote, e)
}

// note adds to a peer's timeline.
func (p *puncher) note(who peer.ID, e Event) {
	p.r.log.Debug("on the way to a direct connection", "addr", who, "what", e.What, "took", e.Took, "note", e.Note)
	p.mu.Lock()
	defer p.mu.Unlock()
	line := append(p.timelines[who], e)
	if len(line) > maxTimeline {
		line = line[1:]
	}
	p.timelines[who] = line
	p.recent = append(slices.DeleteFunc(p.recent, func(other peer.ID) bool { return other == who }), who)
	if len(p.recent) > maxTimelines {
		delete(p.timelines, p.recent[0])
		p.recent = p.recent[1:]
	}
}

// Timeline returns what was tried to go on directly to a peer, the latest last.
func (r *Reach) Timeline(who peer.ID) []Event {
	r.punch.mu.Lock()
	defer r.punch.mu.Unlock()
	return slices.Clone(r.punch.timelines[who])
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}
