package internet_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/lab/internal/internet"
)

// What each kind of NAT does with UDP: who is sent something, sees which port; and who
// gets in.
func TestKindsOfNAT(t *testing.T) {
	for kind, want := range map[internet.Kind]struct {
		out        bool // packets get out at all
		oneMapping bool // every destination sees the same port
		otherPort  bool // the address that was written to gets in from another port
		otherHost  bool // everybody gets in
	}{
		internet.None:           {true, true, true, true},
		internet.FullCone:       {true, true, true, true},
		internet.Restricted:     {true, true, true, false},
		internet.PortRestricted: {true, true, false, false},
		internet.Symmetric:      {true, false, false, false},
		internet.UDPBlocked:     {},
		internet.OnlyHTTPS:      {},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			in := newInternet(t)
			site(t, in, "a", internet.NAT{Kind: kind})
			alice, carol, dave := host(t, in, "alice", "a"), host(t, in, "carol", ""), host(t, in, "dave", "")
			a, c, c2, d := udp(t, alice, 4001), udp(t, carol, 1000), udp(t, carol, 2000), udp(t, dave, 1000)

			a.say("hello", at(in, "carol", 1000))
			wait := patience
			if !want.out {
				wait = silence
			}
			_, seen := c.hear(wait)
			if seen.IsValid() != want.out {
				t.Fatalf("carol has heard something: %v", seen.IsValid())
			}
			if !want.out {
				return
			}
			if own := at(in, "alice", 4001); (seen == own) != (kind == internet.None) {
				t.Errorf("alice at %v is seen as %v", own, seen)
			}
			if !reaches(c, seen, a, patience) {
				t.Error("carol cannot answer")
			}
			if got := reaches(c2, seen, a, expected(want.otherPort)); got != want.otherPort {
				t.Errorf("carol gets in from another port: %v", got)
			}
			if got := reaches(d, seen, a, expected(want.otherHost)); got != want.otherHost {
				t.Errorf("dave gets in uninvited: %v", got)
			}
			a.say("hello", at(in, "dave", 1000))
			_, other := d.hear(patience)
			if (other == seen) != want.oneMapping || other.Addr() != seen.Addr() {
				t.Errorf("carol sees %v, dave %v", seen, other)
			}
			if !reaches(d, other, a, patience) {
				t.Error("dave cannot answer")
			}
		})
	}
}

// expected is how long to wait for what comes, or does not.
func expected(yes bool) (wait time.Duration) {
	if yes {
		return patience
	}
	return silence
}

// Who gets in over TCP, and out.
func TestKindsOfNATOverTCP(t *testing.T) {
	for kind, want := range map[internet.Kind]struct{ out, out443, in bool }{
		internet.None:           {true, true, true},
		internet.FullCone:       {true, true, true},
		internet.Restricted:     {true, true, false},
		internet.PortRestricted: {true, true, false},
		internet.Symmetric:      {true, true, false},
		internet.UDPBlocked:     {true, true, false},
		internet.OnlyHTTPS:      {false, true, false},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			in := newInternet(t)
			site(t, in, "a", internet.NAT{Kind: kind})
			alice, carol, dave := host(t, in, "alice", "a"), host(t, in, "carol", ""), host(t, in, "dave", "")
			listen(t, carol, 443)
			listen(t, carol, 4001)
			_, err := dial(alice, at(in, "carol", 4001), expected(want.out))
			if (err == nil) != want.out {
				t.Errorf("out: %v", err)
			}
			seen, err := dial(alice, at(in, "carol", 443), expected(want.out443))
			if (err == nil) != want.out443 {
				t.Errorf("out to 443: %v", err)
			}
			if from := in.Addr("a"); kind != internet.None && !strings.HasPrefix(seen, from+":") {
				t.Errorf("seen as %s, and the site is at %s", seen, from)
			}
			outer, err := netip.ParseAddrPort(seen)
			if err != nil {
				t.Fatal(err)
			}
			listen(t, alice, outer.Port()) // the port outside is the same, but for a symmetric NAT
			if _, err = dial(dave, outer, expected(want.in)); (err == nil) != want.in {
				t.Errorf("in: %v", err)
			}
		})
	}
}

// Two hosts behind one NAT may use the same port: one has it outside, the other gets
// answers all the same.
func TestTwoHostsShareANAT(t *testing.T) {
	for _, kind := range []internet.Kind{internet.FullCone, internet.PortRestricted, internet.Symmetric} {
		in := newInternet(t)
		site(t, in, "a", internet.NAT{Kind: kind})
		alice, bob, carol := host(t, in, "alice", "a"), host(t, in, "bob", "a"), host(t, in, "carol", "")
		a, b, c := udp(t, alice, 4001), udp(t, bob, 4001), udp(t, carol, 1000)
		a.say("hello", at(in, "carol", 1000))
		_, toAlice := c.hear(patience)
		b.say("hello", at(in, "carol", 1000))
		_, toBob := c.hear(patience)
		if toAlice == toBob {
			t.Errorf("%s: both are %v", kind, toAlice)
		}
		if !reaches(c, toAlice, a, patience) || !reaches(c, toBob, b, patience) {
			t.Errorf("%s: an answer does not arrive", kind)
		}
		if !reaches(a, at(in, "bob", 4001), b, patience) {
			t.Errorf("%s: the local network does not work", kind)
		}
	}
}

// Hosts behind one NAT reach each other by its outer address only if it has a hairpin.
func TestHairpin(t *testing.T) {
	for _, kind := range []internet.Kind{internet.FullCone, internet.Restricted, internet.PortRestricted} {
		for _, hairpin := range []bool{false, true} {
			in := newInternet(t)
			site(t, in, "a", internet.NAT{Kind: kind, Hairpin: hairpin})
			alice, bob, carol := host(t, in, "alice", "a"), host(t, in, "bob", "a"), host(t, in, "carol", "")
			a, b, c := udp(t, alice, 4001), udp(t, bob, 4002), udp(t, carol, 1000)
			a.say("hello", at(in, "carol", 1000))
			_, toAlice := c.hear(patience)
			if got := reaches(b, toAlice, a, expected(hairpin)); got != hairpin {
				t.Errorf("%s, hairpin %v: bob reaches alice: %v", kind, hairpin, got)
			}
			if !hairpin {
				continue
			}
			b.say("hello", toAlice)
			_, toBob := a.hear(patience)
			if toBob.Addr() != toAlice.Addr() {
				t.Errorf("%s: alice sees bob at %v, not at the outer address", kind, toBob)
			}
			if !reaches(a, toBob, b, patience) {
				t.Errorf("%s: alice cannot answer", kind)
			}
		}
	}
	in := newInternet(t)
	if in.Site("a", internet.NAT{Kind: internet.Symmetric, Hairpin: true}) == nil {
		t.Error("a symmetric NAT with a hairpin is made")
	}
}

// A NAT behind a provider's: packets pass both, and each filters.
func TestCarrierGradeNAT(t *testing.T) {
	in := newInternet(t)
	site(t, in, "isp", internet.NAT{Kind: internet.PortRestricted})
	site(t, in, "home", internet.NAT{Kind: internet.FullCone, Behind: "isp"})
	alice, carol := host(t, in, "alice", "home"), host(t, in, "carol", "")
	if in.At("home") != "isp" || !strings.HasPrefix(in.Addr("home"), "100.64.") {
		t.Errorf("home is at %s, %s", in.At("home"), in.Addr("home"))
	}
	a, c, c2 := udp(t, alice, 4001), udp(t, carol, 1000), udp(t, carol, 2000)
	a.say("hello", at(in, "carol", 1000))
	_, seen := c.hear(patience)
	if seen.Addr().String() != in.Addr("isp") {
		t.Errorf("alice is seen at %v, and her provider is %s", seen, in.Addr("isp"))
	}
	if !reaches(c, seen, a, patience) {
		t.Error("carol cannot answer")
	}
	if reaches(c2, seen, a, silence) {
		t.Error("the provider lets in who is not wanted")
	}
	listen(t, carol, 4001)
	if from, err := dial(alice, at(in, "carol", 4001), patience); err != nil || !strings.HasPrefix(from, in.Addr("isp")+":") {
		t.Errorf("over TCP: %v, seen at %s", err, from)
	}
}

// A router that was switched off and on has other ports for the same sockets, and the
// same one for all destinations, as before.
func TestRebind(t *testing.T) {
	for _, kind := range []internet.Kind{internet.FullCone, internet.PortRestricted, internet.Symmetric} {
		in := newInternet(t)
		site(t, in, "a", internet.NAT{Kind: kind})
		alice, carol, dave := host(t, in, "alice", "a"), host(t, in, "carol", ""), host(t, in, "dave", "")
		a, c, d := udp(t, alice, 4001), udp(t, carol, 1000), udp(t, dave, 1000)
		a.say("hello", at(in, "carol", 1000))
		_, before := c.hear(patience)
		for range 2 {
			if err := in.Rebind("a"); err != nil {
				t.Fatal(err)
			}
			if reaches(c, before, a, silence) {
				t.Errorf("%s: the old port %v works", kind, before)
			}
			a.say("hello", at(in, "carol", 1000))
			_, after := c.hear(patience)
			if after == before || !after.IsValid() {
				t.Errorf("%s: the port was %v and is %v", kind, before, after)
			}
			if !reaches(c, after, a, patience) {
				t.Errorf("%s: carol cannot answer", kind)
			}
			a.say("hello", at(in, "dave", 1000))
			if _, seen := d.hear(patience); (seen == after) != (kind != internet.Symmetric) {
				t.Errorf("%s: carol sees %v, dave %v", kind, after, seen)
			}
			if got := reaches(d, after, a, expected(kind != internet.Symmetric)); got == (kind == internet.Symmetric) {
				t.Errorf("%s: dave gets in: %v", kind, got)
			}
			before = after
		}
	}
}

// Changing a site's kind ends what was possible before.
func TestKindCanBeChanged(t *testing.T) {
	in := newInternet(t)
	site(t, in, "a", internet.NAT{Kind: internet.FullCone})
	alice, carol := host(t, in, "alice", "a"), host(t, in, "carol", "")
	a, c := udp(t, alice, 4001), udp(t, carol, 1000)
	a.say("hello", at(in, "carol", 1000))
	_, seen := c.hear(patience)
	site(t, in, "a", internet.NAT{Kind: internet.UDPBlocked})
	if reaches(c, seen, a, silence) || reaches(a, at(in, "carol", 1000), c, silence) {
		t.Error("an old connection passes the new rules")
	}
	if in.Site("a", internet.NAT{Kind: internet.None}) == nil {
		t.Error("the NAT can be taken away, although the hosts have private addresses")
	}
}
