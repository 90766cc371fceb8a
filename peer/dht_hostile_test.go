package peer_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-msgio/pbio"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
)

func addrOf(t *testing.T, addrs []ma.Multiaddr) netip.Addr {
	t.Helper()
	ip, err := manet.ToIP(addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}

// liar answers every question with what answer makes of it.
func liar(answer func(*pb.Message) *pb.Message) network.StreamHandler {
	return func(s network.Stream) {
		defer func() { _ = s.Close() }()
		r, out := pbio.NewDelimitedReader(s, network.MessageSizeMax), pbio.NewDelimitedWriter(s)
		for {
			var q pb.Message
			if r.ReadMsg(&q) != nil {
				return
			}
			if out.WriteMsg(answer(&q)) != nil {
				return
			}
		}
	}
}

// speaker is a host that handles the protocol so.
func (w *dhtWorld) speaker(handle network.StreamHandler) host.Host {
	h := w.Host()
	h.SetStreamHandler(peer.DHTProtocol, handle)
	return h
}

// nobodies are peers that are not there.
func nobodies(n int) (all []*pb.Message_Peer) {
	for i := range n {
		all = append(all, &pb.Message_Peer{
			Id:    fmt.Append(nil, "nobody", i),
			Addrs: [][]byte{ma.StringCast("/ip4/10.77.0.1/tcp/4001").Bytes()},
		})
	}
	return all
}

// Those who answer badly neither hold a search up for ever nor make it endless,
// and hide nobody from whom another server is asked too.
func TestHostileServers(t *testing.T) {
	for name, hostile := range map[string]network.StreamHandler{
		"silent": func(network.Stream) {},
		"garbage": func(s network.Stream) {
			_, _ = s.Write(bytes.Repeat([]byte{0xff}, 1000))
			_ = s.CloseWrite()
		},
		"many peers": liar(func(q *pb.Message) *pb.Message {
			return &pb.Message{Type: q.Type, CloserPeers: nobodies(10_000)}
		}),
		"providers without IDs and addresses": liar(func(q *pb.Message) *pb.Message {
			return &pb.Message{Type: q.Type, ProviderPeers: []*pb.Message_Peer{{}, {Id: []byte("x")}, {Addrs: [][]byte{{1}}}}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			runDHT(t, func(t *testing.T, w *dhtWorld) {
				honest, h := w.server()
				w.provide(honest, id.Net)
				var asked atomic.Bool
				bad := w.speaker(func(s network.Stream) { asked.Store(true); hostile(s) })
				client, self := w.client()
				for _, info := range infos(h, bad) {
					if err := self.Connect(t.Context(), info); err != nil {
						t.Fatal(err)
					}
				}
				start := time.Now()
				if got := w.rendezvous(client, id.Net, 10); !slices.Equal(got, idsOf(h)) {
					t.Errorf("found %v", got)
				}
				if _, err := client.FindPeer(t.Context(), hostid.ID("nobody")); err == nil {
					t.Error("found nobody")
				}
				synctest.Wait()
				if d := time.Since(start); d > 2*peer.SearchTimeout || !asked.Load() {
					t.Errorf("two searches took %v; was asked: %t", d, asked.Load())
				}
			})
		})
	}
}

// A liar can name anybody a rendezvous, but no more than are asked for.
func TestTooManyRendezvous(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		client, _ := w.client(w.speaker(liar(func(q *pb.Message) *pb.Message {
			return &pb.Message{Type: q.Type, ProviderPeers: nobodies(10_000)}
		})))
		for n, want := range map[int]int{5: 5, 64: 64, 1000: 64} {
			if got := w.rendezvous(client, id.Net, n); len(got) != want {
				t.Errorf("found %d of %d, want %d", len(got), n, want)
			}
		}
	})
}
