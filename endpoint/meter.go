package endpoint

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Stats counts what the endpoint has done since it was opened.
type Stats struct {
	Neighbours int    // now
	Admitted   uint64 // peers that were let in, each time they came
	Refused    uint64 // greetings that proved nothing, or the wrong thing
	Expelled   uint64 // neighbours that were put out
	Traffic    []Traffic
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
	slices.SortFunc(st.Traffic, func(a, b Traffic) int { return cmp.Compare(a.Service, b.Service) })
	return st
}
