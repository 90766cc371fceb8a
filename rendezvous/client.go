package rendezvous

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// What one edge may have of its rendezvous. Beyond the rates its frames are read
// later: it is held back, and nobody else notices. Beyond the numbers it is refused,
// or loses its lease.
const (
	askRate, askBurst       = 1, 8             // requests for another lease a second
	entryRate, entryBurst   = 500, 2000        // advertisements a second
	bundleRate, bundleBurst = 2000, 2000       // bundles a second
	frameCost               = 1 << 10          // bytes that a frame costs more than it has
	maxTopics               = 256              // subscribed to
	maxPublishing           = 16               // frames with advertisements that are being passed on
	controlQueue            = 64               // frames, other than bundles, that wait for it
	bundleQueue             = 1024             // bundles that wait for it, and
	bundleQueueBytes        = 4 << 20          // their bytes
	slowWrite               = 30 * time.Second // for one frame to be taken

	// Bytes of frames a second: a little more than a gigabit network carries, so that
	// there it is the network that holds an author back. To check that much takes a
	// quarter of a core, and to hand it out more with each client; a rendezvous that has
	// less to give reads later, which holds the author back as well. The burst is what the queue of a
	// client takes, so that none is lost to one that keeps up.
	byteRate, byteBurst = 128 << 20, bundleQueueBytes
	// Bytes that are replayed a second: at once no more than there can be of all
	// topics. Asking costs next to nothing, so this bounds what one makes of it.
	replayRate, replayBurst = 1 << 20, 16 << 20
)

// client is an edge that has a lease with us.
type client struct {
	srv       *server
	st        *endpoint.Stream
	who       id.Peer
	since     time.Time
	queue     *bundle.Queue
	controls  chan *wire.ToEdge
	room      chan struct{} // a token for each frame that is being passed on
	replaying chan struct{} // has one while a replay waits for the edge to read it
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	volunteer atomic.Bool // it may become a rendezvous
	moved     atomic.Bool // it goes on elsewhere
	left      atomic.Bool // it has said that it leaves

	asks, entries, bundles, bytes, replays *rate.Limiter

	mu      sync.Mutex // guards what follows
	topics  map[string]bool
	granted []id.Peer // what the last grant named
}

func newClient(srv *server, st *endpoint.Stream, ask *wire.Ask) *client {
	c := &client{
		srv: srv, st: st, who: st.Peer(), since: time.Now(),
		queue: bundle.NewQueue(bundleQueue, bundleQueueBytes), controls: make(chan *wire.ToEdge, controlQueue),
		room: make(chan struct{}, maxPublishing), replaying: make(chan struct{}, 1), topics: map[string]bool{},
		asks: rate.NewLimiter(askRate, askBurst), entries: rate.NewLimiter(entryRate, entryBurst), bundles: rate.NewLimiter(bundleRate, bundleBurst),
		bytes: rate.NewLimiter(byteRate, byteBurst), replays: rate.NewLimiter(replayRate, replayBurst),
	}
	c.volunteer.Store(ask.GetVolunteer())
	c.ctx, c.cancel = context.WithCancel(srv.ctx)
	return c
}

// end ends the lease.
func (c *client) end() {
	c.cancel()
	_ = c.st.Reset()
}

// serve serves the lease until it ends.
func (c *client) serve() {
	defer c.srv.dismiss(c)
	defer c.wg.Wait()
	defer c.end()
	stop := context.AfterFunc(c.ctx, func() { _ = c.st.Reset() })
	defer stop()
	defer c.srv.s.ep.Spare(c.who)()
	c.wg.Go(c.write)
	for {
		_ = c.st.SetReadDeadline(time.Now().Add(c.srv.s.limits.Lease + firstFrame))
		var m wire.ToRendezvous
		if err := c.st.ReadMsg(&m, maxFrame); err != nil {
			return
		}
		if !c.take(&m) {
			return
		}
	}
}

// take acts on one frame, and reports whether to go on.
func (c *client) take(m *wire.ToRendezvous) bool {
	if c.bytes.WaitN(c.ctx, min(proto.Size(m)+frameCost, byteBurst)) != nil {
		return false
	}
	switch k := m.GetKind().(type) {
	case *wire.ToRendezvous_Ask:
		if c.asks.Wait(c.ctx) != nil {
			return false
		}
		c.volunteer.Store(k.Ask.GetVolunteer())
		c.mu.Lock()
		c.granted = nil
		c.mu.Unlock()
		c.regrant()
	case *wire.ToRendezvous_Publish:
		n := len(k.Publish.GetEntries())
		if n > entryBurst || c.entries.WaitN(c.ctx, n) != nil {
			return false
		}
		return c.publish(k.Publish)
	case *wire.ToRendezvous_Topics:
		return c.subscribe(k.Topics)
	case *wire.ToRendezvous_Bundle:
		if c.bundles.Wait(c.ctx) != nil {
			return false
		}
		return c.srv.takeBundle(c, k.Bundle)
	case *wire.ToRendezvous_Cancel:
		if k.Cancel.GetMoved() {
			c.moved.Store(true)
		} else {
			c.left.Store(true)
		}
		return false
	}
	return true
}

// publish passes on what the edge publishes, in the background: what it sends next
// does not wait for the replicas.
func (c *client) publish(p *wire.Publish) bool {
	select {
	case c.room <- struct{}{}:
	case <-c.ctx.Done():
		return false
	}
	c.wg.Go(func() {
		defer func() { <-c.room }()
		refused := c.srv.publish(c.ctx, c.who, p.GetEntries())
		c.control(&wire.ToEdge{Kind: &wire.ToEdge_Published{Published: &wire.Published{Number: p.GetNumber(), Refused: refused}}})
	})
	return true
}

func (c *client) subscribe(t *wire.Topics) bool {
	c.mu.Lock()
	for _, name := range t.GetRemove() {
		delete(c.topics, name)
	}
	c.mu.Unlock()
	for _, name := range t.GetAdd() {
		if !c.add(name) {
			return false
		}
	}
	for _, r := range t.GetReplay() {
		if !c.replay(r) {
			return false
		}
	}
	return true
}

// add has the edge receive a topic, and reports whether it may.
func (c *client) add(topic string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(topic) > bundle.MaxTopic || len(c.topics) >= maxTopics && !c.topics[topic] {
		c.srv.s.log.Warn("too many topics, lease ended", "peer", c.who)
		return false
	}
	c.topics[topic] = true
	return true
}

func (c *client) wants(topic string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics[topic]
}

// regrant sends a grant, unless it says what the last one said.
func (c *client) regrant() {
	var named []id.Peer
	for _, h := range c.srv.heirs() {
		named = append(named, h.who)
	}
	named = append(named, c.srv.favourites(c.who, suited)...)
	c.mu.Lock()
	same := c.granted != nil && slices.Equal(named, c.granted)
	c.granted = named
	c.mu.Unlock()
	if !same {
		c.control(&wire.ToEdge{Kind: &wire.ToEdge_Grant{Grant: c.srv.grant(c)}})
	}
}

// control sends a frame that may not be lost. An edge that does not take them loses
// its lease.
func (c *client) control(m *wire.ToEdge) {
	select {
	case c.controls <- m:
	case <-c.ctx.Done():
	default:
		c.srv.s.log.Warn("edge does not read, lease ended", "peer", c.who)
		c.end()
	}
}

// handOver names other rendezvous and ends the lease, when the edge has heard it.
func (c *client) handOver(others []*wire.Entry) {
	c.control(&wire.ToEdge{Kind: &wire.ToEdge_Cancel{Cancel: &wire.Cancel{Rendezvous: others}}})
	select {
	case <-c.ctx.Done(): // it has hung up
	case <-time.After(time.Second):
	}
	c.end()
}

// write writes what waits, control frames first.
func (c *client) write() {
	defer c.queue.Close()
	for {
		select {
		case m := <-c.controls:
			if !c.put(m) {
				return
			}
			continue
		default:
		}
		select {
		case m := <-c.controls:
			if !c.put(m) {
				return
			}
		case <-c.queue.Ready():
			if it, ok := c.queue.TryPop(); ok && !c.putItem(it) {
				return
			}
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *client) put(m *wire.ToEdge) bool {
	_ = c.st.SetWriteDeadline(time.Now().Add(slowWrite))
	return c.wrote(c.st.WriteMsg(m))
}

// putItem writes a bundle, as it was encoded for all, or what is replayed.
func (c *client) putItem(it bundle.Item) bool {
	if it.Packed != nil && it.Number == 0 {
		_ = c.st.SetWriteDeadline(time.Now().Add(slowWrite))
		_, err := c.st.Write(it.Frame())
		return c.wrote(err)
	}
	r := &wire.Replayed{Number: it.Number}
	if it.Packed == nil {
		<-c.replaying
	} else {
		r.Bundle = it.Bundle()
	}
	return c.put(&wire.ToEdge{Kind: &wire.ToEdge_Replayed{Replayed: r}})
}

func (c *client) wrote(err error) bool {
	if err != nil {
		c.end()
	}
	return err == nil
}
