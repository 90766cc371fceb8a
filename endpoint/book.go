package endpoint

import (
	"cmp"
	"container/list"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// maxBook is how many peers' hosts an endpoint remembers. The one that was not
// looked up or learned for longest is forgotten first.
const maxBook = 16384

// book maps peer IDs to the hosts that bear them. The ID is derived from the
// host's key, so entries do not go stale; the addresses are in the host's own
// address book.
type book struct {
	entries map[id.Peer]*list.Element // of bookEntry
	recent  *list.List                // most recently used in front
}

type bookEntry struct {
	id   id.Peer
	host peer.ID
	seq  uint64 // of the advertisement that its addresses are from
}

func newBook() *book { return &book{map[id.Peer]*list.Element{}, list.New()} }

// put reports how the advertisement of this sequence compares with the one that is
// remembered: positive if it is newer; 0 also if there was none, so that the address
// by which we came to know a peer is kept.
func (b *book) put(v id.Peer, h peer.ID, seq uint64) int {
	if el, ok := b.entries[v]; ok {
		old := el.Value.(bookEntry).seq
		el.Value = bookEntry{v, h, max(seq, old)}
		b.recent.MoveToFront(el)
		return cmp.Compare(seq, old)
	}
	b.entries[v] = b.recent.PushFront(bookEntry{v, h, seq})
	if b.recent.Len() > maxBook {
		last := b.recent.Back()
		delete(b.entries, last.Value.(bookEntry).id)
		b.recent.Remove(last)
	}
	return 0
}

func (b *book) get(v id.Peer) (bookEntry, bool) {
	el, ok := b.entries[v]
	if !ok {
		return bookEntry{}, false
	}
	b.recent.MoveToFront(el)
	return el.Value.(bookEntry), true
}

// Learn remembers the host and the addresses of a peer from its advertisement, as a
// peer or as a rendezvous, so that [Endpoint.Open] can reach it: those of a newer
// one replace what was known, and are tried at once, even beside an attempt that is
// under way; and if it is a neighbour that has not told us, whether it is still there.
// Passed over are advertisements of other kinds, older ones, and our own.
func (e *Endpoint) Learn(a *adv.Signed, expiration time.Duration) {
	var route adv.Route
	switch doc := a.Advertisement().(type) {
	case *adv.Peer:
		route = doc.Route
	case *adv.Rdv:
		route = doc.Route
	}
	if route.Host == "" || route.Host == e.host.ID() {
		return
	}
	var addrs []ma.Multiaddr
	for _, s := range route.Addrs {
		if m, err := ma.NewMultiaddr(s); err == nil {
			addrs = append(addrs, m)
		}
	}
	seq := a.Seq()
	e.mu.Lock()
	newer := e.book.put(a.Signer(), route.Host, seq)
	e.mu.Unlock()
	if newer < 0 {
		return
	}
	if newer > 0 {
		e.host.Peerstore().ClearAddrs(route.Host)
		e.flight.Forget(string(route.Host))
		_, peers := a.Advertisement().(*adv.Peer)
		if n := e.neighbour(route.Host); peers && n != nil && n.Seq() < seq {
			e.spawn(func() { e.verify(route.Host, a.Signer()) })
		}
	}
	e.host.Peerstore().AddAddrs(route.Host, addrs, expiration)
}

// Known reports whether a peer was met or learned of, and by which version of its
// advertisement: [Endpoint.Open] would go where that one says.
func (e *Endpoint) Known(v id.Peer) (seq uint64, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b, ok := e.book.get(v); ok {
		return b.seq, true
	}
	_, known = e.near[v]
	return 0, known
}

func (e *Endpoint) lookup(v id.Peer) (peer.ID, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lookupLocked(v)
}

// find is lookup with the reason why there is nothing to be found.
func (e *Endpoint) find(v id.Peer) (peer.ID, error) {
	h, ok := e.lookup(v)
	switch {
	case e.ctx.Err() != nil:
		return "", net.ErrClosed
	case !ok:
		return "", ErrUnknownPeer
	}
	return h, nil
}

func (e *Endpoint) lookupLocked(v id.Peer) (peer.ID, bool) {
	if h, ok := e.near[v]; ok {
		return h, true
	}
	b, ok := e.book.get(v)
	return b.host, ok
}

// Online reports whether the host is connected to anybody, in this group or not.
func (e *Endpoint) Online() bool { return len(e.host.Network().Peers()) > 0 }

// HostID returns our libp2p ID.
func (e *Endpoint) HostID() peer.ID { return e.host.ID() }
