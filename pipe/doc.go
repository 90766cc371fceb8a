// Package pipe carries bytes and messages between peers of a group, and loses nothing.
//
// A pipe has a name for ever, its ID, and an advertisement by which others find
// it. What runs through it is one of these:
//
//   - streams of bytes: [Service.Listen] and [Service.Dial] are the net
//     package's, so net/http, TLS, SSH and gRPC run over pipes as they stand.
//     [NewChannel] makes of a stream messages both ways.
//   - messages to one input end: [Service.Bind] makes it, [Service.Resolve] an output
//     end; each message arrives whole, once, and in the order of its sender. An
//     [Output.Request] gets the reply that the receiver gives to it. A shared pipe may
//     be bound by several peers, of which one gets each message.
//   - messages to all who have bound a pipe of the type JxtaPropagate, by the same
//     calls; see [Contract].
//
// Every byte travels encrypted, over a connection that both peers have
// authenticated; [PeerOf] says who is at the other end. So JxtaUnicastSecure is as
// JxtaUnicast.
//
// # Sessions
//
// What runs between two peers is a session, not a connection. The sender keeps what the
// receiver has not acknowledged (8 MiB at most; then it waits). When the connection is
// lost, or there is a better one, without a relay, the session goes on over another:
// nothing is lost, nothing comes twice, the order stays. Only when the peer was gone for
// longer than [Config.Patience], or has forgotten the session, because its process
// ended, do the ends get [ErrBroken].
//
// # Finding the input end
//
// An advertisement names its owner, and only the owner may bind the pipe, unless it is
// shared. An output end opens a stream to the owner where that was last known; unless
// this succeeds at once it also looks its owner up in the group's index, or, where
// several may have the input end, asks the group: a query to the resolver's handler
// "pipe" whose body is the pipe's ID, which a peer that has bound it answers with
// its peer advertisement. The first stream that opens wins. Of several pipes that
// bear a wanted name all are tried. Resolving goes on until the context ends, so it does
// not matter which end was there first.
//
// # Wire
//
// All runs over streams of the service "pipe", which begin with an Open frame
// (pipe.proto), answered by Opened. One stream carries one direction of a session, in
// frames and acknowledgements as internal/flow says; both are opened by the peer that has
// begun the session: FORWARD at once, BACK when it is needed, and either again when it
// was lost, with the position where to go on. Feedback of propagate pipes runs over
// streams of its own (propagate.proto).
package pipe
