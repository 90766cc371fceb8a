package endpoint

import (
	"encoding/binary"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/id"
)

// numbered returns an ID that no key has.
func numbered(n int) id.Peer { return id.PeerOf(id.Net, binary.BigEndian.AppendUint32(nil, uint32(n))) }

func TestBookForgetsWhatWasNotUsedForLongest(t *testing.T) {
	b := newBook()
	for i := range maxBook {
		b.put(numbered(i), peer.ID(numbered(i).String()), 1)
	}
	if _, ok := b.get(numbered(0)); !ok { // it is the latest now
		t.Fatal("the first is gone before the book was full")
	}
	b.put(numbered(1), peer.ID(numbered(1).String()), 1) // and so is this
	for i := maxBook; i < maxBook+10; i++ {
		b.put(numbered(i), peer.ID(numbered(i).String()), 1)
	}
	for i, want := range map[int]bool{0: true, 1: true, 2: false, 11: false, 12: true, maxBook + 9: true} {
		if e, ok := b.get(numbered(i)); ok != want || ok && e.host != peer.ID(numbered(i).String()) {
			t.Errorf("peer %d: %q, %v, want %v", i, e.host, ok, want)
		}
	}
	if len(b.entries) != maxBook || b.recent.Len() != maxBook {
		t.Errorf("%d entries in a list of %d, want %d", len(b.entries), b.recent.Len(), maxBook)
	}
}
