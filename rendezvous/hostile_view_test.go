package rendezvous_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// siege is a world with somebody hostile in it, at the rendezvous of edge 0.
func siege(t *testing.T, rdvs int, f func(t *testing.T, x *world, m *mallory)) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, rdvs, 4, 2)
		x.rest()
		x.unharmed(t, "before")
		m := newMallory(t, w, x.rdvOf(t, x.edges[0]))
		f(t, x, m)
		x.unharmed(t, "afterwards")
	})
}

// poses has the rendezvous take it for one, too, until stop is called.
func (m *mallory) poses() (stop func()) {
	m.t.Helper()
	var over atomic.Bool
	self := m.entry(m.rdv())
	m.peerview(func() *wire.Entry {
		if over.Load() {
			return nil
		}
		return self
	})
	meet := func(members int) {
		_, _ = m.at.Net().Rendezvous().Exchange(m.t.Context(), m.ID())
		if n := len(status(m.at).Members); n != members {
			m.t.Fatalf("%d members, want %d", n, members)
		}
	}
	before := len(status(m.at).Members)
	meet(before + 1)
	return func() { over.Store(true); meet(before) }
}

// invented serves the stream "peerview" with members that are none.
func (m *mallory) invented(count int) {
	var entries []*wire.Entry
	stranger := func(g id.Group) *wire.Entry {
		key, pub, _ := crypto.GenerateEd25519Key(rand.Reader)
		raw, _ := pub.Raw()
		host, _ := hostid.IDFromPublicKey(pub)
		a, err := adv.Sign(key, &adv.Rdv{
			GID: g, PID: id.PeerOf(id.Net, raw), Service: id.ClassRendezvous.String(), Name: "invented",
			Route: adv.Route{Host: host, Addrs: []string{"/ip4/10.99.0.1/tcp/4001"}},
		}, uint64(time.Now().UnixMilli()))
		if err != nil {
			m.t.Fatal(err)
		}
		return &wire.Entry{Envelope: a.Envelope(), ExpirationMs: 1 << 62, Fixed: true}
	}
	for range count {
		unsigned := stranger(id.Net)
		unsigned.Envelope = bytes.Clone(unsigned.GetEnvelope())
		unsigned.Envelope[len(unsigned.Envelope)-1] ^= 1
		other := id.GroupOf(make([]byte, 32), "another", nil)
		entries = append(entries, unsigned, stranger(other), stranger(id.Net))
	}
	m.peerview(func() *wire.Entry { return nil }, entries...)
}

// peerview serves the stream of that name.
func (m *mallory) peerview(self func() *wire.Entry, members ...*wire.Entry) {
	m.Handle("peerview", func(st *endpoint.Stream) {
		_ = st.SetDeadline(time.Now().Add(time.Second))
		_ = st.ReadMsg(new(wire.Exchange), 1<<20)
		_ = st.WriteMsg(&wire.Exchange{Self: self(), Members: 1000, Digest: []byte("x")})
		for left := members; ; {
			n := min(len(left), 64)
			_ = st.WriteMsg(&wire.Members{Entries: left[:n], Last: n == len(left)})
			if left = left[n:]; len(left) == 0 {
				break
			}
		}
		_ = st.CloseWrite()
		_, _ = io.Copy(io.Discard, st)
	})
}

func TestInventedMembers(t *testing.T) {
	siege(t, 3, func(t *testing.T, x *world, m *mallory) {
		before := status(m.at).Traffic.Refused
		m.invented(200)
		_, err := m.at.Net().Rendezvous().Exchange(t.Context(), m.ID())
		if n := status(m.at).Traffic.Refused - before; n < 400 {
			t.Errorf("%d refused, %v", n, err)
		}
		if n := len(status(m.at).Members); n > 4+200 {
			t.Errorf("%d members", n)
		}
		begun := time.Now()
		w := x.World
		w.Until(10*time.Minute, "the invented ones are gone", func() bool {
			time.Sleep(time.Second)
			for _, r := range x.rdvs {
				if len(status(r).Members) != len(x.rdvs) {
					return false
				}
			}
			return true
		})
		t.Logf("gone after %v", time.Since(begun))
		x.rest()
	})
}

// gossip takes part in what rendezvous tell each other, and returns what tells a
// notice.
func (m *mallory) gossip() (tell func(*wire.Notice)) {
	m.t.Helper()
	gate := m.Gate()
	ps, err := pubsub.NewGossipSub(m.t.Context(), gate,
		pubsub.WithGossipSubProtocols([]protocol.ID{m.Protocol("gossip")}, func(pubsub.GossipSubFeature, protocol.ID) bool { return true }),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign), pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(func(p *pb.Message) string { return string(p.GetData()) }),
		pubsub.WithPeerOutboundQueueSize(10_000),
	)
	if err != nil {
		m.t.Fatal(err)
	}
	topic, err := ps.Join("peerview")
	if err == nil {
		_, err = topic.Subscribe()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = gate.Close() })
	m.w.Until(10*time.Second, "somebody gossips with us", func() bool { return len(topic.ListPeers()) > 0 })
	time.Sleep(2 * time.Second) // and is ready for what we say
	return func(n *wire.Notice) {
		data, err := proto.Marshal(n)
		if err == nil {
			err = topic.Publish(m.t.Context(), data)
		}
		if err != nil {
			m.t.Error(err)
		}
	}
}

func (m *mallory) rdv() adv.Advertisement {
	self := m.Self().Advertisement().(*adv.Peer)
	return &adv.Rdv{GID: id.Net, PID: self.PID, Service: id.ClassRendezvous.String(), Name: "mallory", Route: self.Route}
}

func (m *mallory) gone(who id.Peer) *wire.Notice {
	d := &adv.Document{Name: "RdvGone", Children: []*adv.Element{
		{Name: "PID", Text: who.String()}, {Name: "GID", Text: id.Net.String()}, {Name: "Until", Text: fmt.Sprint(uint64(math.MaxUint64))},
	}}
	return &wire.Notice{Kind: &wire.Notice_Gone{Gone: m.w.Sign(m.host, d).Envelope()}}
}

func TestWordThatLivingOnesAreGone(t *testing.T) {
	siege(t, 3, func(t *testing.T, x *world, m *mallory) {
		tell := m.gossip()
		for _, r := range x.rdvs {
			tell(m.gone(r.ID())) // nobody believes who is none itself
		}
		time.Sleep(time.Second)
		x.complete(0)
		tell(&wire.Notice{Kind: &wire.Notice_Member{Member: m.entry(m.rdv())}})
		x.Until(5*time.Second, "it is taken for a rendezvous", func() bool { return len(status(x.seed).Members) == len(x.rdvs)+1 })
		for _, r := range x.rdvs {
			tell(m.gone(r.ID()))
		}
		time.Sleep(time.Second)
		for _, r := range x.rdvs {
			if n := len(status(r).Members); n < len(x.rdvs) {
				t.Errorf("%s knows %d", r.Name(), n)
			}
		}
		tell(m.gone(m.ID())) // its own word counts
		x.complete(5 * time.Second)
	})
}

func TestMalformedNotices(t *testing.T) {
	siege(t, 2, func(t *testing.T, x *world, m *mallory) {
		tell := m.gossip()
		before := status(m.at).Traffic.Refused
		member := m.entry(m.rdv())
		forged := &wire.Entry{Envelope: bytes.Clone(member.GetEnvelope()), ExpirationMs: 1000}
		forged.Envelope[len(forged.Envelope)-1] ^= 1
		bad := []*wire.Notice{
			{},
			{Kind: &wire.Notice_Member{Member: forged}},
			{Kind: &wire.Notice_Member{Member: m.entry(news(1))}},
			{Kind: &wire.Notice_Member{Member: &wire.Entry{}}},
			{Kind: &wire.Notice_Gone{Gone: []byte("garbage")}},
			{Kind: &wire.Notice_Gone{Gone: m.w.Sign(m.host, news(2)).Envelope()}},
			{Kind: &wire.Notice_Gone{Gone: make([]byte, 100_000)}},
		}
		for _, n := range bad {
			tell(n)
		}
		time.Sleep(time.Second)
		if n := status(m.at).Traffic.Refused - before; n != uint64(len(bad)) {
			t.Errorf("%d refused", n)
		}
		x.complete(0)
		limited := status(m.at).Traffic.Limited
		for i := range 5000 {
			tell(&wire.Notice{Kind: &wire.Notice_Muster{Muster: &wire.Muster{Id: fmt.Appendf(nil, "%016d", i)}}})
		}
		time.Sleep(time.Second)
		if status(m.at).Traffic.Limited == limited {
			t.Error("a flood of notices was not limited")
		}
		for _, r := range x.rdvs {
			if n := status(r).Traffic.Notices; n > 10 {
				t.Errorf("%s was made to send %d notices", r.Name(), n)
			}
		}
	})
}
