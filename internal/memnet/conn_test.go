package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/juxta-p2p/juxta/internal/memnet"
)

var (
	alice = netip.MustParseAddr("10.0.0.1")
	bob   = netip.MustParseAddr("10.0.0.2")
	carol = netip.MustParseAddr("10.0.0.3")
)

func port(a netip.Addr, p uint16) netip.AddrPort { return netip.AddrPortFrom(a, p) }

// connect makes a connection from alice to bob and gives her end first.
func connect(n *memnet.Network) (net.Conn, net.Conn, error) {
	l, err := n.Listen(port(bob, 80))
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	a, err := n.Dial(context.Background(), port(alice, 0), port(bob, 80))
	if err != nil {
		return nil, nil, err
	}
	b, err := l.Accept()
	return a, b, err
}

// pair is connect for tests: whatever is left ends with the test.
func pair(t *testing.T, n *memnet.Network) (net.Conn, net.Conn) {
	t.Helper()
	a, b, err := connect(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// bubble runs f in virtual time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestConn(t *testing.T) {
	for name, link := range map[string]memnet.Link{
		"instant": {},
		"slow":    {Latency: time.Millisecond, Bandwidth: 100 << 20, Window: 8 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				n := memnet.New(&memnet.Config{Link: link.Everywhere})
				a, b, err := connect(n)
				return a, b, func() { n.Close() }, err
			})
		})
	}
}

// TestTiming sends a number of bytes and checks when the last arrives.
func TestTiming(t *testing.T) {
	for name, c := range map[string]struct {
		link  memnet.Link
		bytes int
		want  time.Duration
	}{
		"latency only": {memnet.Link{Latency: 50 * time.Millisecond}, 100 << 10, 50 * time.Millisecond},
		"bandwidth":    {memnet.Link{Latency: 50 * time.Millisecond, Bandwidth: 1 << 20}, 1 << 19, 550 * time.Millisecond},
		// A window leaves when the one before has been read.
		"window": {memnet.Link{Latency: 50 * time.Millisecond, Window: 10 << 10}, 40 << 10, 200 * time.Millisecond},
	} {
		bubble(t, name, func(t *testing.T) {
			a, b := pair(t, memnet.New(&memnet.Config{Link: c.link.Everywhere}))
			start := time.Now()
			go a.Write(make([]byte, c.bytes))
			if _, err := io.ReadFull(b, make([]byte, c.bytes)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took != c.want {
				t.Errorf("took %v, want %v", took, c.want)
			}
		})
	}
}

func TestCloseLeavesData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, memnet.New(&memnet.Config{Link: memnet.Link{Latency: time.Second}.Everywhere}))
		if _, err := a.Write([]byte("farewell")); err != nil {
			t.Fatal(err)
		}
		a.Close()
		if _, err := a.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after Close: %v, want net.ErrClosed", err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v, want net.ErrClosed", err)
		}
		if _, err := b.Write([]byte("what?")); err != nil {
			t.Errorf("write before the news of Close: %v", err)
		}
		if got, err := io.ReadAll(b); string(got) != "farewell" || err != nil {
			t.Errorf("the rest is %q, %v", got, err)
		}
		if _, err := b.Write([]byte("what?")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after the news of Close: %v, want EPIPE", err)
		}
	})
}

// TestWritesDoNotMix has two goroutines write through a window smaller than what
// they write at once.
func TestWritesDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, memnet.New(&memnet.Config{Link: memnet.Link{Window: 3}.Everywhere}))
		for _, s := range []string{"aaaaaaaaaa", "bbbbbbbbbb"} {
			go a.Write([]byte(s))
		}
		got := make([]byte, 20)
		if _, err := io.ReadFull(b, got); err != nil {
			t.Fatal(err)
		}
		if s := string(got[:10]); strings.Count(s, s[:1]) != 10 {
			t.Errorf("got %q", got)
		}
	})
}

// TestChangingLink shortens the latency under an open connection.
func TestChangingLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := memnet.Link{Latency: time.Second}
		a, b := pair(t, memnet.New(&memnet.Config{
			Link: func(_, _ netip.Addr) memnet.Link { return link },
		}))
		start := time.Now()
		a.Write([]byte("1"))
		link.Latency = time.Millisecond
		a.Write([]byte("2"))
		got := make([]byte, 2)
		if _, err := io.ReadFull(b, got); err != nil || string(got) != "12" {
			t.Fatalf("got %q, %v: bytes overtook one another", got, err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v, want 1s", took)
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, memnet.New(&memnet.Config{Link: memnet.Link{Window: 10}.Everywhere}))
		start := time.Now()
		a.SetDeadline(start.Add(time.Minute))
		n, err := a.Write(make([]byte, 15))
		if n != 10 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write = %d, %v; want 10, os.ErrDeadlineExceeded", n, err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read: %v, want os.ErrDeadlineExceeded", err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %v, want 1m", took)
		}
	})
}
