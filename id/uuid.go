package id

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// UUID is the 16 bytes that make an ID unique. The bytes are not necessarily a
// UUID of RFC 9562: JXTA's own well-known ones are not, and derived ones are
// pieces of a hash.
type UUID [16]byte

// String returns 32 upper-case hexadecimal digits.
func (u UUID) String() string { return strings.ToUpper(hex.EncodeToString(u[:])) }

// random draws a UUID of version 4 (RFC 9562 §5.4). The reader of crypto/rand
// does not fail.
func random() (u UUID) {
	_, _ = rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// hashed is the first half of the SHA-256 of the parts in a row.
func hashed(parts ...[]byte) UUID {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return UUID(h.Sum(nil)[:16])
}
