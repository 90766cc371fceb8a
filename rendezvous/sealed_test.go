package rendezvous_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// keyring is a cipher whose keys are made from their names.
type keyring struct {
	mu    sync.Mutex
	known []string // the last one is the present one
}

// learn adds epochs.
func (k *keyring) learn(epochs ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = append(k.known, epochs...)
}

func gcm(epoch string) cipher.AEAD {
	key := sha256.Sum256([]byte(epoch))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	g, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return g
}

func (k *keyring) Seal(plain, bound []byte) (epoch, sealed []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) == 0 {
		return nil, nil, nil
	}
	last := k.known[len(k.known)-1]
	if last == "broken" {
		return nil, nil, errors.New("no key")
	}
	nonce := make([]byte, 12)
	_, _ = rand.Read(nonce)
	name, _, _ := strings.Cut(last, ", wrongly")
	return []byte(name), gcm(last).Seal(nonce, nonce, plain, bound), nil
}

func (k *keyring) Open(_ ed25519.PublicKey, epoch, sealed, bound []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.known, string(epoch)) {
		return nil, fmt.Errorf("epoch %s: %w", epoch, rendezvous.ErrEpoch)
	}
	if len(sealed) < 12 {
		return nil, errors.New("short")
	}
	return gcm(string(epoch)).Open(nil, sealed[:12], sealed[12:], bound)
}

// member is a rendezvous service by itself, with a cipher.
type member struct {
	*rendezvous.Service
	*keyring
	t    *testing.T
	name string
	host host.Host
	ep   *endpoint.Endpoint
}

// join starts one that is near another, unless that is nil.
func join(t *testing.T, w *testnet.World, name string, role rendezvous.Role, near *member, epochs ...string) *member {
	t.Helper()
	h := w.Host()
	var s atomic.Pointer[rendezvous.Service]
	ep := endpoint.New(&endpoint.Config{
		Host: h, Group: id.Net, Self: w.Sign(h, testnet.PeerAdvertisement(h, id.Net, name)),
		Met: func(a *adv.Signed, _ time.Duration) {
			if s := s.Load(); s != nil {
				s.Met(a)
			}
		},
	})
	m := &member{keyring: &keyring{known: epochs}, t: t, name: name, host: h, ep: ep}
	m.Service = rendezvous.New(&rendezvous.Config{Key: w.Key(h), Endpoint: ep, Name: name, Role: role, Cipher: m.keyring})
	s.Store(m.Service)
	if near == nil {
		w.Until(10*time.Second, name+" is a rendezvous", func() bool { return m.Status().Rendezvous })
		return m
	}
	if _, err := ep.Connect(t.Context(), near.info()); err != nil {
		t.Fatal(err)
	}
	w.Until(30*time.Second, name+" has its place", func() bool {
		st := m.Status()
		return st.Lease != nil || st.Rendezvous && len(st.Members) > 1
	})
	return m
}

func (m *member) info() hostid.AddrInfo {
	return hostid.AddrInfo{ID: m.host.ID(), Addrs: m.host.Addrs()}
}

func (m *member) leave() {
	_ = m.Service.Close()
	_ = m.ep.Close()
}

func (m *member) says(texts ...string) {
	m.t.Helper()
	for _, text := range texts {
		if err := m.Propagate(m.t.Context(), "topic", []byte(text)); err != nil {
			m.t.Errorf("propagate at %s: %v", m.name, err)
		}
	}
}

// ear is a subscription of a member.
type ear struct {
	*rendezvous.Subscription
	m *member
}

func (m *member) listens(replay rendezvous.Replay) *ear {
	m.t.Helper()
	sub, err := m.Subscribe(m.t.Context(), "topic", replay)
	if err != nil {
		m.t.Fatal(err)
	}
	return &ear{sub, m}
}

// hears fails the test unless these are all that has come since.
func (e *ear) hears(what string, want ...string) {
	e.m.t.Helper()
	var got []string
	for {
		ctx, cancel := context.WithTimeout(e.m.t.Context(), time.Millisecond)
		m, err := e.Next(ctx)
		cancel()
		if err != nil {
			break
		}
		got = append(got, string(m.Data))
	}
	if !slices.Equal(got, want) {
		e.m.t.Errorf("%s: %s has heard %q, want %q", what, e.m.name, got, want)
	}
}

// society is two rendezvous, of which neither has a key, and an edge of each; the author
// is the first one's.
type society struct {
	t              *testing.T
	far, near      *member // the rendezvous
	author, reader *member
}

func inSociety(t *testing.T, f func(t *testing.T, w *testnet.World, x *society)) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := &society{t: t, near: join(t, w, "near", rendezvous.Rendezvous, nil)}
		defer x.near.leave()
		x.far = join(t, w, "far", rendezvous.Rendezvous, x.near)
		defer x.far.leave()
		w.Until(30*time.Second, "the rendezvous know each other", func() bool {
			return len(x.near.Status().Members) == 2 && len(x.far.Status().Members) == 2
		})
		x.author = join(t, w, "author", rendezvous.Edge, x.near)
		defer x.author.leave()
		x.reader = join(t, w, "reader", rendezvous.Edge, x.far)
		defer x.reader.leave()
		time.Sleep(10 * time.Second) // moves to those that suit better are over, and the gossip is ready
		f(t, w, x)
	})
}

// A bundle that comes before its key is read with it, and what is behind it afterwards.
func TestSealedOvertakesItsKey(t *testing.T) {
	inSociety(t, func(t *testing.T, w *testnet.World, x *society) {
		other := join(t, w, "other", rendezvous.Edge, x.near, "one")
		defer other.leave()
		e, own := x.reader.listens(rendezvous.Replay{}), x.author.listens(rendezvous.Replay{})
		blind := x.near.listens(rendezvous.Replay{})
		x.author.says("plain")
		time.Sleep(time.Second)
		x.author.learn("one", "two")
		x.author.says("sealed 0", "sealed 1")
		time.Sleep(time.Second)
		e.hears("without the key", "plain")
		own.hears("the author itself", "plain", "sealed 0", "sealed 1")
		x.reader.learn("one")
		x.reader.Rekeyed()
		other.says("of another")
		time.Sleep(time.Second)
		e.hears("with another key", "of another")
		x.reader.learn("two") // and nobody says so
		x.author.says("behind")
		time.Sleep(time.Second)
		e.hears("behind what waits")
		x.reader.Rekeyed()
		time.Sleep(time.Millisecond)
		e.hears("with the key", "sealed 0", "sealed 1", "behind")
		x.author.says("live")
		time.Sleep(time.Second)
		e.hears("afterwards", "live")
		time.Sleep(time.Minute)
		e.hears("at last")
		if e.Dropped() != 0 || x.reader.Status().Traffic.Dropped != 0 || x.reader.Status().Traffic.Refused != 0 {
			t.Errorf("%+v", x.reader.Status().Traffic)
		}
		blind.hears("a rendezvous without keys", "plain")
		if st := x.near.Status().Traffic; st.Propagated != 6 || st.Dropped != 5 || blind.Dropped() != 5 || st.Refused != 0 {
			t.Errorf("the rendezvous: %+v", st)
		}
	})
}

// What nobody gives the key of is lost after 10 s, and nothing else.
func TestSealedAndNoKeyComes(t *testing.T) {
	inSociety(t, func(t *testing.T, w *testnet.World, x *society) {
		e := x.reader.listens(rendezvous.Replay{})
		x.reader.learn("two")
		x.author.learn("one")
		x.author.says("lost 0", "lost 1")
		time.Sleep(5 * time.Second)
		x.author.learn("two")
		x.author.says("kept")
		time.Sleep(4900 * time.Millisecond)
		e.hears("too early")
		time.Sleep(200 * time.Millisecond)
		e.hears("after 10 s", "kept")
		if e.Dropped() != 2 || x.reader.Status().Traffic.Dropped != 2 {
			t.Errorf("%d lost, %+v", e.Dropped(), x.reader.Status().Traffic)
		}
		x.reader.learn("one")
		x.reader.Rekeyed()
		time.Sleep(time.Minute)
		e.hears("when the key comes after all")
		x.author.says("later")
		time.Sleep(time.Second)
		e.hears("later", "later")
		_ = e.Close()
		x.author.learn("three")
		x.author.says("to nobody")
		time.Sleep(20 * time.Second)
		if n := x.reader.Status().Traffic.Dropped; n != 2 {
			t.Errorf("%d lost", n)
		}
	})
}

// A replay may be sealed as well; and of nobody else is anything held up by that.
func TestSealedReplay(t *testing.T) {
	inSociety(t, func(t *testing.T, w *testnet.World, x *society) {
		other := join(t, w, "other", rendezvous.Edge, x.near)
		defer other.leave()
		x.author.says("plain")
		x.author.learn("one")
		x.author.says("sealed")
		time.Sleep(time.Second)
		other.says("other")
		time.Sleep(time.Second)
		x.author.learn("two")
		x.author.says("twice")
		time.Sleep(time.Second)
		e, first := x.reader.listens(rendezvous.Replay{Age: time.Minute}), x.far.listens(rendezvous.Replay{Bundles: 3})
		x.author.says("live")
		time.Sleep(time.Second)
		e.hears("without a key", "plain", "other")
		first.hears("a rendezvous without a key", "other")
		x.reader.learn("one")
		x.reader.Rekeyed()
		x.far.learn("one", "two")
		x.far.Rekeyed()
		time.Sleep(time.Second)
		e.hears("with the first key", "sealed")
		first.hears("a rendezvous with both", "sealed", "twice", "live")
		time.Sleep(10 * time.Second)
		x.reader.learn("two")
		x.author.says("more")
		time.Sleep(time.Second)
		e.hears("too late for some", "more")
		if e.Dropped() != 2 || first.Dropped() != 0 {
			t.Errorf("%d and %d lost", e.Dropped(), first.Dropped())
		}
		late := x.reader.listens(rendezvous.Replay{Age: time.Minute})
		time.Sleep(time.Second)
		late.hears("with all keys", "plain", "sealed", "other", "twice", "live", "more")
	})
}

// What does not open with its key is refused, and the author hears when it cannot be
// sealed.
func TestSealedWrongly(t *testing.T) {
	inSociety(t, func(t *testing.T, w *testnet.World, x *society) {
		wrong := join(t, w, "wrong", rendezvous.Edge, x.near)
		defer wrong.leave()
		e := x.reader.listens(rendezvous.Replay{})
		x.reader.learn("one")
		wrong.learn("one, wrongly")
		x.author.learn("one")
		wrong.says("refused")
		x.author.says("good")
		time.Sleep(time.Second)
		e.hears("beside one that does not open", "good")
		if st := x.reader.Status().Traffic; st.Refused != 1 || st.Dropped != 0 {
			t.Errorf("%+v", st)
		}
		x.author.learn("broken")
		if err := x.author.Propagate(t.Context(), "topic", []byte("in the clear?")); err == nil {
			t.Error("without a key it was sent")
		}
		time.Sleep(time.Second)
		e.hears("what could not be sealed")
	})
}

// The bundle that is sent again when a rendezvous dies is the sealed one, and comes once.
func TestSealedIsSentAgain(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		first := join(t, w, "first", rendezvous.Rendezvous, nil)
		author := join(t, w, "author", rendezvous.Auto, first, "one")
		defer author.leave()
		reader := join(t, w, "reader", rendezvous.Edge, first, "one")
		defer reader.leave()
		time.Sleep(5 * time.Second)
		e := reader.listens(rendezvous.Replay{})
		author.says("before")
		time.Sleep(time.Second)
		first.leave() // the author succeeds it
		if err := author.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		author.says("after")
		w.Until(time.Minute, "the reader has a place", func() bool { return reader.Status().Lease != nil })
		time.Sleep(5 * time.Second)
		e.hears("all of it", "before", "after")
		if !author.Status().Rendezvous || reader.Status().Traffic.Refused != 0 {
			t.Errorf("%+v", reader.Status())
		}
	})
}
