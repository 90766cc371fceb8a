// Package discovery publishes advertisements in a group, and finds them.
//
// What a peer publishes it signs, keeps, and puts into the index that the rendezvous
// of the group keep together (package rendezvous), again and again as long as it
// stands by it. What it finds it checks and caches, until it expires. A
// [Service.Search] looks in the cache, and then in the index; [Service.Follow] goes on
// with what is published later, and [Service.Await] waits for the first. With
// [Query].From one peer is asked for what its own cache has, by a query to the
// resolver's handler "discovery".
//
// # Near and far
//
// Where the rendezvous are found decides how far a search goes: on the local network
// by mDNS alone, with neither seeds nor the hash table; on the internet by seeds and the
// hash table alone; by default both ([github.com/juxta-p2p/juxta/peer.Config]).
//
// # Restart
//
// With a directory the cache is kept in a file: what was published is put into the
// index again when the peer starts, as long as its lifetime lasts.
//
// # Time
//
// An advertisement has a lifetime, for which its publisher stands by it, and an
// expiration, for which others may keep it (JXTA v2.0 Protocols Specification,
// "Peer Discovery Protocol"). Both are durations from now, on the wire too, so
// clocks need not agree; a copy is handed on with what is left of its own.
//
// # Identity
//
// Advertisements of the same type, ID and signer are versions of one: the one
// with the higher sequence replaces the other. A stranger replaces nothing; and
// what has an owner he cannot even sign (package adv).
package discovery
