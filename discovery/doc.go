// Package discovery publishes advertisements in a group, and finds them.
//
// What a peer publishes it signs and keeps; what it finds it checks and caches,
// until it expires. A [Service.Search] looks in the cache, and then asks the
// group with a query to the resolver's handler "discovery": a peer that is asked
// answers from its own cache, its own advertisements and those it has found, and
// passes the query on to its neighbours.
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
