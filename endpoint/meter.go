package endpoint

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/juxta-p2p/juxta/id"
)

// Stats counts what the endpoint has done since it was opened.
type Stats struct {
	Neighbours int    // now
	Admitted   uint64 // peers that were let in, each time they came
	Refused    uint64 // greetings that proved nothing, or the wrong thing
	Expelled   uint64 // neighbours that were put out
	Traffic    []Traffic
	Relayed    []Relayed
}

// Relayed is what relays have carried between this peer and another, in this group.
type Relayed struct {
	Peer     id.Peer
	Streams  uint64
	BytesIn  uint64
	BytesOut uint64
}

// maxRelayed is of how many peers that is counted; the one with least goes first.
const maxRelayed = 4096

// carriedLocked returns the meter of a peer that is reached through a relay.
func (e *Endpoint) carriedLocked(who id.Peer) *meter {
	m := e.carried[who]
	if m != nil {
		return m
	}
	if len(e.carried) >= maxRelayed {
		var least id.Peer
		for p, m := range e.carried {
			if l := e.carried[least]; l == nil || m.bytes() < l.bytes() {
				least = p
			}
		}
		delete(e.carried, least)
	}
	m = new(meter)
	e.carried[who] = m
	return m
}

// Traffic is what one service of the group has carried, ordered by its name. Bytes are
// those of the service, without what libp2p and encryption add.
type Traffic struct {
	Service    string
	StreamsIn  uint64 // opened by others
	StreamsOut uint64 // opened by this peer
	BytesIn    uint64
	BytesOut   uint64
}

// counts are those that the endpoint's lock guards.
type counts struct{ Admitted, Refused, Expelled uint64 }

// meter counts what a service carries.
type meter struct {
	streamsIn, streamsOut, bytesIn, bytesOut atomic.Uint64
}

func (m *meter) bytes() uint64 { return m.bytesIn.Load() + m.bytesOut.Load() }

func (m *meter) opened(inbound bool) {
	if inbound {
		m.streamsIn.Add(1)
	} else {
		m.streamsOut.Add(1)
	}
}

// meterLocked returns that of a service.
func (e *Endpoint) meterLocked(service string) *meter {
	m := e.meters[service]
	if m == nil {
		m = new(meter)
		e.meters[service] = m
	}
	return m
}

func (e *Endpoint) meter(service string) *meter {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.meterLocked(service)
}

// Stats returns the counts as they are now.
func (e *Endpoint) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := Stats{
		Neighbours: len(e.neighbours), Admitted: e.count.Admitted, Refused: e.count.Refused, Expelled: e.count.Expelled,
	}
	for service, m := range e.meters {
		st.Traffic = append(st.Traffic, Traffic{
			service, m.streamsIn.Load(), m.streamsOut.Load(), m.bytesIn.Load(), m.bytesOut.Load(),
		})
	}
	for who, m := range e.carried {
		st.Relayed = append(st.Relayed, Relayed{who, m.streamsIn.Load() + m.streamsOut.Load(), m.bytesIn.Load(), m.bytesOut.Load()})
	}
	slices.SortFunc(st.Relayed, func(a, b Relayed) int { return id.Compare(a.Peer, b.Peer) })
	slices.SortFunc(st.Traffic, func(a, b Traffic) int { return cmp.Compare(a.Service, b.Service) })
	return st
}
