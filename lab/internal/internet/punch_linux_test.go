package internet_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/lab/internal/internet"
)

// punchable reports whether peers behind two kinds of NAT reach each other by sending to
// where a third one has seen them.
func punchable(a, b internet.Kind) bool {
	hard := func(k internet.Kind) bool { return k == internet.PortRestricted || k == internet.Symmetric }
	return !(a == internet.Symmetric && hard(b) || b == internet.Symmetric && hard(a))
}

// Hole punching over UDP works between those NATs between which it can.
func TestPunchingUDP(t *testing.T) {
	t.Parallel()
	kinds := []internet.Kind{internet.FullCone, internet.Restricted, internet.PortRestricted, internet.Symmetric}
	in := newInternet(t)
	carol := udp(t, host(t, in, "carol", ""), 1000)
	for i, kindA := range kinds {
		for _, kindB := range kinds[i:] {
			name := fmt.Sprintf("%s.%s", kindA, kindB)
			site(t, in, "a-"+name, internet.NAT{Kind: kindA})
			site(t, in, "b-"+name, internet.NAT{Kind: kindB})
			a := udp(t, host(t, in, "alice-"+name, "a-"+name), 4001)
			b := udp(t, host(t, in, "bob-"+name, "b-"+name), 4002)
			a.say("hello", at(in, "carol", 1000))
			_, alice := carol.hear(patience)
			b.say("hello", at(in, "carol", 1000))
			_, bob := carol.hear(patience)
			want := punchable(kindA, kindB)
			if got := punch(a, b, alice, bob, expected(want)); got != want {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
}

// punch has both send to where the other one was seen, and answer where they hear from.
func punch(a, b *socket, alice, bob netip.AddrPort, wait time.Duration) bool {
	for range 3 {
		a.say("punch", bob)
		b.say("punch", alice)
		if _, from := a.hear(silence); from.IsValid() {
			bob = from
		}
		if _, from := b.hear(silence); from.IsValid() {
			alice = from
		}
	}
	return reaches(a, bob, b, wait) && reaches(b, alice, a, wait)
}

// punchTCP connects two hosts that both dial, from the ports that carol has seen.
func punchTCP(t *testing.T, in *internet.Internet, alice, bob *internet.Host) bool {
	t.Helper()
	var seen [2]netip.AddrPort
	for i, h := range []*internet.Host{alice, bob} {
		c, text, err := dialFrom(h, 4001, at(in, "carol", 443), patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		seen[i] = netip.MustParseAddrPort(text)
	}
	var errs [2]error
	var dialling sync.WaitGroup
	for i, h := range []*internet.Host{alice, bob} {
		dialling.Go(func() {
			for end := time.Now().Add(patience); time.Now().Before(end); { // it is refused where nobody dials yet
				var c net.Conn
				if c, _, errs[i] = dialFrom(h, 4001, seen[1-i], 1500*time.Millisecond); errs[i] == nil {
					_ = c.Close()
					return
				}
			}
		})
	}
	dialling.Wait()
	t.Logf("%v", errs)
	return errs[0] == nil && errs[1] == nil
}

// dialFrom connects by TCP from a port, and returns what it is greeted with: what carol
// says, or, as both ends of a punched hole do, a word.
func dialFrom(h *internet.Host, port int, to netip.AddrPort, wait time.Duration) (c net.Conn, text string, err error) {
	err = h.Do(func() (err error) {
		d := net.Dialer{
			Timeout: wait, LocalAddr: &net.TCPAddr{IP: net.IPv4zero, Port: port}, Control: reuse,
		}
		c, err = d.Dial("tcp4", to.String())
		return err
	})
	if err != nil {
		return nil, "", err
	}
	_ = c.SetDeadline(time.Now().Add(wait))
	if to.Port() != 443 {
		if _, err = io.WriteString(c, "punched"); err != nil {
			return c, "", err
		}
	}
	b := make([]byte, 64)
	n, err := c.Read(b)
	return c, string(b[:n]), err
}

// Hole punching over TCP works, too: a router that hears from outside too early says
// nothing, and forgets it.
func TestPunchingTCP(t *testing.T) {
	t.Parallel()
	for _, kinds := range [][2]internet.Kind{
		{internet.PortRestricted, internet.PortRestricted},
		{internet.UDPBlocked, internet.UDPBlocked},
		{internet.FullCone, internet.PortRestricted},
		{internet.Symmetric, internet.PortRestricted},
	} {
		in := newInternet(t)
		site(t, in, "a", internet.NAT{Kind: kinds[0]})
		site(t, in, "b", internet.NAT{Kind: kinds[1]})
		listen(t, host(t, in, "carol", ""), 443)
		if got := punchTCP(t, in, host(t, in, "alice", "a"), host(t, in, "bob", "b")); got != punchable(kinds[0], kinds[1]) {
			t.Errorf("%v: %v", kinds, got)
		}
	}
}
