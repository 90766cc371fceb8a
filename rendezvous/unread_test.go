package rendezvous

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
)

func writer(n byte) id.Peer {
	key := make([]byte, ed25519.PublicKeySize)
	key[0] = n
	return id.PeerOf(id.Net, key)
}

// letter is number seq of an author, sealed under an epoch; 0: not sealed.
func letter(author byte, seq uint64, epoch byte, size int) delivery {
	o := &bundle.Opened{Author: writer(author), Seq: seq, Count: 1}
	if epoch == 0 {
		o.Messages = [][]byte{make([]byte, size)}
	} else {
		o.Epoch, o.Sealed = []byte{epoch}, make([]byte, size)
	}
	return delivery{Opened: o}
}

func at(seconds int) time.Time { return time.Unix(1_000_000+int64(seconds), 0) }

// reader reads what it knows the epoch of, and notes what it has read.
type reader struct {
	known map[byte]bool
	tried int
	read  []uint64
}

func (r *reader) reads(d delivery) bool {
	r.tried++
	if len(d.Epoch) > 0 && !r.known[d.Epoch[0]] {
		return false
	}
	r.read = append(r.read, d.Seq)
	return true
}

func seqs(all []delivery) (s []uint64) {
	for _, d := range all {
		s = append(s, d.Seq)
	}
	return s
}

func TestUnreadKeepsTheOrderOfAnAuthor(t *testing.T) {
	var u unread
	if _, some := u.next(); some || u.holds(writer(1)) || u.excess(at(100)) != nil {
		t.Error("something waits in what is empty")
	}
	for i, d := range []delivery{
		letter(1, 10, 1, 5), letter(2, 20, 2, 5), letter(1, 11, 0, 5), letter(1, 12, 2, 5), letter(2, 21, 1, 5), letter(1, 13, 1, 5),
	} {
		u.add(at(i), d)
	}
	if !u.holds(writer(1)) || !u.holds(writer(2)) || u.holds(writer(3)) {
		t.Error("not those wait who do")
	}
	r := &reader{known: map[byte]bool{}}
	if u.retry(id.Peer{}, r.reads); len(r.read) != 0 || r.tried != 2 {
		t.Errorf("read %v, tried %d", r.read, r.tried)
	}
	r.known[1] = true
	if u.retry(writer(2), r.reads); len(r.read) != 0 {
		t.Errorf("of 2: read %v", r.read)
	}
	if u.retry(id.Peer{}, r.reads); !slices.Equal(r.read, []uint64{10, 11}) {
		t.Errorf("of all: read %v", r.read)
	}
	if next, _ := u.next(); !next.Equal(at(1).Add(unreadTime)) {
		t.Errorf("next %v", next)
	}
	r.known[2] = true
	if u.retry(writer(1), r.reads); !slices.Equal(r.read, []uint64{10, 11, 12, 13}) || u.holds(writer(1)) {
		t.Errorf("of 1: read %v", r.read)
	}
	if u.retry(id.Peer{}, r.reads); !slices.Equal(r.read[4:], []uint64{20, 21}) || u.bytes != 0 || len(u.queue) != 0 {
		t.Errorf("at last: read %v; %d, %d bytes", r.read, len(u.queue), u.bytes)
	}
}

func TestUnreadIsBounded(t *testing.T) {
	var u unread
	for i := range uint64(unreadBundles) {
		u.add(at(0), letter(1, i, 1, 10))
	}
	if lost := u.excess(at(0)); lost != nil {
		t.Errorf("lost %v", seqs(lost))
	}
	u.add(at(1), letter(2, 5000, 1, 10))
	if lost := u.excess(at(1)); !slices.Equal(seqs(lost), []uint64{0}) {
		t.Errorf("one too many: lost %v", seqs(lost))
	}
	big := unreadBytes/4 - frameCost
	for i := range uint64(4) {
		u.add(at(2), letter(3, 6000+i, 1, big))
	}
	if lost := u.excess(at(2)); len(lost) != unreadBundles || u.bytes != unreadBytes || len(u.queue) != 4 {
		t.Errorf("too much: lost %d; %d are left, %d bytes", len(lost), len(u.queue), u.bytes)
	}
	u.add(at(3), letter(3, 6004, 0, 0))
	if lost := u.excess(at(3)); !slices.Equal(seqs(lost), []uint64{6000}) {
		t.Errorf("a little too much: lost %v", seqs(lost))
	}
	if lost := u.excess(at(2).Add(unreadTime - 1)); lost != nil {
		t.Errorf("too early: lost %v", seqs(lost))
	}
	if lost := u.excess(at(2).Add(unreadTime)); !slices.Equal(seqs(lost), []uint64{6001, 6002, 6003}) || u.bytes != frameCost {
		t.Errorf("late: lost %v, %d bytes are left", seqs(lost), u.bytes)
	}
}

// Whatever comes, and whichever keys: each author's are read in order, each is read or
// lost once, and nothing is lost in time while there is room.
func TestUnreadLosesNothingElse(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var u unread
		r := &reader{known: map[byte]bool{}}
		came, fates, last := map[uint64]int{}, map[uint64]string{}, map[uint64]uint64{}
		note := func(what string, all []uint64) {
			for _, seq := range all {
				if fates[seq] != "" {
					t.Fatalf("seed %d: %d is %s, and was %s", seed, seq, what, fates[seq])
				}
				fates[seq] = what
				if author := seq / 10_000; what == "read" {
					if seq <= last[author] {
						t.Fatalf("seed %d: %d after %d", seed, seq, last[author])
					}
					last[author] = seq
				}
			}
		}
		now := 0
		for step := range uint64(300) {
			now += rnd.IntN(2)
			author := 1 + rnd.Uint64N(3)
			if d := letter(byte(author), 10_000*author+step, byte(rnd.IntN(4)), rnd.IntN(100)); u.holds(d.Author) || !r.reads(d) {
				u.add(at(now), d)
			}
			came[10_000*author+step] = now
			if rnd.IntN(20) == 0 {
				r.known[byte(rnd.IntN(4))] = rnd.IntN(3) > 0
				u.retry(id.Peer{}, r.reads)
			}
			for _, d := range u.excess(at(now)) {
				if age := now - came[d.Seq]; age != 10 && age != 11 {
					t.Fatalf("seed %d: lost after %d s", seed, age)
				}
				note("lost", []uint64{d.Seq})
				u.retry(d.Author, r.reads)
			}
			note("read", r.read)
			r.read = nil
			bytes := 0
			for _, d := range u.queue {
				bytes += costOf(d.Opened)
			}
			if bytes != u.bytes || len(fates)+len(u.queue) != len(came) {
				t.Fatalf("seed %d: %s", seed, fmt.Sprint(bytes, u.bytes, len(fates), len(u.queue), len(came)))
			}
		}
	}
}
