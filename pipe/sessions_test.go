package pipe

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Sessions that have ended take nobody's place, however many there were; and they are
// known for a while.
func TestEndedSessionsTakeNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		who := id.PeerOf(id.Net, []byte("somebody"))
		begin := func() *session {
			t.Helper()
			x := &session{key: sessionKey{peer: who, id: newSessionID()}}
			if err := s.add(x); err != nil {
				t.Fatal(err)
			}
			return x
		}
		for range 3 * maxPeerSessions {
			s.retire(begin())
		}
		if n := len(s.all); n > maxRemembered {
			t.Errorf("%d are known still", n)
		}
		x := begin()
		s.retire(x)
		if s.get(x.key) != x {
			t.Error("the last one is forgotten at once")
		}
		if s.add(x) == nil {
			t.Error("a session has begun twice")
		}
		for range maxPeerSessions {
			begin()
		}
		if s.add(&session{key: sessionKey{peer: who, id: newSessionID()}}) == nil {
			t.Error("more than may be")
		}
		time.Sleep(remembered + time.Second)
		if s.add(&session{}) != nil {
			t.Error("no place for another peer")
		}
		if n := len(s.all); n != maxPeerSessions+1 || s.peers[who] != maxPeerSessions {
			t.Errorf("%d are known, %d of them go on with one peer", n, s.peers[who])
		}
	})
}
