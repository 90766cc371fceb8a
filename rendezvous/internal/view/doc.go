// Package view is the peerview of a rendezvous: which rendezvous peers of its group
// there are, as far as this one knows.
//
// It is plain state: there are no goroutines and no locks in it, and the time is an
// argument. Methods that only look something up may keep what they have made of it,
// so even they need the caller's lock to be exclusive.
//
// # Who is there
//
// A member is there while its signed advertisement is refreshed, and goes by silence
// ([View.Expire]), because it could not be reached ([View.Remove]) or by its own word
// ([View.Leave]). Whoever goes leaves a tombstone for a while: others still hand on
// its advertisement, and the same or an older one does not bring it back. Who went
// without a word is remembered longer ([View.Lost]): after a partition, they are how
// one half finds the other.
//
// # Who is responsible
//
// Each pair of a key and a member has a weight, and the members of the highest
// weights are responsible for the key: rendezvous hashing (Thaler and Ravishankar,
// "Using Name-Based Mappings to Increase Hit Rates", 1998). Who joins takes its share
// of the keys, about the same from everyone; nothing else moves. All peers must
// compute the same:
//
//	weight = mix(first 8 bytes of SHA-256(key) xor first 8 bytes of SHA-256(binary ID))
//	key    = length of attribute ‖ attribute ‖ length of value ‖ value
//
// with lengths of 4 bytes, the first one the most significant as in all numbers here,
// and mix the finalizer of SplitMix64. The key of an edge is that of the empty
// attribute with the edge's binary ID as the value. Of equal weights that of the lower
// ID counts as higher.
//
// # The walk
//
// All members are asked along a tree that nobody plans: whoever is responsible for an
// [Arc] of the circle of IDs divides it into branches ([View.Split]), and the leader
// of each does the same by its own view. The first one begins with [Around] itself.
//
// A branch's leader is in the arc that is divided, who divides it is in none of the
// branches, and no two branches have a peer in common, leaders included. So with
// each level the peers in an arc, its leader not counted, become fewer, and the walk
// ends and asks nobody twice, whatever the views are. (A leader that does not answer
// may be tried a second time, by the one that leads in its place.) Where the views are
// the same it asks everybody, in floor(log(members)/log(fan)) + 1 hops at most.
// Where they are not, a peer is asked if the last leader whose arc it is in knows it:
// as a rule the member before it on the circle. What lies between two members is part
// of a branch as well, so it is enough if that one knows somebody who has just come.
package view
