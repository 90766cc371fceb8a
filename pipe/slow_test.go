package pipe_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/memnet"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/pipe"
)

// A line that is busy for longer than a ping is waited for is no dead peer; but one
// that falls silent while it is busy is.
func TestBusyLineIsNotCut(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		w.Net = memnet.New(&memnet.Config{Link: memnet.Link{Latency: latency, Bandwidth: 64 << 10}.Everywhere})
		alice := w.Start("alice")
		near, far := connect(t, alice, w.Start("bob", alice))
		const size = 4 << 20 // takes a minute
		done := make(chan int64)
		go func() {
			n, _ := io.Copy(io.Discard, far)
			done <- n
		}()
		if n, err := near.Write(make([]byte, size)); err != nil {
			t.Fatalf("wrote %d bytes: %v", n, err)
		}
		near.Close()
		if n := <-done; n != size {
			t.Errorf("%d bytes arrived, want %d", n, size)
		}
	})
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		w.Net = memnet.New(&memnet.Config{Link: memnet.Link{Latency: latency, Bandwidth: 64 << 10}.Everywhere})
		alice := w.Start("alice")
		bob := w.Start("bob", alice)
		near, far := connect(t, alice, bob)
		go func() { _, _ = io.Copy(io.Discard, far) }()
		var cut time.Time
		time.AfterFunc(30*time.Second, func() {
			cut = time.Now()
			w.Net.Block(w.Addr(alice), w.Addr(bob))
		})
		_, err := near.Write(make([]byte, 4<<20))
		for err == nil { // until there is no more room
			_, err = near.Write(make([]byte, 4<<20))
		}
		if d := time.Since(cut); !errors.Is(err, pipe.ErrBroken) || d > 42*time.Second {
			t.Errorf("write to a silent peer: %v after %v", err, d)
		}
		w.Net.Heal()
	})
}
