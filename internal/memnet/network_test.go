package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/internal/memnet"
)

// second is a network where everything takes a second one way.
func second() *memnet.Network {
	return memnet.New(&memnet.Config{Link: memnet.Link{Latency: time.Second}.Everywhere})
}

func TestListen(t *testing.T) {
	n := memnet.New(nil)
	l, err := n.Listen(port(alice, 80))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen(port(alice, 80)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listen again: %v, want EADDRINUSE", err)
	}
	if _, err := n.Listen(port(bob, 80)); err != nil {
		t.Errorf("listen on the same port elsewhere: %v", err)
	}
	free, err := n.Listen(port(alice, 0))
	if err != nil || free.Addr().(*net.TCPAddr).Port < 49152 {
		t.Errorf("listen on port 0: %v, %v", free.Addr(), err)
	}
	l.Close()
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after Close: %v, want net.ErrClosed", err)
	}
	if _, err := n.Listen(port(alice, 80)); err != nil {
		t.Errorf("listen after Close: %v", err)
	}
	n.Close()
	if _, err := n.Listen(port(carol, 80)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listen on a closed network: %v, want net.ErrClosed", err)
	}
	if got := n.Stats(); got.Listeners != 0 || got.Conns != 0 {
		t.Errorf("after Close: %+v", got)
	}
}

func TestDialErrors(t *testing.T) {
	ctx := context.Background()
	bubble(t, "refused after a round trip", func(t *testing.T) {
		start := time.Now()
		_, err := second().Dial(ctx, port(alice, 0), port(bob, 80))
		if took := time.Since(start); !errors.Is(err, syscall.ECONNREFUSED) || took != 2*time.Second {
			t.Errorf("%v after %v, want ECONNREFUSED after 2s", err, took)
		}
	})
	bubble(t, "no answer", func(t *testing.T) {
		n := memnet.New(&memnet.Config{Allow: func(_, _ netip.AddrPort) bool { return false }})
		start := time.Now()
		_, err := n.Dial(ctx, port(alice, 0), port(bob, 80))
		if took := time.Since(start); !errors.Is(err, syscall.ETIMEDOUT) || took != 127*time.Second {
			t.Errorf("%v after %v, want ETIMEDOUT after 127s", err, took)
		}
	})
	bubble(t, "context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := second().Dial(ctx, port(alice, 0), port(bob, 80))
		var ne net.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("%v, want a timeout by context.DeadlineExceeded", err)
		}
	})
	bubble(t, "network closed", func(t *testing.T) {
		n := second()
		time.AfterFunc(time.Second, func() { n.Close() })
		if _, err := n.Dial(ctx, port(alice, 0), port(bob, 80)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
	})
}

// TestAllow models two NATs that let in only those who were called before: the
// attempts of both sides open the way for each other.
func TestAllow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var called sync.Map // of [2]netip.AddrPort{from, to}
		n := memnet.New(&memnet.Config{Allow: func(from, to netip.AddrPort) bool {
			called.Store([2]netip.AddrPort{from, to}, true)
			_, before := called.Load([2]netip.AddrPort{to, from})
			return before
		}})
		defer n.Close()
		for _, a := range []netip.Addr{alice, bob} {
			if _, err := n.Listen(port(a, 1)); err != nil {
				t.Fatal(err)
			}
		}
		go func() {
			time.Sleep(500 * time.Millisecond)
			n.Dial(t.Context(), port(bob, 1), port(alice, 1))
		}()
		start := time.Now()
		_, err := n.Dial(t.Context(), port(alice, 1), port(bob, 1))
		if took := time.Since(start); err != nil || took != time.Second {
			t.Errorf("%v after %v, want the second attempt to succeed after 1s", err, took)
		}
	})
}

func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := second()
		old, err := n.Listen(port(bob, 81))
		if err != nil {
			t.Fatal(err)
		}
		a, b := pair(t, n)
		start := time.Now()
		n.Kill(bob)
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the killed side reads %v, want ECONNRESET", err)
		}
		if _, err := a.Write(make([]byte, 1)); err != nil {
			t.Errorf("write before the news: %v", err)
		}
		_, err = a.Read(make([]byte, 1))
		if took := time.Since(start); !errors.Is(err, syscall.ECONNRESET) || took != time.Second {
			t.Errorf("read: %v after %v, want ECONNRESET after 1s", err, took)
		}
		if _, err := a.Write(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write: %v, want ECONNRESET", err)
		}
		if _, err := n.Dial(t.Context(), port(alice, 0), port(bob, 81)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: %v, want ECONNREFUSED", err)
		}
		// A restart: the old listener is no obstacle, and its end no harm.
		if _, err := n.Listen(port(bob, 81)); err != nil {
			t.Errorf("listen after Kill: %v", err)
		}
		old.Close()
		if c, err := n.Dial(t.Context(), port(alice, 0), port(bob, 81)); err != nil {
			t.Errorf("dial after the restart: %v", err)
		} else {
			c.Close()
		}
	})
}

// TestKillLosesUnsent checks that what waits for its turn on a slow line dies
// with the sender, and what has left arrives.
func TestKillLosesUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(&memnet.Config{Link: memnet.Link{Latency: time.Second, Bandwidth: 32 << 10}.Everywhere})
		a, b := pair(t, n)
		a.Write(make([]byte, 128<<10)) // four seconds on the line
		time.Sleep(2500 * time.Millisecond)
		n.Kill(alice)
		got, err := io.ReadAll(b)
		if len(got) != 64<<10 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%d bytes, %v; want 65536, ECONNRESET", len(got), err)
		}
	})
}

func TestPartition(t *testing.T) {
	for name, c := range map[string]struct{ cut, heal func(*memnet.Network) }{
		"block":          {func(n *memnet.Network) { n.Block(bob, alice) }, func(n *memnet.Network) { n.Unblock(alice, bob) }},
		"heal a block":   {func(n *memnet.Network) { n.Block(alice, bob) }, (*memnet.Network).Heal},
		"partition":      {func(n *memnet.Network) { n.Partition([]netip.Addr{bob}) }, (*memnet.Network).Heal},
		"two partitions": {func(n *memnet.Network) { n.Partition([]netip.Addr{alice}, []netip.Addr{bob}) }, func(n *memnet.Network) { n.Partition() }},
	} {
		bubble(t, name, func(t *testing.T) {
			n := second()
			a, b := pair(t, n)
			start := time.Now()
			a.Write([]byte("before "))
			time.Sleep(500 * time.Millisecond)
			c.cut(n)
			a.Write([]byte("during"))
			a.Close()
			time.AfterFunc(time.Minute, func() { c.heal(n) })
			b.SetReadDeadline(start.Add(30 * time.Second))
			if got, err := io.ReadAll(b); len(got) > 0 || err == nil {
				t.Fatalf("%q, %v arrived through the cut", got, err)
			}
			b.SetReadDeadline(time.Time{})
			got, err := io.ReadAll(b)
			if string(got) != "before during" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			// "during" left when the clock of the link stood at 0.5 s.
			if took := time.Since(start); took != 61500*time.Millisecond {
				t.Errorf("took %v, want 1m1.5s", took)
			}
		})
	}
}

func TestCutForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := second()
		a, b := pair(t, n)
		start := time.Now()
		n.Block(alice, bob)
		for _, c := range []net.Conn{a, b} {
			_, err := c.Read(make([]byte, 1))
			if took := time.Since(start); !errors.Is(err, syscall.ETIMEDOUT) || took != 150*time.Second {
				t.Errorf("%v after %v, want ETIMEDOUT after 150s", err, took)
			}
		}
		if got := n.Stats(); got.Conns != 0 {
			t.Errorf("%d ends are left", got.Conns)
		}
	})
}

// TestDialThroughPartition waits for a cut to be lifted.
func TestDialThroughPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New(nil)
		defer n.Close()
		if _, err := n.Listen(port(bob, 80)); err != nil {
			t.Fatal(err)
		}
		n.Block(alice, bob)
		time.AfterFunc(5*time.Second, n.Heal)
		start := time.Now()
		_, err := n.Dial(t.Context(), port(alice, 0), port(bob, 80))
		if took := time.Since(start); err != nil || took != 7*time.Second {
			t.Errorf("%v after %v, want success at the attempt after 7s", err, took)
		}
	})
}

func TestKillBehindPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := second()
		a, _ := pair(t, n)
		n.Block(alice, bob)
		n.Kill(bob)
		start := time.Now()
		time.AfterFunc(time.Minute, n.Heal)
		_, err := a.Read(make([]byte, 1))
		if took := time.Since(start); !errors.Is(err, syscall.ECONNRESET) || took != 61*time.Second {
			t.Errorf("%v after %v, want ECONNRESET after 61s", err, took)
		}
	})
}
