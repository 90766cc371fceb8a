package peer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
)

// relayedWorld is a relay, bob who has a place there, and alice, who is connected to bob
// through it alone. It returns bob's advertisement.
func relayedWorld(t *testing.T, ctx context.Context) (hub, alice, bob *peer.Peer, known *adv.Signed) {
	t.Helper()
	both := []string{loopTCP, loopQUIC}
	hub = startReal(t, &peer.Config{Name: "hub", Listen: both, Relay: peer.RelayOn})
	bob = startReal(t, &peer.Config{Name: "bob", Listen: both, Seeds: hub.Addrs(), Reach: peer.ReachPrivate})
	if err := bob.AwaitReachable(ctx); err != nil {
		t.Fatal(err)
	}
	alice = startReal(t, &peer.Config{Name: "alice", Listen: both})
	circuit, err := hostid.AddrInfoFromString(hub.Addrs()[0] + "/p2p-circuit/p2p/" + bob.HostID())
	if err != nil {
		t.Fatal(err)
	}
	if known, err = alice.Net().Connect(ctx, *circuit); err != nil {
		t.Fatal(err)
	}
	return hub, alice, bob, known
}

func TestRealWhyThroughARelay(t *testing.T) {
	testnet.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	hub, alice, bob, known := relayedWorld(t, ctx)
	w, err := alice.Why(ctx, alice.Net(), bob.HostID(), known, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if w.Path != "relayed" || w.Via != hub.HostID() || w.RTT <= 0 || w.Err != nil || len(w.Conns) != 1 || w.Conns[0].Relay != w.Via {
		t.Errorf("%+v", w)
	}
	if w.There == nil || len(w.There.Relays) != 1 || w.There.Relays[0] != (peer.Relay{Host: hub.HostID(), Name: "hub"}) {
		t.Errorf("bob is placed as %+v", w.There)
	}
	kinds := map[string]int{}
	for _, a := range w.Trials {
		kinds[a.Kind]++
		if !a.OK || a.Took <= 0 {
			t.Errorf("%+v", a)
		}
	}
	if kinds["loopback"] != 2 || kinds["relay"] < 1 {
		t.Errorf("addresses: %v", kinds)
	}
	if got := alice.Conns(bob.HostID()); len(got) != 1 || got[0].Relay == "" || got[0].Since != w.Conns[0].Since {
		t.Errorf("there is another connection than before: %+v", got)
	}
	if err := alice.Net().AwaitPath(ctx, bob.ID(), "relayed"); err != nil {
		t.Error(err)
	}
	if err := alice.Net().AwaitPath(ctx, bob.ID(), "direct"); err != nil {
		t.Error(err)
	}
	if ping, err := alice.Net().Ping(ctx, bob.ID()); err != nil || ping.Relayed || ping.Via() != "" {
		t.Errorf("%+v, %v", ping, err)
	}
}

func TestRealWhyOfAPeerThatIsAway(t *testing.T) {
	testnet.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	hub, alice, bob, known := relayedWorld(t, ctx)
	host := bob.HostID()
	if err := bob.Close(); err != nil {
		t.Fatal(err)
	}
	if err := alice.Teach(host, hub.Addrs()[0][:strings.Index(hub.Addrs()[0], "/p2p/")], alice.Addrs()[0]); err == nil {
		t.Error("taught alice's own address, with her ID, as bob's")
	}
	var elsewhere []string
	for _, a := range append(hub.Addrs(), alice.Addrs()...) {
		at, _ := hostid.SplitAddr(ma.StringCast(a))
		elsewhere = append(elsewhere, at.String())
	}
	if err := alice.Teach(host, append(elsewhere, "/ip4/127.0.0.1/udp/1/webrtc-direct")...); err != nil {
		t.Fatal(err)
	}
	w, err := alice.Why(ctx, alice.Net(), host, known, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if w.Path != "" || w.Err == nil || w.There != nil || w.Via != "" {
		t.Errorf("%+v", w)
	}
	troubles := map[peer.Trouble]int{}
	for _, a := range w.Trials {
		troubles[a.Why]++
		if a.OK || a.Cause == "" {
			t.Errorf("%+v", a)
		}
		t.Logf("%s: %s, %s, %v", a.Addr, a.Why, a.Cause, a.Took)
	}
	if troubles[peer.OtherPeer] != 4 || troubles[peer.Refused] < 1 || troubles[peer.NoPlace]+troubles[peer.NoRelay] < 1 {
		t.Errorf("%v", troubles)
	}
	late, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if err := alice.Net().AwaitPath(late, bob.ID(), ""); err == nil || late.Err() == nil {
		t.Error(err)
	}
	if n, err := alice.Forget(host); err != nil || n < 5 || len(alice.Addresses(host)) != 0 {
		t.Errorf("forgot %d, %v; %v are left", n, err, alice.Addresses(host))
	}
}

func TestTeachRefuses(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		alice, bob := w.Start("alice"), w.Start("bob")
		for addr, want := range map[string]string{
			"nonsense":             "is no multiaddr",
			"/p2p/" + bob.HostID(): "not where",
			"/ip4/1.2.3.4/tcp/1/p2p/" + alice.HostID(): "of another peer",
			"/ip4/1.2.3.4/tcp/1/p2p-circuit":           "which relay",
		} {
			if err := alice.Teach(bob.HostID(), addr); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", addr, err, want)
			}
		}
		if err := alice.Teach("bob", "/ip4/1.2.3.4/tcp/1"); err == nil {
			t.Error("taught of a host that is no ID")
		}
		if err := alice.Teach(bob.HostID(), bob.Addrs()...); err != nil {
			t.Fatal(err)
		}
		if a, err := alice.Meet(t.Context(), bob.HostID()); err != nil || a.Signer() != bob.ID() {
			t.Errorf("%v, %v", a, err)
		}
		if alice.NameOf(bob.HostID()) != "bob" || alice.NameOf(alice.HostID()) != "alice" || alice.NameOf("x") != "" {
			t.Error("the names are wrong")
		}
		if n := alice.ForgetAll(); n != 0 || len(alice.Addresses(bob.HostID())) == 0 {
			t.Errorf("forgot %d hosts, with bob connected", n)
		}
		w.Until(time.Second, "bob has met alice", func() bool {
			for range bob.Net().Discovery().Local(discovery.Query{Kind: adv.KindPeer, Attr: "Name", Value: "alice"}) {
				return true
			}
			return false
		})
	})
}
