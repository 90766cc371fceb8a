// Package message defines what peers send one another: a [Message] is an
// ordered list of named, typed elements, as in JXTA, and has one compact
// encoding.
//
// # Encoding
//
// An encoded message is, without padding:
//
//	version   1 byte     always 1
//	count     uvarint    number of elements, at most MaxElements
//	elements  count times:
//	  name    uvarint n, n bytes   1 ≤ n ≤ MaxName
//	  mime    uvarint n, n bytes   0 ≤ n ≤ MaxMIME; 0 stands for DefaultMIME
//	  data    uvarint n, n bytes   bounded by MaxSize only
//
// A uvarint is that of encoding/binary in its shortest form. Names and MIME
// types are UTF-8 without control characters. The whole is at most [MaxSize]
// bytes and nothing follows the last element, so every message has exactly one
// encoding: equal bytes, equal messages, and a signature covers either.
//
// The encoding does not say where it ends; whoever puts messages on a stream
// frames them with a length.
//
// Source: the model of elements is that of JXTA v2.0 Protocols, "Messages"; the
// encoding is ours. JXTA's name spaces are part of the name: "jxta:Credential".
package message
