package rendezvous

import (
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/seen"
)

// Searches that are answered at once: of all, of one edge, and of one rendezvous, which
// asks for all of its edges. Those that follow are counted as followers.
const (
	maxSearches    = 1024
	eachSearch     = 64
	eachRendezvous = maxSearches / 2

	seenCount = 16384 // walks that are known again
)

// beginSearch counts one more search in hand, unless there are too many.
func (srv *server) beginSearch(who id.Peer) bool {
	most := eachSearch
	if srv.isMember(who) {
		most = eachRendezvous
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed || srv.searching >= maxSearches || srv.searches[who] >= most {
		return false
	}
	srv.searching++
	srv.searches[who]++
	return true
}

func (srv *server) endSearch(who id.Peer) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.searching--
	if srv.searches[who]--; srv.searches[who] == 0 {
		delete(srv.searches, who)
	}
}

// firstTime reports whether a walk comes here for the first time.
func (srv *server) firstTime(search []byte) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.seen.Add(seen.ID(search))
}
