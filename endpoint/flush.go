package endpoint

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// flushTimeout bounds how long Close waits for what was written to arrive.
const flushTimeout = 2 * time.Second

// flush waits until the peers that pipes led to have received what was written to
// them. When a process ends right after its last write, the other side may still
// send it a window update; the kernel answers that with a reset, which throws away
// what the other side has not yet read from its socket. A muxer reads a connection
// in order, so an answer to a ping means that it has read all that came before.
func (e *Endpoint) flush() {
	e.mu.Lock()
	var hosts []peer.ID
	for h := range e.held {
		hosts = append(hosts, h)
	}
	clear(e.held)
	e.mu.Unlock()
	var pinging sync.WaitGroup
	for _, h := range hosts {
		pinging.Go(func() { _, _ = e.ping(e.ctx, h, flushTimeout) })
	}
	pinging.Wait()
}
