package memnet

import (
	"net/netip"
	"syscall"
)

// pair is two addresses in either order: make it with pairOf.
type pair struct{ low, high netip.Addr }

func pairOf(a, b netip.Addr) pair {
	if b.Less(a) {
		a, b = b, a
	}
	return pair{a, b}
}

// Block cuts what lies between two addresses, both ways: nothing arrives, nobody
// gets an error. Open connections stand still; what is on its way, and what is
// written until the window is full, arrives that much later if the cut is
// lifted. Attempts to connect are lost. After 150 seconds both ends of a
// connection give up with syscall.ETIMEDOUT, as those of package net do.
func (n *Network) Block(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blocked[pairOf(a, b)] = true
	n.recutLocked()
}

// Unblock lifts what Block did; a partition stays.
func (n *Network) Unblock(a, b netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.blocked, pairOf(a, b))
	n.recutLocked()
}

// Partition cuts, as Block does, between any two addresses in different groups.
// All addresses in no group are one more group, so a single group is cut off
// from the rest. A new partition replaces the one before.
func (n *Network) Partition(groups ...[]netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sides = make(map[netip.Addr]int)
	for i, group := range groups {
		for _, addr := range group {
			n.sides[addr] = i + 1
		}
	}
	n.recutLocked()
}

// Heal lifts the partition and every block.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.blocked)
	n.sides = nil
	n.recutLocked()
}

// Kill does to an address what the death of its process does: nobody listens
// there any more, and its connections are reset. The other sides get
// syscall.ECONNRESET after the latency, or when a cut between is lifted.
//
// The address may listen and dial again at once, as after a restart. To be dead,
// a libp2p host must be closed right after Kill, in the same instant: it then has
// no time to connect again and no way to say farewell. For a machine that falls
// silent instead, cut it off with Partition, then close its host.
func (n *Network) Kill(addr netip.Addr) {
	n.kill(func(a netip.Addr) bool { return a == addr })
}

// Bury is Kill, and the address can never dial again: a host that is closed after that
// may take its time, and nobody hears of it.
func (n *Network) Bury(addr netip.Addr) {
	n.mu.Lock()
	n.buried[addr] = true
	n.mu.Unlock()
	n.Kill(addr)
}

// kill detaches listeners and resets open ends whose address is doomed.
func (n *Network) kill(doomed func(netip.Addr) bool) {
	n.mu.Lock()
	var listeners []*listener
	for at, l := range n.listeners {
		if doomed(at.Addr()) {
			listeners = append(listeners, l)
		}
	}
	var conns []*conn
	for addr, open := range n.conns {
		if doomed(addr) {
			for c := range open {
				conns = append(conns, c)
			}
		}
	}
	n.mu.Unlock()
	for _, l := range listeners {
		l.detach()
	}
	for _, c := range conns {
		c.reset(syscall.ECONNRESET)
	}
}

// isCutLocked tells whether anything gets from a to b.
func (n *Network) isCutLocked(a, b netip.Addr) bool {
	return n.sides[a] != n.sides[b] || n.blocked[pairOf(a, b)]
}

// recutLocked stops and starts open connections as the cuts are now.
func (n *Network) recutLocked() {
	for _, open := range n.conns {
		for c := range open {
			c.cutLocked(n.isCutLocked(c.local.Addr(), c.remote.Addr()))
		}
	}
}
