package reach

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Ports below this one are not guessed: no NAT gives them to a connection that comes from
// above.
const (
	guessFirstPort = 1024
	guessPorts     = 65536 - guessFirstPort
)

// guessBatch is how many packets go out without a pause.
const guessBatch = 16

// guessPacket carries a token. Its first byte tells that it is none of QUIC, which has the
// second highest bit set: whom it reaches at a QUIC port drops it.
func guessPacket(t guessToken) []byte { return append([]byte{0, 'j', 'x', 'g'}, t[:]...) }

// openings are sockets that wait for a token, each behind a port of the NAT that one
// address is let in by.
type openings struct {
	conns []*net.UDPConn
	hit   chan *net.UDPConn // cap 1: the one that has heard the token, for whoever takes it
	wg    sync.WaitGroup
	once  sync.Once
}

// open opens n sockets, and has each send a token to an address, and wait for it from there.
// If there cannot be so many, there are fewer.
func open(at netip.AddrPort, token guessToken, n int) (*openings, error) {
	o := &openings{hit: make(chan *net.UDPConn, 1)}
	packet := guessPacket(token)
	for range n {
		c, err := net.ListenUDP("udp4", nil)
		if err != nil {
			if len(o.conns) > 0 {
				break // the process may have no more
			}
			return nil, err
		}
		_, _ = c.WriteToUDPAddrPort(packet, at) // one that is lost is one chance fewer
		o.conns = append(o.conns, c)
		o.wg.Go(func() { o.wait(c, at, string(packet)) })
	}
	return o, nil
}

func (o *openings) wait(c *net.UDPConn, at netip.AddrPort, want string) {
	b := make([]byte, 64)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) == at && string(b[:n]) == want {
			select {
			case o.hit <- c:
			default: // another one was first
			}
			return
		}
	}
}

// close closes the sockets, but for one.
func (o *openings) close(but *net.UDPConn) {
	o.once.Do(func() {
		for _, c := range o.conns {
			if c != but {
				_ = c.Close()
			}
		}
		o.wg.Wait()
	})
}

// choosePorts returns n different ports, in no order.
func choosePorts(n int) []uint16 {
	ports := make([]uint16, 0, n)
	for _, i := range rand.Perm(guessPorts)[:min(n, guessPorts)] {
		ports = append(ports, uint16(guessFirstPort+i))
	}
	return ports
}

// spray sends a token to n ports of an address, so many in a second, until the context ends,
// and returns how many have gone out.
func spray(ctx context.Context, write func([]byte, net.Addr) (int, error), at netip.Addr, token guessToken, n, perSecond int) (sent int) {
	packet := guessPacket(token)
	tick := time.NewTicker(time.Second * guessBatch / time.Duration(perSecond))
	defer tick.Stop()
	for i, port := range choosePorts(n) {
		if i%guessBatch == 0 && i > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			break
		}
		if _, err := write(packet, net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, port))); err == nil {
			sent++
		}
	}
	return sent
}
