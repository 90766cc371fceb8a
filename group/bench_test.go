package group

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"
)

// What sealing costs: one pack of a propagate pipe, at its author and at each reader.
func BenchmarkSeal(b *testing.B) {
	self, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	k := newKeyring(self)
	k.enter([8]byte{1}, make([]byte, 32))
	plain, bound := make([]byte, 128<<10), []byte("pipe/moves")
	epoch, sealed, err := k.Seal(plain, bound)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("author", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			if _, _, err := k.Seal(plain, bound); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("reader", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			if _, err := k.Open(self, epoch, sealed, bound); err != nil {
				b.Fatal(err)
			}
		}
	})
}
