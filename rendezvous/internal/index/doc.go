// Package index is the shared resource index of one rendezvous: the
// advertisements that it was given, by what they can be found by.
//
// It is plain state: no goroutines and no locks, and the caller brings the clock.
// [Index.Find], [Index.All], [Index.Len], [Index.Bytes] and [Index.Stats] only
// read; all other methods need the index for themselves.
//
// # Identity
//
// Advertisements of the same type, ID and signer are versions of one, and the
// index holds the newest that it has heard of.
//
// # At home, replica, orphan
//
// An advertisement is at home at the rendezvous that its publisher has a lease
// of, and has replicas at those that the hashes of its attributes choose. A search
// that cannot be looked up by hash walks from rendezvous to rendezvous and asks
// each for what is at home there, so that it finds all, and each once. When a
// lease ends without a word, nobody is the home of what the edge published: what
// is left here is an orphan, and still answers walks until it shows up elsewhere.
//
//	what happens               absent      replica        at home        orphan
//	------------------------   ---------   ------------   ------------   ------------
//	Put with Home, newer       at home     at home        at home (1)    at home
//	Put with Home, the same    -           at home        at home (1)    at home
//	Put without, newer         replica     replica        at home (2)    replica (3)
//	Put without, the same      -           replica        at home (2)    replica (3)
//	Put of an older version    Stale       Stale          Stale          Stale
//	Release of its edge (4)    -           -              orphan         -
//	Move of its edge (5)       -           -              replica        -
//	Retract, newer             tombstone   tombstone      tombstone      tombstone
//	Retract, not newer         tombstone   Stale          Stale          Stale
//	its time has passed        -           absent         absent         absent
//	the index is full          -           goes first     never goes     goes next
//
// Absent, a version is older if it is no newer than its tombstone.
//
//  1. At home at the edge that has put it last.
//  2. Whoever pushes a replica does not know our leases; a home is lost only with
//     its lease. A newer version that comes so is at home here as the older one
//     was. While an edge moves, two rendezvous answer a walk with the same.
//  3. Somebody else has it, and pushes it: there is a home again.
//  4. The lease has run out, or its connection died: nobody may be home yet.
//  5. The edge said that it has moved: its new home knows all it published. What others
//     have signed becomes an orphan: another edge of ours may have published it, too.
//
// Of the same version put twice the later expiry counts. A newer version brings
// its own expiry, be it earlier.
//
// # When it is full
//
// The replica that would expire first makes room, then the orphan that would; a
// replica can be pushed again, an orphan is the last of its kind in walks. What is
// at home stays: its publisher was told that it has been published, so when there
// is nothing else, the newcomer is refused. No signer has more than its share,
// whatever the state of its entries.
//
// What an edge publishes for others counts to them as signers; but anybody makes as many
// keys as he likes, so no edge has more than a share of its own at home here that others
// have signed. Put refuses what is beyond, be it the version that is held.
package index
