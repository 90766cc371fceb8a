// Package endpoint is one group's window on the libp2p host.
//
// Several groups share a host; each has an [Endpoint] of its own. It lets
// peers into the group, gives the group's services streams to them, and tells
// them apart from the peers of every other group.
//
// # Protocols
//
// A service of a group is a libp2p protocol whose name carries the group's
// UUID:
//
//	/juxta/1/59616261646162614e50472050325033/resolver
//
// so a host answers for a group only while it is in it, and streams of two
// groups cannot be confused.
//
// # Admission
//
// Two connected peers become neighbours in a group by one exchange on the
// protocol "hello": each sends its signed peer advertisement (hello.proto). It
// has to be signed by the key with which the peer authenticated the
// connection. The side that dialled begins; either may. No other protocol of
// the group answers a peer that has not been admitted, and an admission ends
// with the last connection to the peer.
//
// # Frames
//
// Protocol messages are protobuf messages, each behind its length in bytes as
// an unsigned varint. The reader says how long a message it is prepared to
// take; a longer one is [ErrFrameTooLarge].
package endpoint
