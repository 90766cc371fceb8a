// Package pipe carries bytes and messages between peers of a group.
//
// A pipe has a name for ever, its ID, and an advertisement by which others find
// it. One peer holds its input end, any number have output ends. What runs
// through it is either of two kinds:
//
//   - streams of bytes: [Service.Listen] and [Service.Dial] are the net
//     package's, so net/http, TLS, SSH and gRPC run over pipes as they stand.
//   - messages: [Service.Bind] makes the input end, [Service.Resolve] an output
//     end; each message arrives whole, and in the order of its sender.
//
// Every byte travels encrypted, over a connection that both peers have
// authenticated; [PeerOf] says who is at the other end.
//
// # Finding the input end
//
// An advertisement names its owner, and only the owner may bind the pipe. An
// output end opens a stream to the owner where that was last known; unless this
// succeeds at once it also asks the group, with a query to the resolver's handler
// "pipe" whose body is the pipe's ID, and the peer that has bound it answers with
// its peer advertisement. The first stream that opens wins. Of several pipes that
// bear a wanted name all are tried. A pipe without an owner (JXTA's own) is asked for likewise, and whoever has
// bound it may answer. Resolving goes on until the context ends, so it does not
// matter which end was there first.
//
// # Wire
//
// A pipe between two peers is one stream of the service "pipe": an Open frame
// with the ID and the kind, answered by Opened (pipe.proto). Then, for a stream,
// bytes both ways; for messages, towards the input end, each encoded (package
// message) behind its length as an unsigned varint. The sender ends by closing
// its side, and the receiver, having read everything, by closing the other. A
// receiver that ends first sends the number of messages it has received, as an
// unsigned varint, and closes. So an output end that was closed without an error has
// lost nothing.
//
// # Loss
//
// As long as the connection holds, nothing is lost, doubled or reordered. When it
// breaks both ends get an error, and what was under way may or may not have
// arrived.
package pipe
