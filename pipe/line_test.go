package pipe_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/cutter"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// line is two peers with a bad line between them: real TCP on the loopback, through a
// proxy that cuts it. The server announces the address of the proxy and no other, and
// the client none at all, so there is no other way from one to the other.
type line struct {
	*cutter.Proxy
	server, client *peer.Peer
	patience       time.Duration // of the pipes
	// done bounds all that a test does, so that what hangs fails by itself.
	done context.Context
}

const (
	shortPatience = 3 * time.Second // of pipes whose patience is exhausted
	noticed       = 9 * time.Second // how long it takes at most until a silent connection is given up
)

// newLine makes a line that is to be done with within limit. When the test has ended no
// goroutine may be left.
func newLine(t testing.TB, limit time.Duration) *line {
	t.Helper()
	return newPatientLine(t, limit, 0)
}

// newPatientLine is newLine for pipes whose patience is not the usual one.
func newPatientLine(t testing.TB, limit, patience time.Duration) *line {
	t.Helper()
	testnet.CheckLeaks(t)
	proxy, err := cutter.New("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	l := &line{Proxy: proxy, patience: patience}
	var cancel context.CancelFunc
	l.done, cancel = context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	begin := func(cfg *peer.Config, opts ...libp2p.Option) *peer.Peer {
		cfg.NoDHT, cfg.Patience, cfg.Log = true, patience, testLog(cfg.Name)
		cfg.Stack = append(opts, overTCP()...)
		return start(t, cfg)
	}
	l.server = begin(&peer.Config{
		Name: "server", Listen: []string{loopback}, Role: rendezvous.Rendezvous,
	}, libp2p.AddrsFactory(behind(proxy)))
	l.client = begin(&peer.Config{Name: "client", Listen: []string{}, Role: rendezvous.Edge, Seeds: l.server.Addrs()})
	if err := l.client.Net().Rendezvous().Settle(l.done); err != nil {
		t.Fatal(err)
	}
	return l
}

// testLog is where a peer logs, if anybody wants to know.
func testLog(name string) *slog.Logger {
	if os.Getenv("JUXTA_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", name)
}

const loopback = "/ip4/127.0.0.1/tcp/0"

// overTCP makes a host that speaks TCP alone.
func overTCP() []libp2p.Option {
	return []libp2p.Option{libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(tls.ID, tls.New)}
}

// behind has a proxy forward to where a host listens, and the host announce only the
// proxy.
func behind(proxy *cutter.Proxy) func([]ma.Multiaddr) []ma.Multiaddr {
	at, err := manet.FromNetAddr(net.TCPAddrFromAddrPort(proxy.Addr()))
	if err != nil {
		panic(err) // it listens on an address of TCP
	}
	return func(addrs []ma.Multiaddr) []ma.Multiaddr {
		for _, a := range addrs {
			if target, err := manet.ToNetAddr(a); err == nil {
				proxy.Retarget(target.String())
			}
		}
		return []ma.Multiaddr{at}
	}
}

// stream makes a stream pipe that the client has dialled. Its deadline is the line's.
func (l *line) stream(t testing.TB) (near, far net.Conn) {
	t.Helper()
	ln, err := l.server.Net().Pipe().ListenOn(l.pipeOf(l.server))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if near, err = l.client.Net().Pipe().DialPipe(l.done, ln.Advertisement()); err != nil {
		t.Fatal(err)
	}
	if far, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	end, _ := l.done.Deadline()
	for _, c := range []net.Conn{near, far} {
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(end); err != nil {
			t.Fatal(err)
		}
	}
	return near, far
}

// ends makes a message pipe from one of the peers to the other.
func (l *line) ends(t testing.TB, from, to *peer.Peer) (*pipe.Input, *pipe.Output) {
	t.Helper()
	in, err := to.Net().Pipe().Bind(l.done, l.pipeOf(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	out, err := from.Net().Pipe().Resolve(l.done, in.Advertisement())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return in, out
}

// pipeOf describes a new pipe of a peer.
func (*line) pipeOf(owner *peer.Peer) *adv.Pipe {
	return &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Name: "line", Owner: owner.ID()}
}

// until waits for something to become true.
func (l *line) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-l.done.Done():
			t.Fatalf("not in time: %s", what)
		}
	}
}

// pass lets time pass.
func (l *line) pass(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-l.done.Done():
		t.Fatal("not in time")
	}
}

// cutAndWait cuts the line, and returns when there is a connection again.
func (l *line) cutAndWait(t testing.TB) {
	t.Helper()
	if l.Cut() == 0 {
		t.Fatal("there is no connection to cut")
	}
	l.until(t, "the client is back", func() bool { return l.Conns() > 0 })
}

// pipesAtRest sees that no goroutine of package pipe is left, though the peers still
// run: those of a session end with it.
func (l *line) pipesAtRest(t testing.TB) {
	t.Helper()
	const ours = "juxta-p2p/juxta/pipe" // and what is internal to it, but not its tests
	buf := make([]byte, 8<<20)
	var left []string
	busy := func() bool {
		left = left[:0]
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, ours+".") || strings.Contains(stack, ours+"/") && !strings.Contains(stack, ours+"_test.") {
				left = append(left, stack)
			}
		}
		return len(left) > 0
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Second); busy(); <-tick.C {
		if time.Now().After(end) || l.done.Err() != nil {
			t.Errorf("%d goroutines of pipes are left:\n%s", len(left), strings.Join(left, "\n\n"))
			return
		}
	}
}
