// Package resolver asks questions of the peers of a group: net/http for the
// overlay.
//
// A peer registers a [Handler] under a name; any peer of the group may send
// queries to that name, to one peer or to all that can be reached, and iterates
// over the answers as they come. Discovery and pipe binding are handlers like
// any application's.
//
// # Propagation
//
// A query to the group goes to our rendezvous, which puts it to its edges and, down a
// tree, to the other rendezvous and theirs; the answers come back the same way, so a
// peer that nobody can dial answers like any other. A query carries a random ID, by
// which a peer that it reaches on two ways knows it again and answers once. A peer
// without a rendezvous asks its neighbours, each for itself.
//
// # Wire
//
// One stream a query and a neighbour: a Query frame (resolver.proto), then the
// answers, then the end of the stream.
//
// # Trust
//
// The stream is authenticated, so a neighbour's own answers are its own. What it
// passes on it could have invented: [Response.From] is then the neighbour's
// word. Answers that matter carry signatures of their own, as advertisements do.
package resolver
