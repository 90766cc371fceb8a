// Package id holds the identifiers of JXTA as small comparable values.
//
// Everything in the overlay that has a name for ever has an ID: a peer, a
// group, a pipe, a piece of content, a class or specification of modules. The
// text form is a URN:
//
//	urn:jxta:uuid-59616261646162614E5047205032503382B4A14BA1C84FB0A67F8FBD29D4DAE603
//
// The digits are the bytes of an array of 64 of which the last one is the
// [Kind] and trailing zeros before it are left out (JXTA v2.0 Protocols
// Specification, "JXTA ID formats", format uuid). What the other bytes mean
// depends on the kind:
//
//	kind         bytes 0-15     bytes 16-31            bytes 32-51
//	Codat        group UUID     content UUID           SHA-1 of the content, optional
//	Group        group UUID     parent's UUID, optional
//	Peer         group UUID     peer UUID
//	Pipe         group UUID     pipe UUID
//	ModuleClass  class UUID     role UUID, optional
//	ModuleSpec   class UUID     specification UUID
//
// Two groups are known to everybody, [World] and [Net], and are written
// urn:jxta:jxta-WorldGroup and urn:jxta:jxta-NetGroup.
//
// IDs that we make are not drawn by chance where they can be proved: a peer's
// is derived from its public key ([PeerOf]), a group's from its root key
// ([GroupOf]), so nobody can take another's. How they are derived is ours; any
// JXTA reads them as UUIDs.
//
// All types are values: comparable with ==, usable as map keys, and safe for
// concurrent use. The zero value of each is the null ID.
package id
