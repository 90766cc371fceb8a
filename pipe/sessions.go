package pipe

import (
	"errors"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

const (
	maxSessions     = 65536            // of a group, at a time
	maxPeerSessions = 4096             // with one peer
	remembered      = 10 * time.Second // how long a session is known after its end
	maxRemembered   = 4096             // then the oldest goes
)

// errSessions: there are as many sessions as may be.
var errSessions = errors.New("too many sessions")

// sessions are those of a service. One that has ended is known for a while, so that a
// peer that has lost the last acknowledgement can ask for it again.
type sessions struct {
	mu      sync.Mutex // guards what follows
	all     map[sessionKey]*session
	peers   map[id.Peer]int // sessions that go on
	retired []retired       // the oldest first
	// reaching are the peers that we try to connect to, for sessions that they have begun.
	reaching map[id.Peer]bool
	closed   bool
}

type retired struct {
	key   sessionKey
	since time.Time
}

func newSessions() *sessions {
	return &sessions{all: map[sessionKey]*session{}, peers: map[id.Peer]int{}, reaching: map[id.Peer]bool{}}
}

func (t *sessions) add(x *session) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked()
	if t.closed || t.all[x.key] != nil || len(t.all)-len(t.retired) >= maxSessions || t.peers[x.key.peer] >= maxPeerSessions {
		return errSessions
	}
	t.all[x.key] = x
	t.peers[x.key.peer]++
	return nil
}

func (t *sessions) get(k sessionKey) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[k]
}

// retire is called once for a session that has ended.
func (t *sessions) retire(x *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all[x.key] != x {
		return
	}
	if t.peers[x.key.peer]--; t.peers[x.key.peer] == 0 {
		delete(t.peers, x.key.peer)
	}
	t.retired = append(t.retired, retired{x.key, time.Now()})
	t.forgetLocked()
}

// forgetLocked forgets what has ended long ago. It is called often enough: whenever a
// session begins or ends.
func (t *sessions) forgetLocked() {
	for len(t.retired) > 0 && (len(t.retired) > maxRemembered || time.Since(t.retired[0].since) > remembered) {
		delete(t.all, t.retired[0].key)
		t.retired = t.retired[1:]
	}
}

// reach reports whether nobody tries to connect to a peer; whoever asks does it now,
// until reached.
func (t *sessions) reach(who id.Peer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reaching[who] {
		return false
	}
	t.reaching[who] = true
	return true
}

func (t *sessions) reached(who id.Peer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.reaching, who)
}

// close returns the sessions there are, and takes no more.
func (t *sessions) close() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	all := make([]*session, 0, len(t.all))
	for _, x := range t.all {
		all = append(all, x)
	}
	return all
}
