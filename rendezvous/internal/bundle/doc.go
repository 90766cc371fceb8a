// Package bundle is what propagation is made of: the signed bundle of messages, what
// keeps one from being taken twice, and the queues before and behind it.
//
// An author's messages to a topic wait in a [Bundler]; those that wait together go
// out in one bundle with one signature ([Seal]), so that under load the signature
// costs little a message. Whoever gets a bundle checks it ([Open]), then asks [Seen]
// whether it is the first time, and puts it, [Packed] once for all, in the [Queue] of
// each receiver.
//
// # What is signed
//
// Ed25519, over the 15 bytes "juxta-propagate" and the SHA-256 of, numbers
// big-endian:
//
//	16  UUID of the group
//	4+n length, author's public key
//	8   seq
//	4+n length, topic
//	4   number of messages
//	4+n length, message; for each
//
// and, if there is an epoch,
//
//	4+n length, epoch
//	4   count
//
// Neither hops, which change on the way, nor fields that this version does not know.
//
// # What is sealed
//
// In a group that has put somebody out the members share a key, of which the epoch is the
// name, and the messages are sealed under it ([SealUnder], [Opened.Unseal]): what stands
// for them is one element, the protobuf message Messages, encoded and sealed, bound to the
// topic. The signature is around that, so who has no key checks, passes on and remembers
// a bundle like any other; how many messages there are it has to believe, for its
// accounts alone, until somebody opens it.
//
// # What is remembered
//
// Between rendezvous a bundle is known by its [ID] even before it was opened: the
// first with an ID makes the others be dropped. So an ID covers all that [Open]
// looks at but the group, the signature too: who alters a bundle of somebody else,
// or its signature, gets another ID and does not stand in the way of the good one.
// What the ID leaves out, hops and unknown fields, Open does not look at; and it is
// made from the bundle's meaning, so that all encodings of one bundle have the same.
//
// [Seen] goes by author and seq, which only the author could have signed; it must
// hear of no bundle that was not opened.
//
// Seen is plain state: no locks, no goroutines, and the only clock is the author's.
// Bundler and Queue are safe for concurrent use and have no goroutines either.
package bundle

import "errors"

// Limits of a bundle. What exceeds them is refused with [ErrTooLarge].
const (
	MaxMessage  = 128 << 10 // bytes of one message
	MaxBundle   = 160 << 10 // bytes of all messages of a bundle
	MaxMessages = 1024      // messages of a bundle
	MaxTopic    = 255       // bytes of the topic, in UTF-8
	MaxEpoch    = 16        // bytes of the name of an epoch

	// SealOverhead is how many bytes sealing may add: a nonce of 12 and a tag of 16.
	SealOverhead = 12 + 16
	// MaxSealed bounds what is sealed, in bytes: the messages, at most 4 around each of
	// them, and the overhead.
	MaxSealed = maxPlain + SealOverhead
	maxPlain  = MaxBundle + 4*MaxMessages

	// MaxEncoded bounds a bundle on the wire, in bytes: besides the messages and
	// at most 4 for each of them, the rest. Unknown fields are not counted.
	MaxEncoded = MaxBundle + 4*MaxMessages + 512
)

// Errors that callers test for.
var (
	ErrTooLarge  = errors.New("too large")
	ErrMalformed = errors.New("malformed")
	ErrForged    = errors.New("forged")
)
