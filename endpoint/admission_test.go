package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/encoding/protodelim"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/endpoint/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
)

const latency = 20 * time.Millisecond

// proto is the protocol of a service of the net group: the bytes on the wire.
func proto(service string) protocol.ID {
	return protocol.ID("/juxta/1/59616261646162614e50472050325033/" + service)
}

func infoOf(h host.Host) hostid.AddrInfo { return hostid.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }

// open connects a stranger to a peer and opens a stream there.
func open(t *testing.T, w *testnet.World, h host.Host, p *peer.Peer, service string) network.Stream {
	t.Helper()
	if err := h.Connect(t.Context(), w.Info(p)); err != nil {
		t.Fatal(err)
	}
	s, err := h.NewStream(t.Context(), w.Info(p).ID, proto(service))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sayHello(w io.Writer, envelope []byte, expiration uint64) error {
	_, err := protodelim.MarshalTo(w, &wire.Hello{Advertisement: envelope, ExpirationMs: expiration})
	return err
}

// refused reports whether a stream ends with nothing to read but an error.
func refused(s network.Stream) error {
	b, err := io.ReadAll(s)
	if len(b) > 0 || err == nil {
		return fmt.Errorf("read %d bytes, %v, want a reset", len(b), err)
	}
	return nil
}

func TestHelloBothWays(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice := w.Start("alice", seed)
		for p, want := range map[*peer.Peer]*peer.Peer{seed: alice, alice: seed} {
			w.Until(time.Second, p.Name()+" has a neighbour", func() bool { return len(p.Net().Neighbours()) == 1 })
			a := p.Net().Neighbours()[0]
			if doc := a.Advertisement().(*adv.Peer); a.Signer() != want.ID() || doc.Name != want.Name() {
				t.Errorf("%s met %v %q, want %s", p.Name(), a.Signer(), doc.Name, want.Name())
			}
		}
	})
}

func TestStrangerGetsNoService(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h := w.Start("alice"), w.Host()
		for _, service := range []string{"resolver", "pipe"} {
			s := open(t, w, h, p, service)
			_, _ = s.Write([]byte("\x03abc"))
			if err := refused(s); err != nil {
				t.Errorf("%s: %v", service, err)
			}
		}
		if n := p.Net().Neighbours(); len(n) > 0 {
			t.Errorf("neighbours: %v", n)
		}
	})
}

func TestHelloThatProvesNothingIsRefused(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h, other := w.Start("alice"), w.Host(), w.Host()
		good := w.Sign(h, testnet.PeerAdvertisement(h, id.Net, "mallory")).Envelope()
		elsewhere := id.GroupOf(make([]byte, 32), "chess", make([]byte, id.NonceLen))
		for name, envelope := range map[string][]byte{
			"another peer's":    w.Sign(other, testnet.PeerAdvertisement(other, id.Net, "other")).Envelope(),
			"of another group":  w.Sign(h, testnet.PeerAdvertisement(h, elsewhere, "mallory")).Envelope(),
			"no peer's":         w.Sign(h, &adv.Document{Name: "News"}).Envelope(),
			"altered":           []byte(strings.Replace(string(good), "mallory", "trustme", 1)),
			"cut":               good[:len(good)-1],
			"nothing":           nil,
			"garbage":           []byte("garbage"),
			"beyond the limits": make([]byte, adv.MaxEnvelope+1000),
		} {
			s := open(t, w, h, p, "hello")
			_ = sayHello(s, envelope, 1000) // may be cut short
			if err := refused(s); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		s := open(t, w, h, p, "hello")
		_, _ = s.Write([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01 a length of 2^64-1"))
		if err := refused(s); err != nil {
			t.Errorf("endless: %v", err)
		}
		if n := p.Net().Neighbours(); len(n) > 0 {
			t.Errorf("neighbours: %v", n)
		}
	})
}

func TestHalfAHelloIsWaitedForTenSeconds(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h := w.Start("alice"), w.Host()
		s := open(t, w, h, p, "hello")
		_, _ = s.Write([]byte("\x40half"))
		start := time.Now()
		if err := refused(s); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 9*time.Second || d > 11*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

func TestHelloAsOnTheWireIsAnswered(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h := w.Start("alice"), w.Host()
		h.SetStreamHandler(proto("hello"), func(s network.Stream) { _ = s.Reset() }) // or it would not be taken for a member
		s := open(t, w, h, p, "hello")
		_ = sayHello(s, w.Sign(h, testnet.PeerAdvertisement(h, id.Net, "bob")).Envelope(), 60_000)
		b, err := io.ReadAll(s)
		if err != nil || len(b) < 100 {
			t.Fatalf("read %d bytes, %v", len(b), err)
		}
		if n := p.Net().Neighbours(); len(n) != 1 || n[0].Host() != h.ID() {
			t.Errorf("neighbours: %v", n)
		}
		s = open(t, w, h, p, "resolver")
		_ = s.SetReadDeadline(time.Now().Add(time.Second))
		var timeout net.Error
		if _, err := s.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("admitted, but the resolver does not wait for a query: %v", err)
		}
	})
}

// What does not allow to be kept is not kept, least of all for ever.
func TestHelloWithoutExpirationIsNotCached(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h := w.Start("alice"), w.Host()
		a := w.Sign(h, testnet.PeerAdvertisement(h, id.Net, "bob"))
		s := open(t, w, h, p, "hello")
		_ = sayHello(s, a.Envelope(), 0)
		_, _ = io.ReadAll(s)
		if life, _, ok := p.Net().Discovery().Times(a); ok {
			t.Errorf("kept for %v", life)
		}
	})
}

func TestFloodOfHellosHurtsNobodyElse(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h := w.Start("alice"), w.Host()
		envelope := w.Sign(h, testnet.PeerAdvertisement(h, id.Net, "mallory")).Envelope()
		var flood sync.WaitGroup
		for i := range 1000 {
			s := open(t, w, h, p, "hello")
			flood.Go(func() {
				defer s.Reset()
				if i%2 == 0 {
					_, _ = s.Write([]byte("\x80\x80\x04")) // 64 KiB, which never come
				} else {
					_ = sayHello(s, envelope, 1000)
				}
				_, _ = io.ReadAll(s)
			})
		}
		bob := w.Start("bob", p)
		w.Until(time.Second, "bob has a neighbour", func() bool { return len(bob.Net().Neighbours()) == 1 })
		flood.Wait()
		if n := len(p.Net().Neighbours()); n > 2 {
			t.Errorf("%d neighbours", n)
		}
	})
}

func TestWhoIsNoPeerIsNotAdmitted(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h, silent := w.Start("alice"), w.Host(), w.Host()
		_, err := p.Net().Connect(t.Context(), infoOf(h))
		if !errors.Is(err, endpoint.ErrNotAdmitted) {
			t.Errorf("a host without our protocol: %v", err)
		}
		silent.SetStreamHandler(proto("hello"), func(network.Stream) {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = p.Net().Connect(ctx, infoOf(silent))
		if !errors.Is(err, endpoint.ErrUnreachable) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a host that says nothing: %v", err)
		}
		var e *endpoint.Error
		if !errors.As(err, &e) || e.Addr != silent.ID().String() {
			t.Errorf("the error does not say where: %v", err)
		}
	})
}
