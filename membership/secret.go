package membership

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"github.com/juxta-p2p/juxta/id"
)

// SecretLen is the number of bytes of a group's secret. Each member knows it, and by
// it members know one another before they show anything. It opens no content and
// admits nobody: who was put out still knows it.
const SecretLen = 32

// NewSecret draws a secret.
func NewSecret() []byte { return randomBytes(SecretLen) }

// MarkerOf returns what an advertisement may say of a secret: SHA-256 of
// "juxta-group-secret" and the secret.
func MarkerOf(secret []byte) [32]byte {
	return sha256.Sum256(append([]byte("juxta-group-secret"), secret...))
}

// ServiceTag returns what a client begins a stream with at a server, both libp2p IDs in
// bytes, to say which group it means: the first half of HMAC-SHA256, by the secret, of
// "juxta-service", a zero byte, the length of client as 2 bytes, client and server. To who
// does not know the secret it says nothing, and those of two pairs of one group have
// nothing in common.
func ServiceTag(secret, client, server []byte) [16]byte {
	sum := named(secret, "juxta-service", pair(client, server)...)
	return [16]byte(sum[:16])
}

// BeaconProof returns what a rendezvous adds to what it publishes of itself where
// strangers see it, so that they cannot do the like: HMAC-SHA256, by the secret, of
// "juxta-beacon", a zero byte and its libp2p ID in bytes.
func BeaconProof(secret, server []byte) [32]byte { return named(secret, "juxta-beacon", server) }

// pair is two IDs that can be read in one way only.
func pair(client, server []byte) [][]byte {
	return [][]byte{binary.BigEndian.AppendUint16(nil, uint16(len(client))), client, server}
}

// Proof returns what a server says to show a client that it knows the secret:
// HMAC-SHA256, by the secret, of "juxta-proof", a zero byte, the length of client as 2
// bytes, client and server, both libp2p IDs in bytes. It is the same each time: it
// proves something only on a connection that has authenticated both.
func Proof(secret, client, server []byte) [32]byte {
	return named(secret, "juxta-proof", pair(client, server)...)
}

// Pseudonym returns the group as which a group's rendezvous are announced to those who
// are no members, an ID that says nothing to them: its UUID is the first half of
// HMAC-SHA256, by the secret, of "juxta-pseudonym" and a zero byte.
func Pseudonym(secret []byte) id.Group {
	sum := named(secret, "juxta-pseudonym")
	v, err := id.FromBytes(append(sum[:16:16], byte(id.KindGroup)))
	g, ok := v.(id.Group)
	if err != nil || !ok {
		panic("membership: 16 bytes that make no group ID")
	}
	return g
}

func named(secret []byte, name string, parts ...[]byte) (sum [32]byte) {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(name))
	mac.Write([]byte{0})
	for _, p := range parts {
		mac.Write(p)
	}
	mac.Sum(sum[:0])
	return sum
}

// randomBytes draws n bytes. The reader of crypto/rand does not fail.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
