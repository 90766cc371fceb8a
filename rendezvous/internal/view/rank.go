package view

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/juxta-p2p/juxta/id"
)

// Replicas returns the n members, self included, that are responsible for an attribute
// and its value: those of the highest weights, highest first; all if there are fewer.
// Its time is that of looking at each member once, for n of a few.
func (v *View) Replicas(attr, value string, n int) []id.Peer {
	return v.highest(hashKey(attr, value), n)
}

// Favourites returns the n members that suit an edge best, as [View.Replicas] does for
// a key: edges spread evenly over the members, and few of them move when one comes or
// goes.
func (v *View) Favourites(edge id.Peer, n int) []id.Peer {
	return v.highest(hashKey("", string(edge.Bytes())), n)
}

// ranked is the place in the order of a member of that weight.
type ranked struct {
	weight uint64
	at     int
}

func (v *View) highest(key uint64, n int) []id.Peer {
	var room [16]ranked // spares the usual n an allocation
	top := highest(room[:0], v.hashes, key, n)
	if len(top) == 0 {
		return nil
	}
	ids := make([]id.Peer, len(top))
	for i, r := range top {
		ids[i] = v.order[r.at].ID
	}
	return ids
}

// highest appends the n of the highest weights to top, which is empty.
func highest(top []ranked, hashes []uint64, key uint64, n int) []ranked {
	n = min(n, len(hashes))
	if n <= 0 {
		return nil
	}
	for at, hash := range hashes {
		w := mix(key ^ hash)
		if len(top) == n {
			if w <= top[n-1].weight {
				continue
			}
			top = top[:n-1]
		}
		i := len(top)
		for i > 0 && top[i-1].weight < w {
			i--
		}
		top = append(top, ranked{})
		copy(top[i+1:], top[i:])
		top[i] = ranked{w, at}
	}
	return top
}

// Ranking is what a view said at one time about who is responsible for what. It does
// not change, and is safe for concurrent use.
type Ranking struct {
	Version uint64 // of the view
	ids     []id.Peer
	hashes  []uint64
}

// Ranking returns what the view says now.
func (v *View) Ranking() *Ranking {
	r := &Ranking{Version: v.version, hashes: slices.Clone(v.hashes), ids: make([]id.Peer, len(v.order))}
	for i, e := range v.order {
		r.ids[i] = e.ID
	}
	return r
}

// Has reports whether a peer was a member.
func (r *Ranking) Has(who id.Peer) bool { return slices.Contains(r.ids, who) }

// Replicas is that of the view at that time.
func (r *Ranking) Replicas(attr, value string, n int) []id.Peer {
	var room [16]ranked
	top := highest(room[:0], r.hashes, hashKey(attr, value), n)
	ids := make([]id.Peer, len(top))
	for i, t := range top {
		ids[i] = r.ids[t.at]
	}
	return ids
}

func hashKey(attr, value string) uint64 {
	var room [512]byte
	b := binary.BigEndian.AppendUint32(room[:0], uint32(len(attr)))
	b = append(b, attr...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	b = append(b, value...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
// Pseudorandom Number Generators", 2014, variant 13 of Stafford): each bit of x
// changes each bit of the result with a probability of about one half.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
