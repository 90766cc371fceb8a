package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// The overlay on real sockets: a seed, three rendezvous and thirty edges, of which
// the rendezvous are processes that can be killed.

const (
	overlayEdges = 30
	overlayEach  = 10 // advertisements of an edge
	patience     = time.Minute
)

// process is a rendezvous in a process of its own.
type process struct {
	name, addr string
	cmd        *exec.Cmd
	stdin      io.WriteCloser
}

func startRendezvous(t *testing.T, name string, seeds ...string) *process {
	t.Helper()
	args := []string{"--ephemeral", "--name", name, "--role", "rendezvous", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"}
	for _, s := range seeds {
		args = append(args, "--seed", s)
	}
	p := &process{name: name, cmd: exec.Command("juxta", append(args, "-")...)}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.stdin.Close() // its script is over
		_ = p.cmd.Wait()
	})
	if _, err := io.WriteString(p.stdin, "whoami\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if key, value, _ := strings.Cut(lines.Text(), "\t"); key == "address" {
			p.addr = value
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return p
		}
	}
	t.Fatalf("%s does not say where it is", name)
	return nil
}

// kill ends it as a power cut would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

// overlay is the edges, in this process.
type overlay struct {
	t     *testing.T
	ctx   context.Context
	edges []*peer.Peer
}

func startEdges(t *testing.T, ctx context.Context, seeds []string) *overlay {
	t.Helper()
	o := &overlay{t: t, ctx: ctx}
	for i := range overlayEdges {
		e, err := peer.Start(ctx, &peer.Config{
			Name: fmt.Sprintf("edge%02d", i), Role: rendezvous.Edge, NoDHT: true,
			Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Seeds: seeds,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		o.edges = append(o.edges, e)
	}
	return o
}

func (o *overlay) publish() {
	o.t.Helper()
	var publishing sync.WaitGroup
	for i, e := range o.edges {
		publishing.Go(func() {
			for j := range overlayEach {
				n := i*overlayEach + j
				doc := &adv.Document{Name: "News", Children: []*adv.Element{
					{Name: "Name", Text: fmt.Sprintf("news-%03d", n)}, {Name: "Number", Text: fmt.Sprint(n)},
				}}
				if _, err := e.Net().Discovery().Publish(o.ctx, doc, 0, 0); err != nil {
					o.t.Errorf("publish at %s: %v", e.Name(), err)
				}
			}
		})
	}
	publishing.Wait()
}

// find returns what an edge finds that has nothing in its cache, in order.
func (o *overlay) find(e *peer.Peer, q discovery.Query) []string {
	q.Kind = "News"
	var names []string
	for f, err := range e.Net().Discovery().Explain(o.ctx, q, nil) {
		if err != nil {
			o.t.Logf("search at %s: %v", e.Name(), err)
			continue
		}
		names = append(names, f.Signed.Advertisement().Element().Value("Name"))
	}
	slices.Sort(names)
	return names
}

// allFound says what is missing at any of the edges asked, of which there are a few
// for each advertisement.
func (o *overlay) missing() (lost []string) {
	for n := range overlayEdges * overlayEach {
		name := fmt.Sprintf("news-%03d", n)
		e := o.edges[(n*7+3)%len(o.edges)]
		if got := o.find(e, discovery.Query{Attr: "Name", Value: name}); !slices.Equal(got, []string{name}) {
			lost = append(lost, name+" at "+e.Name())
		}
	}
	if got := o.find(o.edges[0], discovery.Query{Attr: "Name", Value: "news-*"}); len(got) != overlayEdges*overlayEach {
		lost = append(lost, fmt.Sprintf("%d of %d by wildcard", overlayEdges*overlayEach-len(got), overlayEdges*overlayEach))
	}
	return lost
}

// until waits for something to become true, and returns how long that took.
func (o *overlay) until(what string, cond func() bool) time.Duration {
	o.t.Helper()
	begun := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Since(begun) > patience {
			o.t.Fatalf("not in %v: %s", patience, what)
		}
		<-tick.C
	}
	return time.Since(begun)
}

// leased reports whether every edge has a lease with one that lives.
func (o *overlay) leased(dead map[string]bool) bool {
	for _, e := range o.edges {
		st := e.Net().Rendezvous().Status()
		if st.Lease == nil {
			return false
		}
		for _, m := range st.Members {
			if m.ID == st.Lease.Rendezvous && dead[m.Name] {
				return false
			}
		}
	}
	return true
}

func TestOverlayOfProcesses(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	seed := startRendezvous(t, "seed")
	all := []*process{seed}
	for i := range 3 {
		all = append(all, startRendezvous(t, fmt.Sprintf("rdv%d", i), seed.addr))
	}
	var seeds []string
	for _, p := range all {
		seeds = append(seeds, p.addr)
	}
	o := startEdges(t, ctx, seeds)
	o.until("every edge has a lease", func() bool { return o.leased(nil) })
	o.publish()
	if lost := o.missing(); len(lost) > 0 {
		t.Errorf("not found: %v", lost)
	}
	if got := o.find(o.edges[1], discovery.Query{Attr: "Number", Range: &adv.Range{Min: 95, Max: 105}}); len(got) != 11 {
		t.Errorf("range: %v", got)
	}
	if got := o.find(o.edges[2], discovery.Query{Attr: "Name", Value: "news-3*"}); len(got) != 0 {
		t.Errorf("what is not there: %v", got)
	}

	dead := map[string]bool{}
	for _, p := range all[:3] { // the seed first; one is left at the end
		p.kill(t)
		dead[p.name] = true
		moved := o.until("every edge has moved", func() bool { return o.leased(dead) })
		found := o.until("everything is found again", func() bool { return len(o.missing()) == 0 })
		t.Logf("%s killed: edges moved after %v, everything found after %v more", p.name, moved, found)
		o.propagate()
	}
}

// propagate has one edge propagate a message that all others must get.
func (o *overlay) propagate() {
	o.t.Helper()
	var subs []*rendezvous.Subscription
	for _, e := range o.edges {
		sub, err := e.Net().Rendezvous().Subscribe(o.ctx, "talk", rendezvous.Replay{})
		if err != nil {
			o.t.Fatal(err)
		}
		subs = append(subs, sub)
		defer sub.Close()
	}
	// A subscription is in force when its rendezvous has heard of it; what is sent
	// again and again until all have it shows that.
	got := make([]chan struct{}, len(subs))
	for i, sub := range subs {
		got[i] = make(chan struct{})
		go func() {
			if _, err := sub.Next(o.ctx); err == nil {
				close(got[i])
			}
		}()
	}
	author := o.edges[len(o.edges)-1].Net().Rendezvous()
	o.until("all have got the message", func() bool {
		if err := author.Propagate(o.ctx, "talk", []byte("hello")); err != nil {
			o.t.Fatal(err)
		}
		for _, c := range got {
			select {
			case <-c:
			default:
				return false
			}
		}
		return true
	})
}
