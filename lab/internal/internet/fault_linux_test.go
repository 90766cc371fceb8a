package internet_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/lab/internal/ether"
	"github.com/juxta-p2p/juxta/lab/internal/internet"
)

// A partition cuts what is established at once, and no more than it should.
func TestPartition(t *testing.T) {
	in := newInternet(t)
	site(t, in, "a", internet.NAT{Kind: internet.PortRestricted})
	site(t, in, "b", internet.NAT{Kind: internet.FullCone})
	alice, bob := host(t, in, "alice", "a"), host(t, in, "bob", "b")
	carol, dave := host(t, in, "carol", ""), host(t, in, "dave", "")
	a, b, c, d := udp(t, alice, 4001), udp(t, bob, 4001), udp(t, carol, 1000), udp(t, dave, 1000)
	ways := map[string]struct {
		from, to *socket
		at       string
	}{"alice-carol": {a, c, "carol"}, "alice-dave": {a, d, "dave"}, "bob-carol": {b, c, "carol"}, "carol-dave": {c, d, "dave"}}
	check := func(what string, cut ...string) {
		t.Helper()
		for name, way := range ways {
			want := !slices.Contains(cut, name)
			if got := reaches(way.from, at(in, way.at, 1000), way.to, expected(want)); got != want {
				t.Errorf("%s: %s is open: %v", what, name, got)
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check("at first")
	must(in.Partition("a", ""))
	check("a is cut off", "alice-carol", "alice-dave")
	must(in.Heal("a", ""))
	check("a is back")
	must(in.Partition("alice", "carol"))
	check("alice from carol", "alice-carol")
	must(in.Partition("dave", "carol"))
	check("both", "alice-carol", "carol-dave")
	must(in.Heal("carol", "dave"))
	check("one is healed", "alice-carol")
	must(in.Partition("carol", ""))
	check("carol is cut off", "alice-carol", "bob-carol", "carol-dave")
	must(in.Heal("", ""))
	check("all is healed")
	if in.Partition("a", "a") == nil || in.Partition("nobody", "") == nil {
		t.Error("what cannot be parted is parted")
	}
}

// echoTime says how long an answer takes, at best.
func echoTime(t *testing.T, from, to *socket, in *internet.Internet, at_ string) time.Duration {
	t.Helper()
	best := time.Hour
	for i := range 5 {
		began := time.Now()
		from.say(fmt.Sprint(i), at(in, at_, 1000))
		text, by := to.hear(patience)
		to.say(text, by)
		if back, _ := from.hear(patience); back != fmt.Sprint(i) {
			t.Fatalf("%q comes back, not %d", back, i)
		}
		best = min(best, time.Since(began))
	}
	return best
}

// A link delays what it is told to, for a host and for a site, and connections go on
// when it changes.
func TestLinkDelays(t *testing.T) {
	in := newInternet(t)
	site(t, in, "a", internet.NAT{Kind: internet.Symmetric})
	alice, carol := host(t, in, "alice", "a"), host(t, in, "carol", "")
	a, c := udp(t, alice, 4001), udp(t, carol, 1000)
	echoTime(t, a, c, in, "carol") // addresses are known now
	for _, links := range []map[string]time.Duration{
		{"a": 20 * time.Millisecond},
		{"a": 20 * time.Millisecond, "carol": 15 * time.Millisecond},
		{"a": 5 * time.Millisecond, "carol": 0, "alice": 10 * time.Millisecond},
		{"a": 0, "alice": 0},
	} {
		var want time.Duration
		for name, d := range links {
			if err := in.Link(name, ether.Profile{Delay: d}); err != nil {
				t.Fatal(err)
			}
			want += 2 * d
		}
		if took := echoTime(t, a, c, in, "carol"); took < want || took > want+20*time.Millisecond {
			t.Errorf("%v: there and back in %v", links, took)
		}
	}
}

// transfer sends bytes by TCP, and says how long it took.
func transfer(t *testing.T, in *internet.Internet, from, to *internet.Host, name string, size int) time.Duration {
	t.Helper()
	var ln net.Listener
	var c net.Conn
	err := to.Do(func() (err error) { ln, err = net.Listen("tcp4", "0.0.0.0:0"); return err })
	if err == nil {
		defer ln.Close()
		port := ln.Addr().(*net.TCPAddr).Port
		err = from.Do(func() (err error) {
			c, err = net.DialTimeout("tcp4", fmt.Sprintf("%s:%d", in.Addr(name), port), patience)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	go func() {
		_, _ = io.Copy(c, io.LimitReader(zeros{}, int64(size)))
		_ = c.Close()
	}()
	got, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if n, err := io.Copy(io.Discard, got); err != nil || n != int64(size) {
		t.Fatalf("%d bytes of %d: %v", n, size, err)
	}
	return time.Since(began)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A link has the rate that it is told, and without one carries a lot.
func TestLinkHasARate(t *testing.T) {
	in := newInternet(t)
	carol, dave := host(t, in, "carol", ""), host(t, in, "dave", "")
	if err := in.Link("carol", ether.Profile{Rate: 20e6}); err != nil {
		t.Fatal(err)
	}
	const size = 2 << 20
	took := transfer(t, in, carol, dave, "dave", size)
	t.Logf("%d bytes in %v at 20 Mbit/s", size, took)
	if least := 700 * time.Millisecond; took < least || took > 3*least {
		t.Errorf("%d bytes took %v", size, took)
	}
	for _, name := range []string{"carol", "dave"} {
		if err := in.Link(name, ether.Profile{Delay: time.Millisecond}); err != nil {
			t.Fatal(err)
		}
	}
	took = transfer(t, in, carol, dave, "dave", 32*size)
	t.Logf("%.0f Mbit/s over two links of 1 ms", 32*size*8/took.Seconds()/1e6)
}

// A host that moves has another address, and its sockets go on.
func TestMove(t *testing.T) {
	in := newInternet(t)
	site(t, in, "a", internet.NAT{Kind: internet.FullCone})
	site(t, in, "b", internet.NAT{Kind: internet.None})
	alice, carol := host(t, in, "alice", "a"), host(t, in, "carol", "")
	a, c := udp(t, alice, 4001), udp(t, carol, 1000)
	if err := in.Link("alice", ether.Profile{Delay: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, to := range []string{"b", "b", internet.Public, "a", "a"} {
		if err := in.Move("alice", to); err != nil {
			t.Fatal(err)
		}
		if now := in.Addr("alice"); now == last || in.At("alice") != to {
			t.Errorf("alice was at %s, and is at %s, at %s", last, now, in.At("alice"))
		} else {
			last = now
		}
		a.say("hello", at(in, "carol", 1000))
		_, seen := c.hear(patience)
		if (seen.Addr().String() == last) != (to != "a") {
			t.Errorf("alice is at %s, and seen at %v", last, seen)
		}
		if !reaches(c, seen, a, patience) {
			t.Error("carol cannot answer")
		}
	}
	if in.Move("alice", "nowhere") == nil {
		t.Error("alice has moved to nowhere")
	}
}

// crashes, in the environment, makes the test binary an owner that is killed.
const crashes = "JUXTA_TEST_INTERNET_CRASHES"

func TestMain(m *testing.M) {
	if os.Getenv(crashes) != "" {
		in, err := internet.New()
		if err == nil {
			var h *internet.Host
			if h, err = in.Host("alice", ""); err == nil {
				err = h.Start(exec.Command("sleep", "1000"))
			}
		}
		fmt.Println(in.Prefix(), err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// What an owner has left that was killed is swept away, and nothing else.
func TestSweep(t *testing.T) {
	in := newInternet(t)
	other := newInternet(t)
	host(t, other, "alice", "") // of the same name and address
	a := udp(t, host(t, in, "alice", ""), 4001)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashes+"=yes")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var prefix, fault string
	if _, err := fmt.Fscan(output, &prefix, &fault); err != nil || fault != "<nil>" {
		t.Fatalf("%s: %s, %v", prefix, fault, err)
	}
	dir := t.TempDir()
	for _, name := range []string{prefix, in.Prefix(), "jxother"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sweep := func() string {
		t.Helper()
		swept, err := internet.Sweep(dir)
		if err != nil {
			t.Error(err)
		}
		return strings.Join(swept, "\n")
	}
	if swept := sweep(); strings.Contains(swept, prefix) {
		t.Errorf("what lives is swept: %s", swept)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	swept := sweep()
	for _, want := range []string{"namespace " + prefix + "-wan", "namespace " + prefix + "-alice", "directory " + filepath.Join(dir, prefix)} {
		if !strings.Contains(swept, want) {
			t.Errorf("%q has no %q", swept, want)
		}
	}
	if strings.Contains(swept, in.Prefix()) || strings.Contains(swept, "jxother") {
		t.Errorf("what belongs to others is swept: %s", swept)
	}
	left, err := os.ReadDir("/run/netns")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), prefix) {
			t.Errorf("%s is left", e.Name())
		}
	}
	if ps, err := exec.Command("ps", "-eo", "args").Output(); err == nil && bytes.Contains(ps, []byte("sleep 1000\n")) {
		t.Error("a process is left")
	}
	a.say("hello", at(in, "alice", 4001)) // our own network is still there
	if text, _ := a.hear(patience); text != "hello" {
		t.Errorf("%q", text)
	}
}
