package reach

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	// guessHostRole, in the environment, makes TestGuessPeer one of the hosts.
	guessHostRole = "JUXTA_TEST_GUESS_ROLE"
	// guessCurve asks for the success curve, with so many runs of each kind.
	guessCurve = "JUXTA_TEST_GUESS_RUNS"
	copyTest   = "/test/copy"
)

// natLabs counts them, for their names.
var natLabs atomic.Int32

// natLab is two hosts behind a NAT each, and two in the open.
type natLab struct {
	t      *testing.T
	prefix string
}

func newNATLab(t *testing.T, natA, natB string) *natLab {
	t.Helper()
	if testing.Short() || os.Geteuid() != 0 {
		t.Skip("makes network namespaces, as root")
	}
	for _, tool := range []string{"ip", "nft", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: %v", tool, err)
		}
	}
	l := &natLab{t, fmt.Sprintf("jxg%d%c-", os.Getpid(), 'a'+natLabs.Add(1))}
	for _, n := range []string{"wan", "pub1", "pub2", "ra", "rb", "ha", "hb"} {
		if out, err := exec.Command("ip", "netns", "add", l.prefix+n).CombinedOutput(); err != nil {
			t.Skipf("needs network namespaces: %s", out)
		}
		t.Cleanup(func() { l.run("ip netns del @" + n) })
		l.run("ip -n @" + n + " link set lo up")
	}
	l.run("ip -n @wan link add br0 type bridge forward_delay 0")
	l.run("ip -n @wan link set br0 up")
	for n, ip := range map[string]string{"pub1": "130", "pub2": "131", "ra": "140", "rb": "150"} {
		l.run("ip link add v" + n + " netns @wan type veth peer name wan netns @" + n)
		l.run("ip -n @wan link set v" + n + " master br0 up")
		l.run("ip -n @" + n + " addr add 192.0.0." + ip + "/25 dev wan")
		l.run("ip -n @" + n + " link set wan up")
	}
	for side, net := range map[string]string{"a": "10.1.0.", "b": "10.2.0."} {
		l.run("ip link add lan netns @r" + side + " type veth peer name eth0 netns @h" + side)
		l.run("ip -n @r" + side + " addr add " + net + "1/24 dev lan")
		l.run("ip -n @r" + side + " link set lan up")
		l.run("ip -n @h" + side + " addr add " + net + "2/24 dev eth0")
		l.run("ip -n @h" + side + " link set eth0 up")
		l.run("ip -n @h" + side + " route add default via " + net + "1")
		l.run("ip netns exec @r" + side + " sysctl -qw net.ipv4.ip_forward=1")
	}
	l.nat("ra", natA)
	l.nat("rb", natB)
	return l
}

// run runs a command, in which @ stands for the prefix of the namespaces.
func (l *natLab) run(line string) string {
	l.t.Helper()
	out, err := l.command(line).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s: %v: %s", line, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (l *natLab) command(line string) *exec.Cmd {
	words := strings.Fields(strings.ReplaceAll(line, "@", l.prefix))
	return exec.Command(words[0], words[1:]...)
}

// nat makes a router one that lets in only who was sent to, and maps by port or anew for
// each ("masquerade", "masquerade fully-random").
func (l *natLab) nat(router, masquerade string) {
	l.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", l.prefix+router, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(`
table ip nat {
	chain postr { type nat hook postrouting priority 100; oifname "wan" ` + masquerade + `; }
}
table ip filter {
	chain forw { type filter hook forward priority 0; ct state established,related accept; iifname "lan" accept; drop; }
	chain inp { type filter hook input priority 0; iifname "wan" ct state established,related accept; iifname "wan" drop; }
}`)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Skipf("needs nft with masquerade: %v: %s", err, out)
	}
}

// guessHost is a host that runs in a namespace of the lab.
type guessHost struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
	at  string // its address; behind a NAT, at a relay
}

// start starts a host, which does what ask says until its standard input ends.
func (l *natLab) start(where string, args ...string) *guessHost {
	l.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", l.prefix+where, os.Args[0], "-test.run=^TestGuessPeer$", "-test.timeout=30m")
	cmd.Env = append(os.Environ(), guessHostRole+"="+strings.Join(args, " "))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	h := &guessHost{t: l.t, in: in, out: bufio.NewScanner(out)}
	l.t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			l.t.Errorf("%s: %v", where, err)
		}
	})
	h.at = h.read()
	return h
}

func (h *guessHost) read() string {
	h.t.Helper()
	if !h.out.Scan() {
		h.t.Fatalf("a host says no more: %v", h.out.Err())
	}
	return h.out.Text()
}

// ask has the host do something, and returns what it says of it.
func (h *guessHost) ask(line string) (got guessed) {
	h.t.Helper()
	if _, err := io.WriteString(h.in, line+"\n"); err != nil {
		h.t.Fatal(err)
	}
	if line = h.read(); json.Unmarshal([]byte(line), &got) != nil {
		h.t.Fatalf("a host says %q", line)
	}
	return got
}

// guessed is what a host says.
type guessed struct {
	Direct   string // where the peer is, if there is a direct connection
	Took     time.Duration
	UDP      NAT
	Timeline []Event
	Bytes    int64
}

// ends is the last thing that was guessed.
func (g *guessed) ends() (e Event) {
	for _, ev := range g.Timeline {
		if strings.HasPrefix(ev.What, "guess") {
			e = ev
		}
	}
	return e
}

// TestGuessPeer is one of the hosts.
func TestGuessPeer(t *testing.T) {
	args := strings.Fields(os.Getenv(guessHostRole))
	if len(args) == 0 {
		t.Skip("a part of the other tests, which start it")
	}
	cfg := &Config{GuessPorts: args[0] == "guess", Public: Off, Serve: Off}
	listen := "/ip4/0.0.0.0/udp/4001/quic-v1"
	if args[0] == "relay" {
		cfg.Serve, cfg.Public, listen = On, On, args[1]
	}
	r := New(cfg)
	h, err := libp2p.New(append(r.Options(), libp2p.Transport(r.QUIC()), libp2p.ListenAddrStrings(listen), libp2p.DisableMetrics(), libp2p.ResourceManager(&network.NullResourceManager{}))...)
	if err != nil {
		t.Fatal(err)
	}
	h.SetStreamHandler(copyTest, func(s network.Stream) {
		_, _ = io.Copy(io.Discard, s)
		_ = s.Close()
	})
	if err := r.Start(h); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx := t.Context()
	if args[0] == "relay" {
		fmt.Println(listen + "/p2p/" + h.ID().String())
	} else {
		for _, relay := range args[1:] {
			info, err := peer.AddrInfoFromString(relay)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Connect(ctx, *info); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Await(ctx); err != nil {
			t.Fatal(err)
		}
		poll(ctx, func() bool { return len(r.Observations()) == len(args)-1 })
		fmt.Println(r.Places()[0].Addrs[0].String() + "/p2p/" + h.ID().String())
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		g := &guessed{}
		if err := (&guessWorker{r, h}).do(ctx, strings.Fields(in.Text()), g); err != nil {
			t.Error(err)
		}
		g.UDP, _ = r.NATs()
		line, _ := json.Marshal(g)
		fmt.Println(string(line))
	}
}

type guessWorker struct {
	r *Reach
	h host.Host
}

func (w *guessWorker) do(ctx context.Context, words []string, g *guessed) error {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	start := time.Now()
	info := &peer.AddrInfo{}
	if len(words) > 1 && strings.HasPrefix(words[1], "/") {
		var err error
		if info, err = peer.AddrInfoFromString(words[1]); err != nil {
			return err
		}
	}
	switch words[0] {
	case "nat":
	case "packets": // so many
		_, err := fmt.Sscan(words[1], &w.r.guess.packets)
		return err
	case "solo": // nothing is tried unasked, and all may be
		w.r.guess.limit = guessLimit{perMinute: 1 << 20, atOnce: 9}
		w.r.punch.enter(info.ID)
		for i := range maxTimelines {
			w.r.guess.failures[peer.ID(rune(i))] = 1
		}
	case "connect":
		return w.h.Connect(ctx, *info)
	case "await": // an event
		w.await(ctx, info.ID, strings.Join(words[2:], " "))
	case "guess":
		err := w.r.guess.try(info.ID)
		g.Took = time.Since(start)
		defer w.r.closeDirect(info.ID)
		if (err == nil) != (w.r.direct(info.ID) != nil) {
			return fmt.Errorf("%w, but %v", err, w.r.direct(info.ID))
		}
	case "copy":
		n, err := w.copy(ctx, info.ID, 64<<20)
		g.Bytes, g.Took = n, time.Since(start)
		return err
	}
	if c := w.r.direct(info.ID); c != nil {
		g.Direct = c.RemoteMultiaddr().String()
	}
	g.Timeline = w.r.Timeline(info.ID)
	return nil
}

func (r *Reach) closeDirect(who peer.ID) {
	if c := r.direct(who); c != nil {
		_ = c.Close()
	}
}

// await waits for an event of the timeline; three of them if it is a punch.
func (w *guessWorker) await(ctx context.Context, who peer.ID, what string) {
	want := 1
	if what == "punch failed" {
		want = punches
	}
	poll(ctx, func() bool {
		n := 0
		for _, e := range w.r.Timeline(who) {
			if e.What == what {
				n++
			}
		}
		return n >= want
	})
}

// poll waits until something is so, or the context ends.
func poll(ctx context.Context, so func() bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *guessWorker) copy(ctx context.Context, who peer.ID, size int64) (int64, error) {
	s, err := w.h.NewStream(ctx, who, protocol.ID(copyTest))
	if err != nil {
		return 0, err
	}
	defer s.Close()
	n, err := io.CopyN(s, zeros{}, size)
	if err != nil {
		return n, err
	}
	if err := s.CloseWrite(); err != nil {
		return n, err
	}
	_, err = s.Read(make([]byte, 1)) // until all has been read
	if err == io.EOF {
		err = nil
	}
	return n, err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// startPair starts two relays, and two peers behind their NATs.
func (l *natLab) startPair(what string) (a, b *guessHost) {
	l.t.Helper()
	var relays []string
	for i, where := range []string{"pub1", "pub2"} {
		relays = append(relays, l.start(where, "relay", fmt.Sprintf("/ip4/192.0.0.%d/udp/4001/quic-v1", 130+i)).at)
	}
	return l.start("ha", append([]string{what}, relays...)...), l.start("hb", append([]string{what}, relays...)...)
}

// Where no hole can be punched, a port is guessed: whichever of the two begins.
func TestGuessedPort(t *testing.T) {
	t.Parallel()
	const cone, symmetric = "masquerade", "masquerade fully-random"
	for name, nats := range map[string][2]string{"the called one is symmetric": {cone, symmetric}, "the caller is symmetric": {symmetric, cone}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newNATLab(t, nats[0], nats[1]).startPair("guess")
			kinds := []NAT{a.ask("nat").UDP, b.ask("nat").UDP}
			slices.Sort(kinds)
			if !slices.Equal(kinds, []NAT{Cone, Symmetric}) {
				t.Fatalf("the NATs seem to be %v", kinds)
			}
			for _, h := range []*guessHost{a, b} {
				h.ask("packets 2048") // with fewer it goes wrong now and then
			}
			a.ask("connect " + b.at)
			got, other := a.ask("await "+b.at+" guessed"), b.ask("await "+a.at+" guessed")
			for _, g := range []guessed{got, other} {
				for _, e := range g.Timeline {
					t.Logf("%s %s (%v) %s", e.At.Format("05.000"), e.What, e.Took, e.Note)
				}
				if e := g.ends(); g.Direct == "" || e.What != "guessed" || strings.Contains(g.Direct, "127.0.0.1") {
					t.Errorf("connected to %q, %+v", g.Direct, e)
				}
			}
			copied := a.ask("copy " + b.at)
			t.Logf("%d bytes in %v", copied.Bytes, copied.Took)
		})
	}
}

func TestNoPortIsGuessedUnasked(t *testing.T) {
	t.Parallel()
	a, b := newNATLab(t, "masquerade", "masquerade fully-random").startPair("plain")
	a.ask("connect " + b.at)
	if got := b.ask("await " + a.at + " punch failed"); got.Direct != "" {
		t.Errorf("the lab's NATs do not hide: connected to %s", got.Direct)
	}
}

func TestNoPortIsGuessedBehindTwoSymmetricNATs(t *testing.T) {
	t.Parallel()
	const symmetric = "masquerade fully-random"
	a, b := newNATLab(t, symmetric, symmetric).startPair("guess")
	a.ask("connect " + b.at)
	if got := b.ask("await " + a.at + " guess failed"); got.Direct != "" || got.ends().Note != guessBothSymmetric.String() {
		t.Errorf("connected to %q, %+v", got.Direct, got.ends())
	}
}

// TestGuessCurve measures how often a port is hit, by the number of packets.
func TestGuessCurve(t *testing.T) {
	var runs int
	if _, err := fmt.Sscan(os.Getenv(guessCurve), &runs); err != nil {
		t.Skipf("takes minutes: %s says how often each is run", guessCurve)
	}
	l := newNATLab(t, "masquerade", "masquerade fully-random")
	cone, symmetric := l.startPair("guess")
	symmetric.ask("solo " + cone.at)
	cone.ask("solo " + symmetric.at)
	symmetric.ask("connect " + cone.at)
	cone.ask("await " + symmetric.at + " punch failed")
	for _, n := range []int{128, 256, 512, 1024, 2048} {
		cone.ask(fmt.Sprintf("packets %d", n))
		var took, hits []time.Duration
		var sent, most []int
		for range runs {
			// What is left of the last run would be in the way: the NATs remember for 30 s.
			_ = l.command("ip netns exec @ra conntrack -D -p udp -d 192.0.0.150").Run()
			_ = l.command("ip netns exec @rb conntrack -D -p udp -d 192.0.0.140").Run()
			got := symmetric.ask("guess " + cone.at)
			var packets, entries int
			var after string
			if e := got.ends(); e.What == "guessed" {
				if _, err := fmt.Sscanf(e.Note, "hit after %s %d packets", &after, &packets); err != nil {
					t.Fatalf("%q: %v", e.Note, err)
				}
				hit, _ := time.ParseDuration(strings.TrimSuffix(after, ":"))
				took, hits = append(took, got.Took), append(hits, hit)
			} else if _, err := fmt.Sscanf(e.Note, "no port was hit: %d packets", &packets); err != nil {
				t.Fatalf("%q: %v", e.Note, err)
			}
			sent = append(sent, packets)
			_, _ = fmt.Sscan(l.run("ip netns exec @ra cat /proc/sys/net/netfilter/nf_conntrack_count"), &entries)
			most = append(most, entries)
		}
		theory := 1 - math.Pow(1-float64(guessSockets)/guessPorts, float64(n))
		t.Logf("n=%d: %d of %d hit (%.1f %%), theory %.1f %%; packets sent median %d, hit after median %v, direct after median %v, at most %v; conntrack at most %d",
			n, len(took), runs, 100*float64(len(took))/float64(runs), 100*theory, median(sent), median(hits), median(took), slices.Max(append(took, 0)), slices.Max(most))
	}
}

func median[T cmp.Ordered](all []T) (m T) {
	if len(all) > 0 {
		slices.Sort(all)
		m = all[len(all)/2]
	}
	return m
}
