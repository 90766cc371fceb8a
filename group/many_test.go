package group_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// crowd is a group of many.
type crowd struct {
	t      *testing.T
	w      *testnet.World
	root   ed25519.PrivateKey
	groups []*group.Group // as each of the members has it
}

// One of many is put out, who has streams open with others: within seconds nobody has
// anything to do with her.
func TestManyMembers(t *testing.T) {
	members, lines := 200, 20
	if testing.Short() || racing() {
		members = 40
	}
	begun := time.Now()
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		w.Pass(time.Until(thisCentury))
		c := gather(t, w, members)
		c.countAll()
		mallory := c.groups[members/2]
		c.putOut(mallory, c.talkWith(mallory, lines))
	})
	t.Logf("%d members: %v of real time", members, time.Since(begun))
}

// racing reports whether the race detector runs, which so many goroutines are too much for.
func racing() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// gather makes a group and has so many join it, by a password that is quick to try: an
// honest one costs each of them 64 MiB.
func gather(t *testing.T, w *testnet.World, members int) *crowd {
	t.Helper()
	c := &crowd{t: t, w: w, groups: make([]*group.Group, members)}
	signed := c.found()
	seed := w.Start("seed")
	w.Settle(seed)
	begun := time.Now()
	var joining sync.WaitGroup
	for i := range members {
		p := w.Start(fmt.Sprintf("member%03d", i), seed)
		joining.Go(func() { c.groups[i] = c.join(p, signed) })
		if i == 0 {
			joining.Wait() // those who come into a group that has somebody find it
		}
	}
	joining.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Logf("%d have joined in %v", members, time.Since(begun))
	return c
}

// found makes the group's advertisement.
func (c *crowd) found() *adv.Signed {
	c.t.Helper()
	public, root := newKey(c.t)
	nonce := make([]byte, id.NonceLen)
	doc := &adv.Group{GID: id.GroupOf(public, "chess", nonce), MSID: id.SpecStdGroup, Name: "chess", RootKey: public, Nonce: nonce}
	secret, kdf := membership.NewSecret(), membership.KDF{Time: 1, MemoryKiB: 8 << 10, Threads: 1}
	key := membership.StretchPassword(doc.GID, []byte(password), kdf)
	doc.Membership = (&membership.Policy{
		Group: doc.GID, Root: public, Method: membership.Password, Marker: membership.MarkerOf(secret),
		Pass: &membership.Passphrase{Key: key.Public(), Role: membership.Member, Sealed: key.Seal(secret), KDF: kdf},
	}).Elements()
	signer, err := crypto.UnmarshalEd25519PrivateKey(root)
	if err != nil {
		c.t.Fatal(err)
	}
	signed, err := adv.Sign(signer, doc, uint64(time.Now().UnixMilli()))
	if err != nil {
		c.t.Fatal(err)
	}
	c.root = root
	return signed
}

func (c *crowd) join(p *peer.Peer, signed *adv.Signed) *group.Group {
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	if err := p.Net().Rendezvous().Settle(ctx); err != nil {
		c.t.Error(err)
		return nil
	}
	g, err := p.Join(ctx, signed, &peer.Entry{Password: []byte(password)})
	if err != nil {
		c.t.Error(err)
	}
	return g
}

// countAll waits until everybody knows of everybody, and has one ask who is there.
func (c *crowd) countAll() {
	c.t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Minute)
	defer cancel()
	for _, g := range c.groups {
		if n, err := g.AwaitMembers(ctx, len(c.groups)); err != nil {
			c.t.Fatalf("%s knows of %d: %v", g.Self(), n, err)
		}
	}
	c.t.Logf("all know of all after %v more", time.Since(begun))
	begun = time.Now()
	for _, g := range []*group.Group{c.groups[0], c.groups[len(c.groups)-1]} {
		n := 0
		for m, err := range g.Present(ctx) {
			if err != nil {
				c.t.Errorf("%+v, %v", m, err)
			} else if m.Present {
				n++
			}
		}
		if n != len(c.groups) {
			c.t.Errorf("%d of %d are present", n, len(c.groups))
		}
	}
	c.t.Logf("two have counted them in %v", time.Since(begun))
}

// line is a pipe that a member has with mallory.
type line struct {
	g          *group.Group
	near, hers net.Conn
}

// talkWith opens pipes between mallory and others, and sees that they carry.
func (c *crowd) talkWith(mallory *group.Group, n int) (lines []line) {
	c.t.Helper()
	ln, err := mallory.Pipe().Listen(c.t.Context(), "mallorys")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = ln.Close() })
	for _, g := range c.groups {
		if g == mallory || len(lines) == n {
			continue
		}
		near, err := g.Pipe().DialPipe(c.t.Context(), ln.Advertisement())
		if err != nil {
			c.t.Fatal(err)
		}
		hers, err := ln.Accept()
		if err != nil {
			c.t.Fatal(err)
		}
		if _, err := near.Write([]byte("e2e4")); err != nil {
			c.t.Error(err)
		}
		if _, err := hers.Read(make([]byte, 4)); err != nil {
			c.t.Error(err)
		}
		lines = append(lines, line{g, near, hers})
	}
	return lines
}

// putOut has the admin revoke mallory, and fails the test unless everybody is rid of her
// within seconds.
func (c *crowd) putOut(mallory *group.Group, lines []line) {
	c.t.Helper()
	who := mallory.Self().Signer()
	admin, err := c.groups[0].RootAuthority(c.root)
	if err != nil {
		c.t.Fatal(err)
	}
	begun := time.Now()
	var watching sync.WaitGroup
	var mu sync.Mutex
	var slowestLine, slowestHers time.Duration
	note := func(slowest *time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		*slowest = max(*slowest, time.Since(begun))
	}
	for _, l := range lines {
		watching.Go(func() {
			_ = l.near.SetReadDeadline(begun.Add(seconds))
			if _, err := l.near.Read(make([]byte, 1)); !errors.Is(err, pipe.ErrBroken) { // she may have heard of it first, and left
				c.t.Errorf("%s: %v", l.g.Self(), err)
			}
			note(&slowestLine)
			_ = l.near.Close()
		})
		watching.Go(func() {
			_ = l.hers.SetReadDeadline(begun.Add(seconds))
			if _, err := l.hers.Read(make([]byte, 1)); !errors.Is(err, pipe.ErrExpelled) {
				c.t.Errorf("mallory: %v", err)
			}
			note(&slowestHers)
			_ = l.hers.Close()
		})
	}
	if err := admin.Revoke(c.t.Context(), who, "cheats"); err != nil {
		c.t.Fatal(err)
	}
	told := time.Since(begun)
	c.w.Until(seconds, "nobody has her as a neighbour, and all know it", func() bool { return c.ridOf(mallory) == nil })
	known := time.Since(begun)
	watching.Wait()
	c.t.Logf("revoked: the admin returns after %v, all know it after %v, the last pipe to her ends after %v, hers after %v",
		told, known, slowestLine, slowestHers)
	if err := c.ridOf(mallory); err != nil { // she may not come back either
		c.t.Error(err)
	}
	if _, err := mallory.Standing(); !errors.Is(err, membership.ErrRevoked) {
		c.t.Errorf("she takes herself for a member: %v", err)
	}
	if n := c.groups[1].Stats().Present; n != len(c.groups)-1 {
		c.t.Errorf("%d are present", n)
	}
}

// ridOf reports who has anything to do with mallory.
func (c *crowd) ridOf(mallory *group.Group) error {
	who := mallory.Self().Signer()
	for _, g := range c.groups {
		if g == mallory {
			continue
		}
		for _, n := range g.Neighbours() {
			if n.Signer() == who {
				return fmt.Errorf("%s has her as a neighbour", g.Self())
			}
		}
		if st := g.Stats(); st.Revoked != 1 {
			return fmt.Errorf("%s has heard of %d revocations", g.Self(), st.Revoked)
		}
	}
	return nil
}
