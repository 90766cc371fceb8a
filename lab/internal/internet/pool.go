package internet

import (
	"fmt"
	"net/netip"
)

// pool hands out the addresses of a network, one that was given back as late as can be.
type pool struct {
	first   netip.Addr
	size    int
	bits    int        // of the network's mask
	gateway netip.Addr // zero: none is needed
	next    int
	taken   map[int]bool
}

// newPool makes a pool of the addresses from first on.
func newPool(first string, size, bits int, gateway string) *pool {
	p := &pool{first: netip.MustParseAddr(first), size: size, bits: bits, taken: map[int]bool{}}
	if gateway != "" {
		p.gateway = netip.MustParseAddr(gateway)
	}
	return p
}

func (p *pool) take() (netip.Addr, error) {
	for range p.size {
		i := p.next
		p.next = (p.next + 1) % p.size
		if !p.taken[i] {
			p.taken[i] = true
			return p.at(i), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all %d addresses from %s on are taken", p.size, p.first)
}

func (p *pool) give(a netip.Addr) {
	for i := range p.taken {
		if p.at(i) == a {
			delete(p.taken, i)
		}
	}
}

func (p *pool) at(i int) netip.Addr {
	b := p.first.As4()
	b[3] += byte(i)
	return netip.AddrFrom4(b)
}
