package cmds_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// output is a buffer that jobs may write to while a test reads it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.b.Reset()
	return o.b.String()
}

// user is a session at a peer of a world.
type user struct {
	t       *testing.T
	peer    *peer.Peer
	session *shell.Session
	out     output
	errs    output
}

// sit starts a peer with that role and a session at it, which ends with the test.
func sit(t *testing.T, w *testnet.World, name string, role rendezvous.Role, seeds ...*user) *user {
	t.Helper()
	cfg := &peer.Config{Name: name, Role: role, NoDHT: true}
	for _, s := range seeds {
		cfg.Seeds = append(cfg.Seeds, s.peer.Addrs()...)
	}
	return sitConfig(t, w, cfg)
}

func sitConfig(t *testing.T, w *testnet.World, cfg *peer.Config) *user {
	t.Helper()
	return sitAt(t, w.StartConfig(cfg))
}

// sitAt begins a session at a peer, which ends with the test.
func sitAt(t *testing.T, p *peer.Peer) *user {
	t.Helper()
	u := &user{t: t, peer: p}
	s, err := shell.NewSession(&shell.Config{
		Stdout: &u.out, Stderr: &u.errs, Dir: t.TempDir(), Env: []string{"PATH=" + os.Getenv("PATH")},
		Peer: func(context.Context) (*peer.Peer, error) { return u.peer, nil },
	}, cmds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	u.session = s
	t.Cleanup(u.end)
	return u
}

// world makes a world with a rendezvous, alice, and an edge, bob. Its time is real:
// virtual time does not pass while a process is waited for, or a pipe is read.
func world(t *testing.T) (w *testnet.World, alice, bob *user) {
	t.Helper()
	w = testnet.New(t, time.Millisecond)
	t.Cleanup(w.Close)
	alice = sit(t, w, "alice", rendezvous.Rendezvous)
	bob = sit(t, w, "bob", rendezvous.Edge, alice)
	bob.want(`await rdv`, "alice\n", 0)
	return w, alice, bob
}

func (u *user) end() {
	if err := u.session.Close(); err != nil {
		u.t.Error(err)
	}
}

// run runs shell text.
func (u *user) run(src string) (out, errs string, status int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), time.Minute)
	defer cancel()
	err := u.session.Run(ctx, src)
	return u.out.take(), u.errs.take(), shell.StatusOf(err)
}

// want runs shell text and compares what it printed, and its status.
func (u *user) want(src, out string, status int) {
	u.t.Helper()
	if got, errs, code := u.run(src); got != out || code != status {
		u.t.Errorf("%s> %s\n got %q, status %d\nwant %q, status %d\nstderr %q", u.peer.Name(), src, got, code, out, status, errs)
	}
}

// fails runs shell text that fails with a message.
func (u *user) fails(src, message string, status int) {
	u.t.Helper()
	if _, errs, code := u.run(src); !strings.Contains(errs, message) || code != status {
		u.t.Errorf("%s> %s\n got %q, status %d\nwant %q, status %d", u.peer.Name(), src, errs, code, message, status)
	}
}

// begin runs shell text that starts a job, and returns when the job has said what is
// in its first line on standard error.
func (u *user) begin(w *testnet.World, src, ready string) {
	u.t.Helper()
	if out, errs, status := u.run(src); status != 0 {
		u.t.Fatalf("%s: %q, %q, status %d", src, out, errs, status)
	} else if strings.Contains(errs, ready) {
		return
	}
	var said string
	w.Until(10*time.Second, src, func() bool {
		said += u.errs.take()
		return strings.Contains(said, ready)
	})
}
