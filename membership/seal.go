package membership

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// sealOverhead is how many bytes longer what is sealed becomes: nonce and tag.
const sealOverhead = 28

// SealKey returns the cipher for what the author propagates under an epoch, whose key
// is that of [Ledger.Epoch]: AES-256-GCM with random nonces, which stand before what
// is sealed, by a key of HKDF-SHA256 of the epoch's key with the author's public key
// as salt and "juxta-author" as info. Call its methods with a nil nonce. It is safe for
// 2³² messages of one author in one epoch. Errors wrap [ErrMalformed] for keys that
// are none.
func SealKey(epochKey []byte, author ed25519.PublicKey) (cipher.AEAD, error) {
	if len(epochKey) != 32 || len(author) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: an epoch's key of %d bytes, an author's of %d", ErrMalformed, len(epochKey), len(author))
	}
	return newAEAD(derive(epochKey, author, "juxta-author", 32)), nil
}

// derive is HKDF-SHA256.
func derive(secret, salt []byte, info string, n int) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, info, n)
	if err != nil {
		panic("membership: hkdf: " + err.Error()) // only for keys of more than 8,160 bytes
	}
	return key
}

// newAEAD makes AES-256-GCM with random nonces. The key must be 32 bytes.
func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("membership: " + err.Error())
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("membership: " + err.Error())
	}
	return aead
}
