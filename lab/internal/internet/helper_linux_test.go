package internet_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/juxta-p2p/juxta/lab/internal/internet"
)

// patience is how long a test waits for what has to come, and silence for what must not.
const (
	patience = 5 * time.Second
	silence  = 150 * time.Millisecond
)

// newInternet makes an internet for a test, and sees that nothing of it is left.
func newInternet(t *testing.T) *internet.Internet {
	t.Helper()
	if testing.Short() {
		t.Skip("makes network namespaces")
	}
	if err := internet.Possible(); err != nil {
		t.Skipf("needs root, nftables and network namespaces: %v", err)
	}
	in, err := internet.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	})
	return in
}

func site(t *testing.T, in *internet.Internet, name string, n internet.NAT) {
	t.Helper()
	if err := in.Site(name, n); err != nil {
		t.Fatal(err)
	}
}

func host(t *testing.T, in *internet.Internet, name, at string) *internet.Host {
	t.Helper()
	h, err := in.Host(name, at)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// socket is a UDP socket on a host.
type socket struct {
	*net.UDPConn
	t *testing.T
}

func udp(t *testing.T, h *internet.Host, port uint16) *socket {
	t.Helper()
	var c *net.UDPConn
	err := h.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.IPv4Unspecified(), port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &socket{c, t}
}

func (s *socket) say(text string, to netip.AddrPort) {
	s.t.Helper()
	if _, err := s.WriteToUDPAddrPort([]byte(text), to); err != nil {
		s.t.Fatal(err)
	}
}

// hear waits for a packet, and says from whom it is; it is the zero address if none
// comes.
func (s *socket) hear(wait time.Duration) (text string, from netip.AddrPort) {
	s.t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(wait)); err != nil {
		s.t.Fatal(err)
	}
	b := make([]byte, 2048)
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Fatal(err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// reaches says something from one socket to where another one is, and whether it comes.
func reaches(from *socket, at netip.AddrPort, to *socket, wait time.Duration) bool {
	from.t.Helper()
	text := from.LocalAddr().String() + time.Now().String()
	from.say(text, at)
	for {
		switch got, by := to.hear(wait); {
		case !by.IsValid():
			return false
		case got == text:
			return true
		}
	}
}

func at(in *internet.Internet, name string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(in.Addr(name)), port)
}

// listen serves TCP on a host: it greets whoever comes.
func listen(t *testing.T, h *internet.Host, port uint16) {
	t.Helper()
	var ln net.Listener
	err := h.Do(func() (err error) {
		ln, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.IPv4Unspecified(), port)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(c.RemoteAddr().String()))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
}

// dial connects by TCP, and returns the address that the other end sees.
func dial(h *internet.Host, to netip.AddrPort, wait time.Duration) (seen string, err error) {
	err = h.Do(func() error {
		c, err := (&net.Dialer{Timeout: wait, Control: reuse}).Dial("tcp4", to.String())
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(wait))
		b := make([]byte, 64)
		n, err := c.Read(b)
		seen = string(b[:n])
		return err
	})
	return seen, err
}

// reuse lets others use the port of a socket.
func reuse(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
}
