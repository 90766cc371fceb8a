// Package flow carries bytes in one direction over one stream after another, so
// that a lost connection loses nothing.
//
// A [Sender] keeps what it sends until the [Receiver] has acknowledged it. Both count
// the bytes from the beginning of the session. When the stream under them is lost they
// get another one, and the Sender goes on where the Receiver's count ends: every byte
// arrives once, and in order. Who opens the next stream, and for how long that is
// tried, is for those who use the two to decide. A conversation both ways is a Sender
// and a Receiver on either side, over two streams.
//
// # Wire
//
// The Sender writes frames ([Header]): the bytes of a stream, or messages, whole or in
// pieces. The Receiver writes, on the same stream, how many bytes were taken, each time
// as an unsigned varint: at once if that was asked for, each 512 KiB, and otherwise
// within 50 ms. An orderly end is a frame that says so, and is acknowledged as any
// other; who receives no longer closes its side of the stream.
//
// A Sender that hears of bytes it has not sent, or fewer than it heard of before, and
// a Receiver of a frame that cannot be, end the session with an error. They trust that
// the stream under them delivers what was written to it, as authenticated ones do.
package flow
