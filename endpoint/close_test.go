package endpoint_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
)

func TestCloseDoesNotWaitForHalfAHello(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, h := w.Start("alice"), w.Host()
		s := open(t, w, h, p, "hello")
		_, _ = s.Write([]byte{100})
		time.Sleep(time.Second)
		start := time.Now()
		w.Stop(p)
		if d := time.Since(start); d > time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestAfterClose(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		alice, bob := w.Start("alice"), w.Start("bob")
		there := w.Info(alice)
		w.Stop(bob)
		if _, err := bob.Net().Connect(t.Context(), there); !errors.Is(err, net.ErrClosed) {
			t.Errorf("connect: %v", err)
		}
		if _, err := bob.Net().Ping(t.Context(), alice.ID()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("ping: %v", err)
		}
		if _, err := bob.Net().FindPeer(t.Context(), "alice"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("find: %v", err)
		}
	})
}
