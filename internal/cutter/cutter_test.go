package cutter_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/cutter"
	"github.com/juxta-p2p/juxta/internal/testnet"
)

const patience = 10 * time.Second // of a test with what has to happen

// newProxy makes a proxy in front of a listener. Both end with the test, and no
// goroutine is left.
func newProxy(t *testing.T) (*cutter.Proxy, *net.TCPListener) {
	t.Helper()
	testnet.CheckLeaks(t)
	ln := listen(t)
	p, err := cutter.New(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, ln
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// dial connects to the proxy.
func dial(t *testing.T, p *cutter.Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(p.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	return hasty(t, c)
}

func accept(t *testing.T, ln *net.TCPListener) *net.TCPConn {
	t.Helper()
	_ = ln.SetDeadline(time.Now().Add(patience))
	c, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	return hasty(t, c)
}

// hasty gives a connection a deadline, and closes it with the test.
func hasty(t *testing.T, c *net.TCPConn) *net.TCPConn {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// connect makes a connection through the proxy.
func connect(t *testing.T, p *cutter.Proxy, ln *net.TCPListener) (near, far *net.TCPConn) {
	t.Helper()
	near = dial(t, p)
	return near, accept(t, ln)
}

// say sends something one way and sees it arrive.
func say(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != text {
		t.Fatalf("read %q, %v, want %q", got, err, text)
	}
}

// wantReset reads what has arrived before the reset, which has to come.
func wantReset(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(c)
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after %d bytes: %v, want a reset", len(b), err)
	}
	return b
}

// wantRefused sees that a connection to the proxy is reset, be it before dialling has
// ended.
func wantRefused(t *testing.T, p *cutter.Proxy) {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(p.Addr()))
	if err == nil {
		_, err = hasty(t, c).Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}

// wantSilence sees that nothing arrives for a while, not even an error.
func wantSilence(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	var timeout net.Error
	if n > 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read %d bytes, %v, want silence", n, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestForwards(t *testing.T) {
	p, ln := newProxy(t)
	near, far := connect(t, p, ln)
	say(t, near, far, "ping")
	say(t, far, near, "pong")
	if n := p.Passed(); n != 8 {
		t.Errorf("%d bytes passed, want 8", n)
	}

	data := random(8 << 20)
	for _, way := range [][2]*net.TCPConn{{near, far}, {far, near}} { // each ends its side, the other goes on
		from, to := way[0], way[1]
		var sending sync.WaitGroup
		sending.Go(func() {
			if _, err := from.Write(data); err != nil {
				t.Error(err)
			}
			_ = from.CloseWrite()
		})
		got, err := io.ReadAll(to)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v, want %d", len(got), err, len(data))
		}
		sending.Wait()
	}
	if n := p.Cuts(); n != 0 {
		t.Errorf("%d cuts", n)
	}
}

// What was forwarded arrives also if its reader comes late.
func TestOrderlyEndLosesNothing(t *testing.T) {
	p, ln := newProxy(t)
	near, far := connect(t, p, ln)
	_ = far.CloseWrite()
	data := random(64 << 10)
	if _, err := near.Write(data); err != nil {
		t.Fatal(err)
	}
	near.Close()
	until(t, "the proxy has done with it", func() bool { return p.Conns() == 0 })
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestCut(t *testing.T) {
	p, ln := newProxy(t)
	if n := p.Cut(); n != 0 || p.Cuts() != 0 {
		t.Errorf("cut %d of no connections", n)
	}
	var ends []*net.TCPConn
	for range 3 {
		near, far := connect(t, p, ln)
		say(t, near, far, "ping")
		ends = append(ends, near, far)
	}
	if n := p.Cut(); n != 3 || p.Cuts() != 1 {
		t.Errorf("cut %d of 3 connections", n)
	}
	for _, c := range ends {
		wantReset(t, c)
	}
	near, far := connect(t, p, ln)
	say(t, near, far, "again")
	_ = far.SetLinger(0)
	far.Close()
	wantReset(t, near) // a reset of one end is passed on
}

func TestCutAt(t *testing.T) {
	const size = 1 << 20
	p, ln := newProxy(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	data := random(size)
	counts := []int64{0, 1, size, chunkSize, chunkSize + 1}
	for range 10 {
		counts = append(counts, 1+rnd.Int64N(size-1))
	}
	for i, at := range counts {
		near, far := connect(t, p, ln)
		p.CutAt(at)
		before := p.Passed()
		var sending sync.WaitGroup
		sending.Go(func() { _, _ = near.Write(data) })
		got := wantReset(t, far)
		sending.Wait()
		if int64(len(got)) > at || !bytes.HasPrefix(data, got) {
			t.Errorf("%d bytes arrived of the %d before the cut", len(got), at)
		}
		if n := p.Passed() - before; n != at {
			t.Errorf("%d bytes passed, want %d", n, at)
		}
		if n := p.Cuts(); n != i+1 {
			t.Errorf("%d cuts, want %d", n, i+1)
		}
	}
}

// chunkSize is what the proxy forwards at once.
const chunkSize = 128 << 10

// Several cuts come one after another, in the order of their counts, and a later call
// replaces those to come.
func TestSeveralCuts(t *testing.T) {
	p, ln := newProxy(t)
	p.CutAt(30, 10)
	for _, want := range []int{10, 20} {
		near, far := connect(t, p, ln)
		if _, err := near.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if got := wantReset(t, far); len(got) > want {
			t.Errorf("%d bytes, want %d", len(got), want)
		}
	}
	if n := p.Passed(); n != 30 {
		t.Errorf("%d bytes passed, want 30", n)
	}
	near, far := connect(t, p, ln)
	p.CutAt(5)
	p.CutAt()
	say(t, near, far, "as long as it likes to be")
}

func TestStall(t *testing.T) {
	p, ln := newProxy(t)
	near, far := connect(t, p, ln)
	say(t, near, far, "before")
	p.Stall()
	p.Stall()
	late := dial(t, p) // is there, and leads nowhere
	for from, to := range map[*net.TCPConn]*net.TCPConn{near: far, far: near} {
		if _, err := io.WriteString(from, "after"); err != nil {
			t.Fatal(err)
		}
		wantSilence(t, to)
	}
	_ = near.CloseWrite()
	wantSilence(t, far)
	_ = ln.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if c, err := ln.Accept(); err == nil {
		c.Close()
		t.Error("a connection through a black hole")
	}
	p.Resume()
	p.Resume()
	if got, err := io.ReadAll(far); err != nil || string(got) != "after" {
		t.Errorf("read %q, %v", got, err)
	}
	_ = far.Close()
	if got, err := io.ReadAll(near); err != nil || string(got) != "after" {
		t.Errorf("read %q, %v", got, err)
	}
	say(t, late, accept(t, ln), "hello")
}

// An end that resets its connection in a black hole is not heard of before it ends.
func TestStallHidesReset(t *testing.T) {
	p, ln := newProxy(t)
	near, far := connect(t, p, ln)
	say(t, near, far, "before")
	p.Stall()
	_ = near.SetLinger(0)
	near.Close()
	wantSilence(t, far)
	p.Resume()
	wantReset(t, far)
}

func TestCutAndCloseWhileStalled(t *testing.T) {
	p, ln := newProxy(t)
	near, far := connect(t, p, ln)
	p.Stall()
	late := dial(t, p)
	until(t, "both are there", func() bool { return p.Conns() == 2 })
	p.Cut()
	for _, c := range []net.Conn{near, far, late} {
		wantReset(t, c)
	}
	last := dial(t, p)
	until(t, "it is there", func() bool { return p.Conns() == 1 })
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	wantReset(t, last)
	if c, err := net.Dial("tcp", p.Addr().String()); err == nil {
		c.Close()
		t.Error("it listens after Close")
	}
}

func TestRefuse(t *testing.T) {
	p, ln := newProxy(t)
	near, far := connect(t, p, ln)
	p.Refuse(true)
	wantRefused(t, p)
	say(t, near, far, "those that are there stay")
	p.Refuse(false)
	near, far = connect(t, p, ln)
	say(t, near, far, "welcome")
}

func TestRetarget(t *testing.T) {
	p, ln := newProxy(t)
	near, far := connect(t, p, ln)
	other := listen(t)
	p.Retarget(other.Addr().String())
	say(t, near, far, "those that are there stay")
	near, far = connect(t, p, other)
	say(t, near, far, "moved")
	other.Close()
	wantRefused(t, p) // nobody is there
	p.Retarget("nonsense")
	wantRefused(t, p)
	p.Retarget(ln.Addr().String())
	near, far = connect(t, p, ln)
	say(t, near, far, "back")
}

// until waits for something to become true.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !cond(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}
