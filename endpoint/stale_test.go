package endpoint_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
)

// fickle is an admission that changes its mind as soon as it has let a peer in: somebody
// was put out meanwhile.
type fickle struct {
	mu      sync.Mutex
	recheck func()
	changes int // of mind, that are left
	asked   int
	out     bool // after the last
}

func (f *fickle) Admit(*adv.Signed) error {
	f.mu.Lock()
	f.asked++
	if f.changes == 0 {
		defer f.mu.Unlock()
		if f.out {
			return membership.ErrRevoked
		}
		return nil
	}
	f.changes--
	f.mu.Unlock()
	f.recheck()
	return nil
}

func (f *fickle) Barred(id.Peer) error { return nil }

// Nobody becomes a neighbour by a decision from before everybody was looked at anew: it is
// made once more.
func TestDecisionThatIsStaleLetsNobodyIn(t *testing.T) {
	for name, out := range map[string]bool{"put out": true, "somebody else was": false} {
		for _, dials := range []string{"the door", "the peer"} {
			t.Run(name+", dials "+dials, func(t *testing.T) {
				testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
					h, other := w.Host(), w.Host()
					f := &fickle{changes: 3, out: out}
					g := id.GroupOf(make([]byte, 32), "chess", make([]byte, id.NonceLen))
					e := endpoint.New(&endpoint.Config{Host: h, Group: g, Self: w.Sign(h, testnet.PeerAdvertisement(h, g, "door")), Admission: f})
					defer e.Close()
					f.recheck = e.Recheck
					o := endpoint.New(&endpoint.Config{Host: other, Group: g, Self: w.Sign(other, testnet.PeerAdvertisement(other, g, "mallory"))})
					defer o.Close()
					var err error
					if dials == "the door" {
						_, err = e.Connect(t.Context(), infoOf(other))
					} else {
						_, err = o.Connect(t.Context(), infoOf(h))
					}
					if errors.Is(err, endpoint.ErrNotAdmitted) != out {
						t.Errorf("connect: %v", err)
					}
					w.Pass(time.Minute)
					if near(e, o)() == out {
						t.Errorf("a neighbour: %t", !out)
					}
					if f.mu.Lock(); f.asked < 4 {
						t.Errorf("decided %d times, and changed its mind three times", f.asked)
					}
					f.mu.Unlock()
				})
			})
		}
	}
}
