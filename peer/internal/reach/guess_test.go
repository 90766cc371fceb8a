package reach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"
)

func TestGuessFrames(t *testing.T) {
	f := &guessFrame{
		Kind: guessOpened, NAT: Symmetric, Reason: guessSameNAT, At: netip.MustParseAddrPort("8.8.8.8:4001"),
		Count: 256, Token: guessToken{1, 2, 3, 15: 16},
	}
	want := []byte{
		3, 5, byte(guessSameNAT), 0, 8, 8, 8, 8, 0x0f, 0xa1, 1, 0,
		1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16,
	}
	b := f.append(nil)
	if !bytes.Equal(b, want) {
		t.Errorf("% x, want % x", b, want)
	}
	got, err := readGuessFrame(bytes.NewReader(b))
	if err != nil || *got != *f {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := readGuessFrame(bytes.NewReader(b[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for name, at := range map[string]int{"kind": 0, "NAT": 1, "reason": 2, "zero": 3} {
		bad := bytes.Clone(b)
		bad[at] = 99
		if _, err := parseGuessFrame(bad); !errors.Is(err, errGuessFrame) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := parseGuessFrame(append(b, 0)); !errors.Is(err, errGuessFrame) {
		t.Errorf("one byte more: %v", err)
	}
}

func FuzzGuessFrame(f *testing.F) {
	f.Add((&guessFrame{Kind: guessHello, NAT: Cone, At: netip.MustParseAddrPort("8.8.8.8:1")}).append(nil))
	f.Add((&guessFrame{Kind: guessEnd, NAT: Unknown, Reason: guessFault}).append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := parseGuessFrame(b)
		if err != nil {
			return
		}
		if again := frame.append(nil); !bytes.Equal(again, b) {
			t.Errorf("% x was read, % x is written", b, again)
		}
		_ = frame.Reason.String()
	})
}

func TestGuessRoles(t *testing.T) {
	for _, test := range []struct {
		ours, theirs NAT
		symmetric    bool
		why          guessReason
	}{
		{Symmetric, Cone, true, guessOK},
		{Cone, Symmetric, false, guessOK},
		{Symmetric, None, true, guessOK},
		{Symmetric, Mapped, true, guessOK},
		{Mapped, Symmetric, false, guessOK},
		{Mapped, Preserved, true, guessOK},
		{Cone, Mapped, false, guessOK},
		{Symmetric, Symmetric, false, guessBothSymmetric},
		{Mapped, Mapped, false, guessUnclear},
		{Cone, Preserved, false, guessNoneSymmetric},
		{Unknown, Symmetric, false, guessUnseen},
		{Symmetric, Blocked, false, guessUnseen},
	} {
		symmetric, why := guessRole(test.ours, test.theirs)
		if symmetric != test.symmetric || why != test.why {
			t.Errorf("%s with %s: %v, %s", test.ours, test.theirs, symmetric, why)
		}
		other, again := guessRole(test.theirs, test.ours)
		if again != why || why == guessOK && other == symmetric {
			t.Errorf("%s and %s do not agree", test.ours, test.theirs)
		}
	}
}

func TestGuessLimit(t *testing.T) {
	l := guessLimit{every: 30 * time.Second, perMinute: 4, atOnce: 2}
	start := time.Now()
	enter := func(who string, after time.Duration) func() {
		leave, ok := l.enter(peer.ID(who), start.Add(after*time.Second))
		if !ok {
			return nil
		}
		return leave
	}
	a, b := enter("a", 0), enter("b", 1)
	if a == nil || b == nil {
		t.Fatal("two are not let in")
	}
	if enter("c", 2) != nil {
		t.Error("three at once")
	}
	a()
	a() // once is enough
	b()
	if enter("a", 29) != nil {
		t.Error("twice in half a minute")
	}
	for i, who := range []string{"c", "a"} {
		leave := enter(who, time.Duration(30+i))
		if leave == nil {
			t.Fatalf("%s is not let in", who)
		}
		leave()
	}
	if enter("d", 40) != nil {
		t.Error("five in a minute")
	}
	if enter("d", 61) == nil {
		t.Error("nothing is forgotten")
	}
	if len(l.begun) > l.perMinute {
		t.Errorf("%d are remembered", len(l.begun))
	}
}

func TestGuessedPortsAreDifferent(t *testing.T) {
	for _, n := range []int{0, 1, 2048, guessPorts, guessPorts + 1} {
		had := map[uint16]bool{}
		for _, p := range choosePorts(n) {
			if p < guessFirstPort || had[p] {
				t.Fatalf("port %d of %d", p, n)
			}
			had[p] = true
		}
		if len(had) != min(n, guessPorts) {
			t.Errorf("%d ports, not %d", len(had), n)
		}
	}
}

func TestSpray(t *testing.T) {
	at := netip.MustParseAddr("8.8.8.8")
	ctx, cancel := context.WithCancel(t.Context())
	had := map[string]bool{}
	write := func(b []byte, to net.Addr) (int, error) {
		if b[0]&0x40 != 0 {
			t.Errorf("QUIC would read % x", b)
		}
		had[to.String()] = true
		if len(had) == 100 {
			cancel()
		}
		if len(had)%2 == 0 {
			return 0, errors.New("no buffer")
		}
		return len(b), nil
	}
	if n := spray(ctx, write, at, guessToken{7}, 64, 100_000); n != 32 || len(had) != 64 {
		t.Errorf("%d of %d sent", n, len(had))
	}
	if spray(ctx, write, at, guessToken{7}, 1000, 100_000); len(had) < 100 || len(had) > 101 {
		t.Errorf("%d when it was over after 100", len(had))
	}
}

// A socket is lucky that hears the token from where it was expected, and nothing else.
func TestOpenings(t *testing.T) {
	p, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	stranger, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	token := guessToken{1, 2, 3}
	o, err := open(p.LocalAddr().(*net.UDPAddr).AddrPort(), token, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close(nil)
	b := make([]byte, 64)
	var from netip.AddrPort
	for range 8 {
		n, at, err := p.ReadFromUDPAddrPort(b)
		if err != nil || !bytes.Equal(b[:n], guessPacket(token)) {
			t.Fatalf("% x, %v", b[:n], err)
		}
		from = at
	}
	for _, bad := range []struct {
		by *net.UDPConn
		b  []byte
	}{{stranger, guessPacket(token)}, {p, guessPacket(guessToken{1, 2, 4})}, {p, guessPacket(token)[:19]}} {
		if _, err := bad.by.WriteToUDPAddrPort(bad.b, from); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case c := <-o.hit:
		t.Fatalf("%s has heard something", c.LocalAddr())
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := p.WriteToUDPAddrPort(guessPacket(token), from); err != nil {
		t.Fatal(err)
	}
	lucky := <-o.hit
	if at := lucky.LocalAddr().(*net.UDPAddr); at.Port != int(from.Port()) {
		t.Errorf("%s, not %s", at, from)
	}
	o.close(lucky)
	for _, c := range o.conns {
		if _, err := c.WriteToUDPAddrPort([]byte{0}, from); (err == nil) != (c == lucky) {
			t.Errorf("%s: %v", c.LocalAddr(), err)
		}
	}
	_ = lucky.Close()
}

// newGuessingHost is a host on this machine that guesses, with nobody to guess with.
func newGuessingHost(t *testing.T) (host.Host, *Reach) {
	t.Helper()
	return newHostOf(t, &Config{GuessPorts: true, Public: On, Serve: Off})
}

func newHostOf(t *testing.T, cfg *Config) (host.Host, *Reach) {
	t.Helper()
	r := New(cfg)
	h, err := libp2p.New(append(r.Options(), libp2p.Transport(r.QUIC()), libp2p.DisableMetrics(),
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1"))...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.Close(), h.Close()); err != nil {
			t.Error(err)
		}
	})
	return h, r
}

// Through a relay one may ask; whoever is asked may refuse.
func TestGuessIsRefused(t *testing.T) {
	relay, _ := newHostOf(t, &Config{Serve: On, Public: On})
	hidden := func(cfg *Config) (host.Host, *Reach) {
		cfg.Public, cfg.Serve = Off, Off
		h, r := newHostOf(t, cfg)
		if err := h.Connect(t.Context(), peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}); err != nil {
			t.Fatal(err)
		}
		if err := r.Await(t.Context()); err != nil {
			t.Fatal(err)
		}
		return h, r
	}
	nobody := func(context.Context, peer.ID) bool { return false }
	seen := func(r *Reach, ip string, ports ...int) {
		for i, port := range ports {
			r.note(Observation{
				By:   peer.ID(fmt.Sprint(i)),
				From: netip.AddrPortFrom(netip.MustParseAddr("9.9.9.9"), uint16(1+i)), Local: r.host.Addrs()[0],
				Seen: ma.StringCast(fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", ip, port)),
			})
		}
	}
	for name, test := range map[string]struct {
		other Config
		seen  func(ours, theirs *Reach)
		want  string
	}{
		"not configured":  {Config{}, nil, "the other does not guess"},
		"not admitted":    {Config{GuessPorts: true, Admit: nobody}, nil, guessNotNow.String()},
		"seen by nobody":  {Config{GuessPorts: true}, nil, guessUnseen.String()},
		"seen at one IP":  {Config{GuessPorts: true}, func(a, b *Reach) { seen(a, "8.8.8.8", 1, 2); seen(b, "8.8.8.8", 1, 1) }, guessSameNAT.String()},
		"seen privately":  {Config{GuessPorts: true}, func(a, b *Reach) { seen(a, "8.8.8.8", 1, 1); seen(b, "10.0.0.1", 1, 2) }, guessUnseen.String()},
		"both symmetric":  {Config{GuessPorts: true}, func(a, b *Reach) { seen(a, "8.8.8.8", 1, 2); seen(b, "8.8.4.4", 1, 2) }, guessBothSymmetric.String()},
		"neither of them": {Config{GuessPorts: true}, func(a, b *Reach) { seen(a, "8.8.8.8", 1, 1); seen(b, "8.8.4.4", 1, 1) }, guessNoneSymmetric.String()},
	} {
		t.Run(name, func(t *testing.T) {
			h, r := hidden(&Config{GuessPorts: true})
			other, theirs := hidden(&test.other)
			if err := h.Connect(t.Context(), peer.AddrInfo{ID: other.ID(), Addrs: theirs.Places()[0].Addrs}); err != nil {
				t.Fatal(err)
			}
			if test.seen != nil {
				test.seen(r, theirs)
			}
			err := r.guess.try(other.ID())
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("%v, not %s", err, test.want)
			}
			line := r.Timeline(other.ID())
			if len(line) == 0 || line[len(line)-1].What != "guess failed" || !strings.HasPrefix(line[len(line)-1].Note, test.want) {
				t.Errorf("the timeline says %+v", line)
			}
			if err := r.guess.try(other.ID()); !errors.Is(err, errGuessLimit) {
				t.Errorf("again at once: %v", err)
			}
		})
	}
}

// A peer is dialled through the socket that was lucky, once, and from then on as ever.
func TestDialThroughASocket(t *testing.T) {
	h, r := newGuessingHost(t)
	other, _ := newGuessingHost(t)
	at, _ := endpointOf(other.Addrs()[0])
	socket, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.guess.connect(t.Context(), other.ID(), &luckySocket{socket, at}); err != nil {
		t.Fatal(err)
	}
	mine, theirs := r.direct(other.ID()), other.Network().ConnsToPeer(h.ID())
	if mine == nil || len(theirs) != 1 {
		t.Fatalf("connected: %v, %v", mine, theirs)
	}
	from, _ := endpointOf(theirs[0].RemoteMultiaddr())
	if remote, _ := endpointOf(mine.RemoteMultiaddr()); int(from.Port()) != socket.LocalAddr().(*net.UDPAddr).Port || remote != at {
		t.Errorf("from %s to %s, not from %s to %s", from, remote, socket.LocalAddr(), at)
	}
	if err := mine.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := socket.WriteToUDPAddrPort([]byte{0}, at); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket of a connection that is closed: %v", err)
	}
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}); err != nil {
		t.Fatal(err)
	}
	local, _ := endpointOf(h.Addrs()[0])
	write, done, err := r.guess.quic.writer(at.Addr(), local.Port())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if _, err := write([]byte{0}, net.UDPAddrFromAddrPort(at)); err != nil {
		t.Error(err)
	}
	if _, _, err := r.guess.quic.writer(at.Addr(), local.Port()+1); err == nil {
		t.Error("packets come from any port")
	}
}

// Nobody is asked, or answers, but through a relay.
func TestNoGuessOnADirectConnection(t *testing.T) {
	h, r := newGuessingHost(t)
	other, _ := newGuessingHost(t)
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}); err != nil {
		t.Fatal(err)
	}
	if err := r.guess.try(other.ID()); err != nil {
		t.Errorf("there is nothing to try: %v", err)
	}
	s, err := h.NewStream(t.Context(), other.ID(), guessProtocol)
	if err != nil {
		t.Fatal(err)
	}
	_ = writeGuessFrame(s, &guessFrame{Kind: guessHello, NAT: Symmetric, At: netip.MustParseAddrPort("8.8.8.8:1")})
	if f, err := readGuessFrame(s); err == nil {
		t.Errorf("answered with %+v", f)
	}
}

// Guessing begins when a row of punches has failed, and only for who was called.
func TestGuessAfterPunches(t *testing.T) {
	_, r := newGuessingHost(t)
	g := r.guess
	for i, step := range []struct {
		over  bool
		want  int
		begin bool
	}{
		{false, 1, false},
		{false, 2, false},
		{true, 0, false},
		{false, 1, false},
		{true, 0, false},
		{false, 1, false},
		{false, 2, false},
		{false, 0, true},
	} {
		if begin := g.count("x", step.over); begin != step.begin || g.failures["x"] != step.want {
			t.Errorf("step %d: %d failures, begins %v", i, g.failures["x"], begin)
		}
	}
	g.trace(&holepunch.Event{Remote: "x", Evt: &holepunch.EndHolePunchEvt{}})
	if g.failures["x"] != 0 {
		t.Error("counted for who was not called")
	}
	for i := range 2 * maxTimelines {
		g.count(peer.ID(fmt.Sprint(i)), false)
	}
	if len(g.failures) == 0 {
		t.Error("nobody is counted")
	}
	if len(g.failures) > maxTimelines {
		t.Errorf("%d are counted", len(g.failures))
	}
}

func TestNoGuessUnlessConfigured(t *testing.T) {
	r := newTestReach(t)
	r.guess.trace(&holepunch.Event{Evt: &holepunch.EndHolePunchEvt{}})
	if err := r.guess.try("x"); err == nil {
		t.Error("a port is guessed")
	}
}
