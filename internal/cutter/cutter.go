// Package cutter is a bad line for tests: a TCP proxy on the machine's loopback that
// cuts the connections which lead through it, or swallows what they carry, when it is
// told to. The ends are real sockets, and see what they would see of a real line: a
// reset, or nothing at all.
package cutter

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Proxy forwards connections to one address. Its methods may be called concurrently.
type Proxy struct {
	ln *net.TCPListener
	wg sync.WaitGroup // the accepting goroutine, and those of links

	mu       sync.Mutex // guards what follows
	target   string
	closed   bool
	refusing bool
	stalled  chan struct{} // not nil while nothing is forwarded: closed by Resume
	links    map[*link]struct{}
	passed   int64   // bytes that were forwarded, both ways together
	cutAt    []int64 // what passed is at when a cut is due; ascending
	cuts     int
}

// New makes a proxy on a free port, which forwards to a TCP address, host:port.
func New(target string) (*Proxy, error) {
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("cutter: %w", err)
	}
	p := &Proxy{ln: ln, target: target, links: map[*link]struct{}{}}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr returns where the proxy listens.
func (p *Proxy) Addr() netip.AddrPort { return p.ln.Addr().(*net.TCPAddr).AddrPort() }

// Retarget has connections to come forwarded to another address. Those that are
// there stay.
func (p *Proxy) Retarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Refuse has connections to come reset as soon as they are there, or no longer. Those
// that are there stay.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = on
}

// Stall makes a black hole of the line: connections stay, and so do those to come,
// but nothing goes through, neither bytes nor the news that an end has closed. What
// is written meanwhile is under way, as in a network that will deliver it when it is
// repaired.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled == nil {
		p.stalled = make(chan struct{})
	}
}

// Resume ends what Stall began.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
}

// Cut resets all connections, at both of their ends, and returns how many there were.
// What was under way is lost.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	n := len(p.links)
	links := make([]*link, 0, n)
	for l := range p.links {
		links = append(links, l)
	}
	if n > 0 {
		p.cuts++
	}
	p.mu.Unlock()
	for _, l := range links {
		l.reset()
	}
	return n
}

// CutAt cuts all connections each time that so many bytes have been forwarded from now
// on, in both directions and over all connections together: to the byte, so that cuts
// fall into the middle of whatever is sent. It replaces the cuts that an earlier call
// has left.
func (p *Proxy) CutAt(counts ...int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt = p.cutAt[:0]
	for _, n := range counts {
		p.cutAt = append(p.cutAt, p.passed+max(n, 0))
	}
	slices.Sort(p.cutAt)
}

// Cuts returns how often connections were cut.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Passed returns how many bytes were forwarded, in both directions together.
func (p *Proxy) Passed() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed
}

// Conns returns how many connections there are.
func (p *Proxy) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Close stops listening, resets all connections, and returns when every goroutine has
// ended. The second time it does nothing.
func (p *Proxy) Close() error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		return nil
	}
	err := p.ln.Close()
	p.Cut()
	p.wg.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		c, err := p.ln.AcceptTCP()
		if err != nil {
			return
		}
		l := newLink(p, c)
		if !p.add(l) {
			l.reset()
			continue
		}
		p.wg.Go(func() {
			defer p.remove(l)
			l.serve()
		})
	}
}

// add counts a connection among those that there are, if it is welcome.
func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refusing {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) remove(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

// dial connects to the target of the moment.
func (p *Proxy) dial(ctx context.Context) (*net.TCPConn, error) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", target)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// take counts up to n bytes that are about to be forwarded: fewer if a cut is due
// before, which is the caller's to make then.
func (p *Proxy) take(n int) (allowed int, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cutAt) > 0 && p.passed+int64(n) >= p.cutAt[0] {
		n, cut = int(p.cutAt[0]-p.passed), true
		p.cutAt = p.cutAt[1:]
	}
	p.passed += int64(n)
	return n, cut
}

// stall returns a channel that is closed when the stall ends, or nil if there is none.
func (p *Proxy) stall() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stalled
}
