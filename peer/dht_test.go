package peer_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
)

// dhtWorld is a world of hosts with finders, which are closed before them.
type dhtWorld struct {
	*testnet.World
	t       *testing.T
	finders []*peer.Finder
}

func runDHT(t *testing.T, f func(t *testing.T, w *dhtWorld)) {
	t.Helper()
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		d := &dhtWorld{World: w, t: t}
		defer d.closeAll()
		f(t, d)
	})
}

func (w *dhtWorld) closeAll() {
	for _, f := range w.finders {
		if err := f.Close(); err != nil {
			w.t.Errorf("close: %v", err)
		}
	}
}

// finder makes a finder of a host that knows others.
func (w *dhtWorld) finder(h host.Host, known ...host.Host) *peer.Finder {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("JUXTA_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", h.ID().ShortString())
	}
	f := peer.NewFinder(h, log, func() []hostid.AddrInfo { return infos(known...) })
	w.finders = append(w.finders, f)
	return f
}

// client makes a host with a finder.
func (w *dhtWorld) client(known ...host.Host) (*peer.Finder, host.Host) {
	h := w.Host()
	return w.finder(h, known...), h
}

// server makes one that serves.
func (w *dhtWorld) server(known ...host.Host) (*peer.Finder, host.Host) {
	w.t.Helper()
	f, h := w.client(known...)
	w.serve(f, true)
	return f, h
}

func (w *dhtWorld) serve(f *peer.Finder, on bool) {
	w.t.Helper()
	if err := f.Serve(on); err != nil {
		w.t.Fatalf("serve: %v", err)
	}
}

func (w *dhtWorld) provide(f *peer.Finder, g id.Group) {
	w.t.Helper()
	if err := f.Provide(w.t.Context(), g); err != nil {
		w.t.Fatalf("provide: %v", err)
	}
}

// line makes servers of which each knows only the one before.
func (w *dhtWorld) line(n int) (all []*peer.Finder, hosts []host.Host) {
	w.t.Helper()
	for i := range n {
		f, h := w.server(hosts[max(0, i-1):]...)
		all, hosts = append(all, f), append(hosts, h)
	}
	return all, hosts
}

// rendezvous returns whom a search for n finds.
func (w *dhtWorld) rendezvous(f *peer.Finder, g id.Group, n int) []hostid.ID {
	w.t.Helper()
	var found []hostid.ID
	for info := range f.FindRendezvous(w.t.Context(), g, n) {
		if len(info.Addrs) == 0 {
			w.t.Errorf("%s has no address", info.ID)
		}
		if slices.Contains(found, info.ID) {
			w.t.Errorf("%s was found twice", info.ID)
		}
		found = append(found, info.ID)
	}
	slices.Sort(found)
	return found
}

// sees waits until a search finds exactly these.
func (w *dhtWorld) sees(d time.Duration, f *peer.Finder, g id.Group, want ...host.Host) {
	w.t.Helper()
	ids := idsOf(want...)
	w.Until(d, "the group's rendezvous are found", func() bool { return slices.Equal(w.rendezvous(f, g, 10), ids) })
}

func infos(hosts ...host.Host) (all []hostid.AddrInfo) {
	for _, h := range hosts {
		all = append(all, hostid.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	}
	return all
}

func idsOf(hosts ...host.Host) (all []hostid.ID) {
	for _, h := range hosts {
		all = append(all, h.ID())
	}
	slices.Sort(all)
	return all
}

func TestRendezvousKey(t *testing.T) {
	for g, want := range map[id.Group]string{
		id.Net:   "bafkreiatq6w4pjr6yzr3teeoeisesegwmfefo67jiwugdspqxvoelmaxvi",
		id.World: "bafkreihobua4ihd463ofuowk2ikatlchzinypqnpukj6ubkzwlcpchcnja",
	} {
		if got := peer.RendezvousKey(g).String(); got != want {
			t.Errorf("%v: %s, want %s", g, got, want)
		}
	}
}

func TestFindRendezvousAlongALine(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		servers, hosts := w.line(12)
		for _, i := range []int{0, 4, 8} {
			w.provide(servers[i], id.Net)
		}
		client, _ := w.client(hosts[11])
		w.sees(time.Minute, client, id.Net, hosts[0], hosts[4], hosts[8])
		w.sees(time.Minute, servers[4], id.Net, hosts[0], hosts[8]) // and not himself

		for n, want := range map[int]int{-1: 0, 0: 0, 1: 1, 2: 2, 1 << 62: 3} {
			if got := w.rendezvous(client, id.Net, n); len(got) != want {
				t.Errorf("found %d, want %d of %d", len(got), want, n)
			}
		}
		if got := w.rendezvous(client, id.World, 10); len(got) != 0 {
			t.Errorf("found %v in another group", got)
		}
		for range client.FindRendezvous(t.Context(), id.Net, 3) {
			break
		}
	})
}

func TestFindPeerNeverMet(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, hosts := w.line(12)
		edge := w.Host() // has no table, and is met by all
		for _, h := range hosts {
			if err := edge.Connect(t.Context(), infos(h)[0]); err != nil {
				t.Fatal(err)
			}
		}
		for _, h := range []host.Host{hosts[0], hosts[5], edge} {
			client, _ := w.client(hosts[11])
			info, err := client.FindPeer(t.Context(), h.ID())
			if err != nil || info.ID != h.ID() || !slices.ContainsFunc(info.Addrs, h.Addrs()[0].Equal) {
				t.Errorf("%s: %v, %v", h.ID(), info, err)
			}
		}
		nowhere, err := hostid.Decode("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
		if err != nil {
			t.Fatal(err)
		}
		client, _ := w.client(hosts[11])
		for _, p := range []hostid.ID{nowhere, "", "nonsense"} {
			if info, err := client.FindPeer(t.Context(), p); !errors.Is(err, routing.ErrNotFound) {
				t.Errorf("%q: %v, %v", p, info, err)
			}
		}
	})
}

func TestFindWithoutServers(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		silent := w.Host()
		hermit, h := w.client()
		for name, f := range map[string]*peer.Finder{
			"nobody":        hermit,
			"no server":     w.finder(w.Host(), w.Host()),
			"himself":       w.finder(h, h),
			"silent server": w.finder(w.Host(), silent),
		} {
			start := time.Now()
			if got := w.rendezvous(f, id.Net, 3); len(got) != 0 {
				t.Errorf("%s: found %v", name, got)
			}
			if _, err := f.FindPeer(t.Context(), w.Host().ID()); !errors.Is(err, routing.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
			if d := time.Since(start); d > peer.SearchTimeout/2 {
				t.Errorf("%s: two searches took %v", name, d)
			}
		}
	})
}

func TestSearchEndsWithItsContext(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, server := w.server()
		f, _ := w.client(server)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for p := range f.FindRendezvous(ctx, id.Net, 3) {
			t.Errorf("found %v", p)
		}
		if _, err := f.FindPeer(ctx, server.ID()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := f.Provide(ctx, id.Net); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// The first rendezvous has nobody to tell, and tells the next one that comes.
func TestProvideBeforeThereIsAnybody(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		first, h := w.server()
		w.provide(first, id.Net)
		early, _ := w.client(h) // asks himself
		w.sees(time.Second, early, id.Net, h)

		time.Sleep(time.Hour)
		_, second := w.server(h)
		time.Sleep(time.Minute)
		if err := errors.Join(first.Close(), h.Close()); err != nil {
			t.Fatal(err)
		}
		late, _ := w.client(second)
		if got := w.rendezvous(late, id.Net, 1); !slices.Equal(got, idsOf(h)) {
			t.Errorf("found %v: nobody was told", got)
		}
	})
}

// A new table knows at once what the old one did, though others need no telling.
func TestChangeOfModeProvidesAnew(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		other, o := w.server()
		f, h := w.server(o)
		w.provide(f, id.Net)
		time.Sleep(time.Hour) // so the next time of its own is in minutes
		w.serve(f, false)
		w.serve(f, true)
		time.Sleep(time.Second)
		if err := errors.Join(other.Close(), o.Close()); err != nil {
			t.Fatal(err)
		}
		client, _ := w.client(h)
		w.sees(time.Second, client, id.Net, h)
	})
}

func TestDeadProviderIsForgotten(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		servers, hosts := w.line(5)
		w.provide(servers[2], id.Net)
		w.provide(servers[4], id.Net)
		client, _ := w.client(hosts[0])
		w.sees(time.Minute, client, id.Net, hosts[2], hosts[4])

		if err := errors.Join(servers[4].Close(), hosts[4].Close()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if got := w.rendezvous(client, id.Net, 10); !slices.Contains(got, hosts[2].ID()) {
			t.Errorf("found %v, not the one that lives", got)
		}
		if d := time.Since(start); d > peer.SearchTimeout {
			t.Errorf("a search past the dead took %v", d)
		}
		time.Sleep(peer.RecordLife)
		w.sees(peer.ProvideInterval, client, id.Net, hosts[2])
	})
}

func TestStopProviding(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		servers, hosts := w.line(3)
		client, _ := w.client(hosts[0])
		for range 2 { // the second time finds nothing new to do
			w.provide(servers[2], id.Net)
		}
		w.sees(time.Minute, client, id.Net, hosts[2])
		time.Sleep(3 * peer.RecordLife)
		w.sees(time.Minute, client, id.Net, hosts[2])
		servers[2].StopProviding(id.Net)
		servers[2].StopProviding(id.World) // never was
		time.Sleep(peer.RecordLife + peer.ProvideInterval)
		w.sees(time.Second, client, id.Net)
		w.provide(servers[2], id.Net)
		w.sees(time.Minute, client, id.Net, hosts[2])
	})
}

func TestChangeOfModeKeepsWhatIsProvided(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, hosts := w.line(3)
		f, h := w.client(hosts[0])
		client, _ := w.client(hosts[2])
		w.provide(f, id.Net)
		for _, on := range []bool{false, true, true, false, true} {
			w.serve(f, on)
			if serves := slices.Contains(h.Mux().Protocols(), protocol.ID(peer.DHTProtocol)); serves != on {
				t.Errorf("speaks the protocol: %t, want %t", serves, on)
			}
			w.sees(time.Minute, client, id.Net, h)
		}
		// All that others keep is forgotten by now, unless it came from the last table.
		time.Sleep(peer.RecordLife + peer.ProvideInterval)
		w.sees(time.Minute, client, id.Net, h)
		alone, _ := w.client(h) // who asks him first
		w.sees(time.Minute, alone, id.Net, h)
	})
}

// A table that is closed leaves nothing on the host: kad-dht's does.
func TestClosedTableLeavesNothing(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		f, h := w.server()
		streams := func() (n int) {
			for _, c := range h.Network().Conns() {
				for _, s := range c.GetStreams() {
					if s.Protocol() == peer.DHTProtocol {
						n++
					}
				}
			}
			return n
		}
		protected := func() bool {
			return slices.ContainsFunc(h.Network().Peers(), func(p hostid.ID) bool {
				return h.ConnManager().IsProtected(p, "kbucket")
			})
		}
		for !protected() { // which depends on the ID
			other, _ := w.server(h)
			w.provide(other, id.Net)
			time.Sleep(time.Second)
		}
		if streams() == 0 {
			t.Error("no streams: the test tests nothing")
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := streams(); n > 0 || protected() {
			t.Errorf("%d streams are open; a connection is protected: %t", n, protected())
		}
		if slices.Contains(h.Mux().Protocols(), protocol.ID(peer.DHTProtocol)) {
			t.Error("the host still serves")
		}
	})
}

func TestUnusedFinderCostsNothing(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		h := w.Host()
		synctest.Wait()
		before, protocols := runtime.NumGoroutine(), len(h.Mux().Protocols())
		f := w.finder(h)
		w.serve(f, false) // is so already
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > before || len(h.Mux().Protocols()) != protocols {
			t.Errorf("%d goroutines, were %d; %v", n, before, h.Mux().Protocols())
		}
	})
}

func TestFinderClosed(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		unused, _ := w.client()
		used, _ := w.server()
		w.provide(used, id.Net)
		for range 2 {
			for _, f := range []*peer.Finder{unused, used} {
				if err := f.Close(); err != nil {
					t.Error(err)
				}
				if got := w.rendezvous(f, id.Net, 3); len(got) != 0 {
					t.Errorf("found %v", got)
				}
				if _, err := f.FindPeer(t.Context(), w.Host().ID()); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				if err := f.Provide(t.Context(), id.Net); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				if err := f.Serve(true); !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				f.StopProviding(id.Net)
			}
		}
	})
}

// Whoever waits when the finder is closed is told so, soon.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, gone := w.client()
		known := gone.Addrs()
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		h := w.Host()
		f := peer.NewFinder(h, slog.New(slog.DiscardHandler), func() []hostid.AddrInfo {
			return []hostid.AddrInfo{{ID: gone.ID(), Addrs: known}}
		})
		w.Net.Block(addrOf(t, h.Addrs()), addrOf(t, known))
		var calls sync.WaitGroup
		calls.Go(func() {
			if _, err := f.FindPeer(t.Context(), gone.ID()); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
		calls.Go(func() {
			if err := f.Provide(t.Context(), id.Net); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
		calls.Go(func() {
			for p := range f.FindRendezvous(t.Context(), id.Net, 3) {
				t.Errorf("found %v", p)
			}
		})
		time.Sleep(time.Second)
		start := time.Now()
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		calls.Wait()
		if d := time.Since(start); d > time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// Everything at once, for the race detector and for the order of locks.
func TestFinderConcurrently(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, hosts := w.line(3)
		f, _ := w.client(hosts...)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for j := range 4 {
					switch (i + j) % 4 {
					case 0:
						if err := f.Serve(j%2 == 0); err != nil {
							t.Error(err)
						}
					case 1:
						if err := f.Provide(t.Context(), id.Net); err != nil {
							t.Error(err)
						}
					case 2:
						for range f.FindRendezvous(t.Context(), id.Net, 3) {
						}
						f.StopProviding(id.Net)
					case 3:
						_, _ = f.FindPeer(t.Context(), hosts[2].ID())
					}
				}
			})
		}
		all.Wait()
		w.serve(f, true)
		w.provide(f, id.World)
		client, _ := w.client(hosts[1])
		if got := w.rendezvous(client, id.World, 3); len(got) != 1 {
			t.Errorf("found %v", got)
		}
	})
}
