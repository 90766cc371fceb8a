package group_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

const password = "correct horse battery"

// thisCentury is when the invitations begin that can be written down; a bubble begins
// before.
var thisCentury = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// siege is a closed group of two, and a stranger before its door, who knows more than a
// stranger should: the group's advertisement and its secret.
type siege struct {
	t                *testing.T
	w                *testnet.World
	seed, alice, bob *peer.Peer
	ga, gb           *group.Group
	signed           *adv.Signed // the group's advertisement
	secret           []byte
	dir              string             // alice's
	root             ed25519.PrivateKey // of the group: the test may make any credential
	journal          *journal           // what alice logs
	mallory          host.Host
	line, far        net.Conn // a pipe that is open all the while
	closers          []io.Closer
	startSeed        func(*testing.T, *testnet.World) *peer.Peer // nil: as any peer
}

// besiege runs f while alice, who has made the group, and bob talk in it.
func besiege(t *testing.T, f func(t *testing.T, s *siege)) { new(siege).run(t, f) }

func (s *siege) run(t *testing.T, f func(t *testing.T, s *siege)) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		w.Pass(time.Until(thisCentury))
		s.t, s.w, s.journal = t, w, new(journal)
		if s.startSeed == nil {
			s.seed = w.Start("seed")
		} else {
			s.seed = s.startSeed(t, w)
			s.closers = append(s.closers, s.seed)
		}
		s.dir = t.TempDir()
		s.alice = w.StartConfig(&peer.Config{Name: "alice", Dir: s.dir, NoDHT: true, Seeds: s.seed.Addrs(), Log: s.journal.logger()})
		s.bob = w.Start("bob", s.seed)
		s.mallory = w.Host()
		w.Settle(s.seed, s.alice, s.bob)
		s.found()
		defer func() {
			for _, c := range slices.Backward(s.closers) {
				_ = c.Close()
			}
		}()
		s.line, s.far = s.connect("moves")
		f(t, s)
	})
}

// found makes the group, in which alice and bob are then.
func (s *siege) found() {
	s.t.Helper()
	ctx := s.t.Context()
	var err error
	n := &peer.NewGroup{Name: "chess", Method: membership.Password, Password: []byte(password)}
	if s.signed, err = s.alice.CreateGroup(ctx, n); err != nil {
		s.t.Fatal(err)
	}
	if s.ga, err = s.alice.Join(ctx, s.signed, &peer.Entry{Remember: true}); err != nil {
		s.t.Fatal(err)
	}
	if s.gb, err = s.bob.Join(ctx, s.signed, &peer.Entry{Password: []byte(password)}); err != nil {
		s.t.Fatal(err)
	}
	s.w.Until(time.Minute, "alice and bob are neighbours", func() bool {
		return len(s.ga.Neighbours()) == 1 && len(s.gb.Neighbours()) == 1
	})
	s.root = rootKey(s.t, s.dir)
	inv := s.invite(&group.InvitationConfig{})
	opened, _, err := s.seed.Net().OpenInvitation(ctx, inv.Token)
	if err != nil {
		s.t.Fatal(err)
	}
	s.secret = opened.Secret
}

// rootKey reads the only root key in a peer's directory.
func rootKey(t *testing.T, dir string) ed25519.PrivateKey {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "groups", "*.root.pem"))
	if len(names) != 1 {
		t.Fatalf("root keys: %q", names)
	}
	text, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := membership.ParseKey(text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (s *siege) invite(cfg *group.InvitationConfig) *group.Invitation {
	s.t.Helper()
	inv, err := s.admin().Invite(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return inv
}

func (s *siege) admin() *group.Authority {
	s.t.Helper()
	a, err := s.ga.Authority()
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// member starts a peer that joins by an invitation.
func (s *siege) member(name string) (*peer.Peer, *group.Group) {
	s.t.Helper()
	p := s.w.Start(name, s.seed)
	s.w.Settle(p)
	inv := s.invite(&group.InvitationConfig{})
	g, err := p.Join(s.t.Context(), s.signed, &peer.Entry{Token: &inv.Token})
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return p, g
}

// insider is a member that speaks the wire format: the test is its services. It has a
// credential of the root's.
func (s *siege) insider(name string, role membership.Role, log *slog.Logger) (*endpoint.Endpoint, host.Host) {
	s.t.Helper()
	h := s.w.Host()
	board := endpoint.NewSwitchboard(h)
	e := endpoint.New(&endpoint.Config{
		Host: h, Group: s.ga.ID(), Self: s.shown(h, name, s.grant(h, role)), Secret: s.secret, Switchboard: board, Log: log,
	})
	s.closers = append(s.closers, board, e)
	if _, err := e.Connect(s.t.Context(), s.w.Info(s.alice)); err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return e, h
}

// grant is a credential of the root's for a host.
func (s *siege) grant(h host.Host, role membership.Role) []byte {
	return s.chain(s.root, s.keyOf(h).Public().(ed25519.PublicKey), role, time.Now(), time.Hour)
}

// chain is what a key signs as if it were an anchor.
func (s *siege) chain(by ed25519.PrivateKey, who ed25519.PublicKey, r membership.Role, at time.Time, life time.Duration) []byte {
	s.t.Helper()
	c, err := (&membership.Issuer{Key: by, Group: s.ga.ID()}).Grant(who, r, at, life)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Bytes()
}

func (s *siege) keyOf(h host.Host) ed25519.PrivateKey {
	raw, err := s.w.Key(h).Raw()
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// shown is a host's advertisement in the group, with any credential.
func (s *siege) shown(h host.Host, name string, credential []byte) *adv.Signed {
	a := testnet.PeerAdvertisement(h, s.ga.ID(), name)
	a.Credential = credential
	return s.w.Sign(h, a)
}

// connect makes a pipe from bob to alice.
func (s *siege) connect(name string) (near, far net.Conn) {
	s.t.Helper()
	ln, err := s.ga.Pipe().Listen(s.t.Context(), name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.closers = append(s.closers, ln)
	if near, err = s.gb.Pipe().Dial(s.t.Context(), "pipe", name); err != nil {
		s.t.Fatal(err)
	}
	if far, err = ln.Accept(); err != nil {
		s.t.Fatal(err)
	}
	return near, far
}

// unharmed fails the test unless alice and bob talk as before: over the pipe that was open
// all the while, and over a new one.
func (s *siege) unharmed(what string) {
	s.t.Helper()
	near, far := s.connect("new " + what)
	for _, c := range [][2]net.Conn{{s.line, s.far}, {s.far, s.line}, {near, far}} {
		word := []byte("e2e4 " + what)
		if _, err := c[0].Write(word); err != nil {
			s.t.Errorf("%s: %v", what, err)
		}
		_ = c[1].SetReadDeadline(time.Now().Add(time.Second))
		got := make([]byte, len(word))
		if _, err := io.ReadFull(c[1], got); err != nil || !bytes.Equal(got, word) {
			s.t.Errorf("%s: read %q, %v", what, got, err)
		}
	}
	_ = near.Close()
	_ = far.Close()
}

// stranger reports whether nobody in the group takes a host for a member.
func (s *siege) stranger(h hostid.ID) error {
	for _, g := range []*group.Group{s.ga, s.gb} {
		for _, n := range g.Neighbours() {
			if n.Host() == h {
				return fmt.Errorf("%s has it as a neighbour", g.Self())
			}
		}
		for _, m := range g.Members() {
			if a := g.Self(); m.Name == "mallory" {
				return fmt.Errorf("%s takes it for a member", a)
			}
		}
	}
	return nil
}

// newKey is somebody's.
func newKey(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// says reports whether one line has all the words.
func (j *journal) says(words ...string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
line:
	for line := range strings.Lines(j.text.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue line
			}
		}
		return true
	}
	return false
}

// timedOut reports whether nothing came in time.
func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
