// Package rendezvous is how the peers of a group find each other's advertisements
// and reach all of each other: JXTA's rendezvous protocol, made to scale.
//
// # Roles
//
// Every peer is an edge or a rendezvous. An edge holds one lease with one
// rendezvous: a stream over which it publishes, subscribes, and gets what others
// propagate. The rendezvous of a group know each other: that is the peerview. A peer
// that may choose ([Auto]) is an edge where it can be, and becomes a rendezvous when
// it finds none, when it is asked by one that has too many edges, or when it is the
// first of the successors that a vanished one had named; it stops when the group has
// enough others. [Service.Status] says what it is, and why.
//
// # The peerview
//
// A rendezvous announces itself with its signed advertisement, in growing intervals,
// over GossipSub among the rendezvous alone; a newcomer exchanges its whole view with
// the first one it meets, and any two now and then with each other, so that a lost
// message costs little. One that leaves says so; one that dies is missed by those
// connected to it, who say so, and it may refute that; one that nobody misses is
// dropped when it has not announced itself for long. After a partition each side
// tries those it has lost, and when one answers, all say that they are there.
//
// # The index
//
// An edge pushes what it publishes to its rendezvous, its home. The home passes it
// on to the replicas: for each indexed attribute and value those rendezvous that
// rendezvous hashing gives (Thaler and Ravishankar, "Using Name-Based Mappings to
// Increase Hit Rates", 1998). The type of the document is not part of the key, so
// that a search of any kind is one question. Who looks for an exact value asks its
// own rendezvous, which asks a replica: two hops, whatever the size of the group.
// Everything else is a walk.
//
// # The walk
//
// A question to all rendezvous goes down a tree that nobody has to keep: each is
// given an arc of the circle of peer IDs, divides it among the first members of at
// most 16 parts, and hands up what they answer. The same tree carries the resolver's
// queries to the group, which the rendezvous put to their edges, too.
//
// # Propagation
//
// A message goes from its author to its rendezvous, from there through GossipSub to
// all others, and to those edges that have subscribed to its topic. The author signs
// it, several at once under load, and everybody checks the signature. An edge that
// is slow loses the oldest first, and nobody else anything.
//
// Every rendezvous remembers a little of what came by, by topic. Who subscribes may
// have that replayed ([Replay]); and an edge whose rendezvous is lost has the next one
// replay what came by meanwhile, while authors send anew what may have died with it. So
// the death of a rendezvous delays messages, and loses none, as long as no more came
// meanwhile than is remembered.
//
// # Trust
//
// An advertisement in the index is whole and signed, and was checked by each who
// holds it. A rendezvous may withhold what it has, so an exact search that finds
// nothing at the first replica asks the others; it cannot invent anything.
package rendezvous
