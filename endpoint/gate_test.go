package endpoint_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/internal/testnet"
)

// A stranger's stream through a gate is reset; an endpoint's is served, also if it was
// not admitted before.
func TestGateLetsInWhoIsAdmitted(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		e, h := w.Endpoint("a")
		g := e.Gate()
		defer g.Close()
		served := 0
		g.SetStreamHandler(e.Protocol("gossip"), func(s network.Stream) {
			served++
			_, _ = io.WriteString(s, "hello")
			_ = s.Close()
		})
		if p := e.Protocol("gossip"); p != proto("gossip") {
			t.Errorf("the protocol is %s", p)
		}
		stranger := w.Host()
		if err := stranger.Connect(t.Context(), infoOf(h)); err != nil {
			t.Fatal(err)
		}
		s, err := stranger.NewStream(t.Context(), h.ID(), proto("gossip"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := refused(s); err != nil || served != 0 {
			t.Errorf("a stranger was served: %v", err)
		}

		b, bHost := w.Endpoint("b")
		if err := bHost.Connect(t.Context(), infoOf(h)); err != nil {
			t.Fatal(err)
		}
		s, err = bHost.NewStream(t.Context(), h.ID(), proto("gossip")) // past b's endpoint
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(s); err != nil || string(got) != "hello" {
			t.Errorf("read %q, %v", got, err)
		}
		if !near(e, b)() {
			t.Error("served, and not admitted")
		}
	})
}

// Streams through a gate are opened to those who are admitted, or let themselves be.
func TestGateOpensToWhoIsAdmitted(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		e, h := w.Endpoint("a")
		g := e.Gate()
		defer g.Close()
		stranger := w.Host()
		asked := false
		stranger.SetStreamHandler(proto("gossip"), func(s network.Stream) { asked = true; _ = s.Close() })
		if err := h.Connect(t.Context(), infoOf(stranger)); err != nil {
			t.Fatal(err)
		}
		if _, err := g.NewStream(t.Context(), stranger.ID(), proto("gossip")); !errors.Is(err, endpoint.ErrNotAdmitted) || asked {
			t.Errorf("to a stranger: %v", err)
		}
		_, bHost := w.Endpoint("b")
		bHost.SetStreamHandler(proto("gossip"), func(s network.Stream) { _, _ = io.Copy(s, s); _ = s.Close() })
		if err := h.Connect(t.Context(), infoOf(bHost)); err != nil {
			t.Fatal(err)
		}
		s, err := g.NewStream(t.Context(), bHost.ID(), proto("gossip"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(s, "hello")
		_ = s.CloseWrite()
		if got, err := io.ReadAll(s); err != nil || string(got) != "hello" {
			t.Errorf("read %q, %v", got, err)
		}
		_ = s.Close()
	})
}

// Close resets what goes through the gate, waits for who serves it, does not wait for
// a stranger that says nothing, and leaves nothing behind.
func TestGateCloses(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		e, h := w.Endpoint("a")
		g := e.Gate()
		ended := false
		g.SetStreamHandler(proto("gossip"), func(s network.Stream) {
			_, _ = io.ReadAll(s) // until the reset
			time.Sleep(time.Second)
			ended = true
		})
		_, bHost := w.Endpoint("b")
		bHost.SetStreamHandler(proto("gossip"), func(s network.Stream) { _, _ = io.Copy(s, s) })
		if err := bHost.Connect(t.Context(), infoOf(h)); err != nil {
			t.Fatal(err)
		}
		in, err := bHost.NewStream(t.Context(), h.ID(), proto("gossip"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = in.Write([]byte("x"))
		out, err := g.NewStream(t.Context(), bHost.ID(), proto("gossip"))
		if err != nil {
			t.Fatal(err)
		}
		mute := w.Host()
		mute.SetStreamHandler(proto("hello"), func(network.Stream) {})
		if err := mute.Connect(t.Context(), infoOf(h)); err != nil {
			t.Fatal(err)
		}
		waiting, err := mute.NewStream(t.Context(), h.ID(), proto("gossip"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = waiting.Write([]byte("x"))
		time.Sleep(5 * latency)

		begun := time.Now()
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begun); !ended || d > 2*time.Second {
			t.Errorf("closed after %v, the handler has ended: %v", d, ended)
		}
		for _, s := range []network.Stream{in, out, waiting} {
			if _, err := s.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("a stream goes on: %v", err)
			}
		}
		if _, err := g.NewStream(t.Context(), bHost.ID(), proto("gossip")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a stream of a closed gate: %v", err)
		}
		g.SetStreamHandler(proto("late"), func(network.Stream) {})
		for _, p := range h.Mux().Protocols() {
			if p == proto("gossip") || p == proto("late") {
				t.Errorf("%s is handled still", p)
			}
		}
		again := e.Gate() // a peer that becomes a rendezvous again
		again.SetStreamHandler(proto("gossip"), func(s network.Stream) { _ = s.Close() })
		s, err := bHost.NewStream(t.Context(), h.ID(), proto("gossip"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(s); err != nil {
			t.Errorf("a new gate does not serve: %v", err)
		}
		_ = again.Close()
	})
}
