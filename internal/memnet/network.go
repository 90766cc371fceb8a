package memnet

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// DefaultWindow is what a zero Link.Window means, in bytes.
const DefaultWindow = 256 << 10

// Link is what lies between two addresses, in one direction. The zero value is
// instant and has no limit but DefaultWindow.
type Link struct {
	// Latency is the time from one end to the other.
	Latency time.Duration

	// Bandwidth is how many bytes a second one connection gets; 0 = any number.
	Bandwidth int64

	// Window is how many bytes a connection may have written and not yet read
	// at the far end; 0 = DefaultWindow. A write beyond waits.
	Window int
}

// Everywhere is a Config.Link that is the same between any two addresses.
func (l Link) Everywhere(_, _ netip.Addr) Link { return l }

// sending is the time that n bytes keep the line busy.
func (l Link) sending(n int) time.Duration {
	if l.Bandwidth <= 0 {
		return 0
	}
	return time.Duration(float64(n) / float64(l.Bandwidth) * float64(time.Second))
}

// Config describes a network. Both functions may be called by many goroutines
// at once, must not wait, and may change their mind at any time.
type Config struct {
	// Link gives what lies between two addresses. It is asked for each write,
	// so links may change under open connections; bytes never overtake one
	// another. Nil = the zero Link everywhere.
	Link func(from, to netip.Addr) Link

	// Allow tells whether an attempt to connect gets through: a firewall or a
	// NAT. It is asked as each attempt leaves, and sees those that fail too, so
	// it can keep track of who called whom. What it refuses is lost in silence
	// and tried again, as TCP does. Nil = always.
	Allow func(from, to netip.AddrPort) bool
}

// Network is an internet in memory. Its methods may be called by any number of
// goroutines at once. Make it with New, in the bubble that uses it if in any.
type Network struct {
	config Config
	bytes  atomic.Uint64
	done   chan struct{} // closed by Close

	mu        sync.Mutex // guards what follows; a flow's mutex may be taken under it
	closed    bool
	lastPort  uint16 // the ephemeral port last given out
	listeners map[netip.AddrPort]*listener
	conns     map[netip.Addr]map[*conn]struct{} // open ends, by local address
	blocked   map[pair]bool
	buried    map[netip.Addr]bool
	sides     map[netip.Addr]int // of the partition; what is not in it is on side 0
}

// Stats are the counters of a network.
type Stats struct {
	Conns      int    // ends of connections that are open now
	Listeners  int    // open now
	BytesTotal uint64 // taken from writers since the start
}

// New makes a network. A nil config is the zero Config: instant, nothing barred.
func New(config *Config) *Network {
	if config == nil {
		config = &Config{}
	}
	return &Network{
		config:    *config,
		done:      make(chan struct{}),
		listeners: make(map[netip.AddrPort]*listener),
		conns:     make(map[netip.Addr]map[*conn]struct{}),
		blocked:   make(map[pair]bool),
		buried:    make(map[netip.Addr]bool),
	}
}

// Listen accepts connections at an address, on a port of the network's choice if
// that is 0. Every address exists. The listener gives *net.TCPAddr addresses.
// Errors are *net.OpError around syscall.EADDRINUSE or net.ErrClosed.
func (n *Network) Listen(at netip.AddrPort) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at = n.portLocked(at)
	var err error
	switch {
	case n.closed:
		err = net.ErrClosed
	case n.listeners[at] != nil:
		err = syscall.EADDRINUSE
	default:
		l := &listener{net: n, at: at, backlog: make(chan *conn, backlog), done: make(chan struct{})}
		n.listeners[at] = l
		return l, nil
	}
	return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: err}
}

// Stats gives the counters of this moment.
func (n *Network) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := Stats{Listeners: len(n.listeners), BytesTotal: n.bytes.Load()}
	for _, conns := range n.conns {
		s.Conns += len(conns)
	}
	return s
}

// Close closes every listener, resets every connection, and ends attempts to
// connect with net.ErrClosed. Later calls do nothing; it always returns nil.
func (n *Network) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	close(n.done)
	n.mu.Unlock()
	n.kill(func(netip.Addr) bool { return true })
	return nil
}

// link is what lies between two addresses now, with defaults filled in.
func (n *Network) link(from, to netip.Addr) Link {
	var l Link
	if n.config.Link != nil {
		l = n.config.Link(from, to)
	}
	if l.Window <= 0 {
		l.Window = DefaultWindow
	}
	return l
}

// portLocked replaces port 0 by one where nobody listens.
func (n *Network) portLocked(a netip.AddrPort) netip.AddrPort {
	if a.Port() != 0 {
		return a
	}
	const first, count = 49152, 16384 // the ephemeral ports
	for range count {
		n.lastPort = max(n.lastPort+1, first)
		a = netip.AddrPortFrom(a.Addr(), n.lastPort)
		if n.listeners[a] == nil {
			break
		}
	}
	return a
}

// addLocked enters an open end in the books, and forget strikes it out.
func (n *Network) addLocked(c *conn) {
	addr := c.local.Addr()
	if n.conns[addr] == nil {
		n.conns[addr] = make(map[*conn]struct{})
	}
	n.conns[addr][c] = struct{}{}
}

func (n *Network) forget(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := c.local.Addr()
	if c.giveUp != nil {
		c.giveUp.Stop()
	}
	delete(n.conns[addr], c)
	if len(n.conns[addr]) == 0 {
		delete(n.conns, addr)
	}
}
