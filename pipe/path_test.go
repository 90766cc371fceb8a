package pipe_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	relayclient "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// detour is two members of a group that know each other through a relay only, over real
// TCP on the loopback.
type detour struct {
	relay            host.Host
	near, far        host.Host // of the client, and of the server
	client, server   *group.Group
	done             context.Context // bounds all that a test does
	direct, relaying ma.Multiaddr    // the server's addresses
}

func newDetour(t *testing.T) *detour {
	t.Helper()
	testnet.CheckLeaks(t)
	d := new(detour)
	var cancel context.CancelFunc
	d.done, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	listen := libp2p.ListenAddrStrings(loopback)
	d.relay = newTCPHost(t, listen, libp2p.ForceReachabilityPublic(), libp2p.EnableRelayService(relay.WithInfiniteLimits()))
	d.relaying = d.relay.Addrs()[0].Encapsulate(ma.StringCast("/p2p/" + d.relay.ID().String() + "/p2p-circuit"))
	d.far = newTCPHost(t, listen, libp2p.EnableRelay(), libp2p.AddrsFactory(func(addrs []ma.Multiaddr) []ma.Multiaddr {
		return []ma.Multiaddr{d.relaying}
	}))
	for _, a := range d.far.Network().ListenAddresses() {
		if !isRelayed(a) {
			d.direct = a
		}
	}
	d.near = newTCPHost(t, libp2p.NoListenAddrs, libp2p.EnableRelay())
	d.server = newGroup(t, d.far, "server", rendezvous.Rendezvous)
	d.client = newGroup(t, d.near, "client", rendezvous.Edge)
	at := hostid.AddrInfo{ID: d.relay.ID(), Addrs: d.relay.Addrs()}
	if err := d.far.Connect(d.done, at); err != nil {
		t.Fatal(err)
	}
	if _, err := relayclient.Reserve(d.done, d.far, at); err != nil {
		t.Fatal(err)
	}
	if _, err := d.client.Connect(d.done, hostid.AddrInfo{ID: d.far.ID(), Addrs: []ma.Multiaddr{d.relaying}}); err != nil {
		t.Fatal(err)
	}
	if p, err := d.client.Ping(d.done, d.server.Self().Signer()); err != nil || !p.Relayed {
		t.Fatalf("the client is not where it is wanted: %+v, %v", p, err)
	}
	return d
}

func newTCPHost(t testing.TB, opts ...libp2p.Option) host.Host {
	t.Helper()
	h, err := libp2p.New(append(append(opts, overTCP()...), libp2p.DisableMetrics())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// newGroup makes a host a member of the net group.
func newGroup(t *testing.T, h host.Host, name string, role rendezvous.Role) *group.Group {
	t.Helper()
	g, err := group.New(&group.Config{
		Advertisement: &adv.Group{GID: id.Net, MSID: id.SpecStdGroup, Name: "NetPeerGroup"},
		Host:          h, Key: h.Peerstore().PrivKey(h.ID()), Name: name, Role: role,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// stream makes a stream pipe that the client has dialled.
func (d *detour) stream(t *testing.T) (near, far *pipe.Conn) {
	t.Helper()
	a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: d.server.Self().Signer()}
	ln, err := d.server.Pipe().ListenOn(a)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if near, err = d.client.Pipe().DialPipe(d.done, a); err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	far = c.(*pipe.Conn)
	end, _ := d.done.Deadline()
	for _, c := range []*pipe.Conn{near, far} {
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(end); err != nil {
			t.Fatal(err)
		}
	}
	return near, far
}

// streams counts the client's streams of pipes to the server, by the path they take.
func (d *detour) streams() (relayed, direct int) {
	for _, c := range d.near.Network().ConnsToPeer(d.far.ID()) {
		n := 0
		for _, s := range c.GetStreams() {
			if strings.HasSuffix(string(s.Protocol()), "/pipe") {
				n++
			}
		}
		if isRelayed(c.RemoteMultiaddr()) {
			relayed += n
		} else {
			direct += n
		}
	}
	return relayed, direct
}

func isRelayed(a ma.Multiaddr) bool { return strings.Contains(a.String(), "/p2p-circuit") }

// until waits for something to become true.
func (d *detour) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	(&line{done: d.done}).until(t, what, cond)
}

// A pipe that began over a relay moves to a direct connection as soon as there is one,
// in the middle of what it carries, and loses nothing on the way.
func TestPathBecomesDirect(t *testing.T) {
	const more = 32 << 20 // that is sent after the pipe has moved
	for _, name := range []string{"up", "down"} {
		t.Run(name, func(t *testing.T) {
			d := newDetour(t)
			from, to := d.stream(t)
			if name == "down" {
				from, to = to, from
			}
			var arrived atomic.Int64
			moved := make(chan struct{})
			sums := make(chan []byte, 2)
			var going sync.WaitGroup
			defer going.Wait()
			defer from.Close()
			defer to.Close()
			going.Go(func() { sums <- pourUntil(t, from, moved, more) })
			going.Go(func() {
				sum := sha256.New()
				if _, err := io.Copy(io.MultiWriter(sum, counter{&arrived}), to); err != nil {
					t.Errorf("read: %v", err)
				}
				sums <- sum.Sum(nil)
			})
			d.until(t, "it flows", func() bool { return arrived.Load() > 4<<20 })
			if relayed, direct := d.streams(); relayed == 0 || direct > 0 {
				t.Errorf("%d streams over the relay, %d direct; want all over the relay", relayed, direct)
			}
			before := arrived.Load()
			begun := time.Now()
			if err := d.near.Connect(network.WithForceDirectDial(d.done, "test"), hostid.AddrInfo{ID: d.far.ID(), Addrs: []ma.Multiaddr{d.direct}}); err != nil {
				t.Fatal(err)
			}
			d.until(t, "the pipe has moved", func() bool { relayed, direct := d.streams(); return relayed == 0 && direct > 0 })
			t.Logf("moved %v after there was a way, when %d MiB had arrived", time.Since(begun), before>>20)
			if err := d.relay.Close(); err != nil { // nothing needs it any more
				t.Error(err)
			}
			close(moved)
			if a, b := <-sums, <-sums; !bytes.Equal(a, b) {
				t.Errorf("SHA-256 is %x at one end, %x at the other", a, b)
			}
			t.Logf("%d MiB in all", arrived.Load()>>20)
		})
	}
}

// pourUntil writes until enough is closed, and n bytes more, and the end; it returns the
// SHA-256 of all.
func pourUntil(t *testing.T, c *pipe.Conn, enough <-chan struct{}, n int) []byte {
	src, sum := random(), sha256.New()
	w := io.MultiWriter(c, sum)
	for b := make([]byte, 100_000); n > 0; {
		select {
		case <-enough:
			n -= len(b)
		default:
		}
		_, _ = src.Read(b)
		if _, err := w.Write(b); err != nil {
			t.Errorf("write: %v", err)
			break
		}
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	return sum.Sum(nil)
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}
