// Package transfer sends files over connections: whole, checked, and from where an
// earlier attempt has ended.
//
// A [Sender] sends over a connection, such as one of pipe.Dial; a [Receiver] puts
// what comes through one, or through all that a listener accepts, into a folder. The
// sender names each file with its size, its time of change and its SHA-256. The
// receiver answers how much it has of it, and the hash of that; if these are the
// first bytes of the file they are not sent again. When all has come, the receiver
// compares the SHA-256 of the whole, and only then the file gets its name: a file
// that is there under this name is complete. Until then it is ".NAME.part" beside it,
// which stays when the sender, the receiver or the connection ends, for the next
// attempt.
//
// Names are the receiver's affair: of what a sender says only a harmless file name
// remains (see [CleanName]), and no file is ever replaced, "name (1).ext" is made
// beside it.
//
// # Wire
//
// The sender begins each file with an offer, and the receiver answers it. If the
// status is 0 the sender says where it starts, at 0 or at what the receiver has,
// and sends the rest in chunks; a chunk without bytes says that it gives up. The
// receiver answers a second time, when all has come or as soon as it cannot go on. It
// reads to the end of the file in either case, so that the next one can follow. All
// numbers are big endian.
//
//	offer   2 bytes    length of what follows, at most 2,048
//	        1 byte     version: 1
//	        8 bytes    size
//	        8 bytes    time of change, milliseconds since 1970
//	        32 bytes   SHA-256
//	        2 + n      name, behind its length
//	        2 + n      what the sender calls itself, behind its length
//	answer  2 bytes    length of what follows, at most 2,048
//	        1 byte     status, see Status
//	        8 bytes    bytes that the receiver has
//	        32 bytes   their SHA-256
//	        2 + n      text, behind its length: the name that the file got, or why not
//	start   8 bytes
//	chunk   4 bytes    length, at most 262,144; 0: the sender gives up
//	        n bytes
package transfer
