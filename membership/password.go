package membership

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/juxta-p2p/juxta/id"
)

// sealedLen is the length of a group's secret that a password seals.
const sealedLen = SecretLen + sealOverhead

// passwordKeyLen is that of PasswordKey.Bytes: a version, the group's UUID, the seed
// of the signing key, the sealing key.
const (
	passwordKeyVersion = 1
	passwordKeyLen     = 1 + 16 + ed25519.SeedSize + 32
)

// PasswordKey is what a password becomes in one group: a key that signs credentials,
// and one that seals the group's secret. It is immutable and safe for concurrent use,
// and as secret as the password.
type PasswordKey struct {
	group id.UUID
	key   ed25519.PrivateKey
	seal  []byte
}

// StretchPassword makes the keys of a password: Argon2id over the password, with the
// group's UUID as salt, gives 64 bytes, and HKDF-SHA256 of those the signing key (info
// "juxta-password-sign") and the sealing key ("juxta-password-seal"). It is meant to be
// costly, some tenths of a second and 64 MiB by [DefaultKDF]: once per join. The KDF must
// be in its bounds, as that of each [Policy] is; otherwise it panics.
//
// The password is taken byte by byte. Whoever has the group's advertisement can try
// passwords at that cost each without asking anybody, so it must be a good one.
func StretchPassword(g id.Group, password []byte, kdf KDF) *PasswordKey {
	if err := kdf.check(); err != nil {
		panic("membership: " + err.Error())
	}
	uuid := g.UUID()
	stretched := kdf.stretch(password, uuid[:], 64)
	return newPasswordKey(uuid, derive(stretched, nil, "juxta-password-sign", ed25519.SeedSize),
		derive(stretched, nil, "juxta-password-seal", 32))
}

func newPasswordKey(group id.UUID, seed, seal []byte) *PasswordKey {
	return &PasswordKey{group: group, key: ed25519.NewKeyFromSeed(seed), seal: seal}
}

// Key returns the signing key, for an [Issuer] without a chain.
func (k *PasswordKey) Key() ed25519.PrivateKey { return k.key }

// Public returns the public half of the signing key, for [Passphrase].Key.
func (k *PasswordKey) Public() ed25519.PublicKey { return k.key.Public().(ed25519.PublicKey) }

// Seal seals the group's secret for [Passphrase].Sealed, each time differently. Only
// the same password in the same group opens it.
func (k *PasswordKey) Seal(secret []byte) []byte {
	return newAEAD(k.seal).Seal(nil, nil, secret, k.context())
}

// context binds what is sealed to its purpose and the group.
func (k *PasswordKey) context() []byte { return append([]byte("juxta-password\x00"), k.group[:]...) }

// Bytes returns the keys for who was told to remember them, to be kept as safe as a
// private key.
func (k *PasswordKey) Bytes() []byte {
	return bytes.Join([][]byte{{passwordKeyVersion}, k.group[:], k.key.Seed(), k.seal}, nil)
}

// ParsePasswordKey is the inverse of Bytes. It does not keep b. Errors wrap
// [ErrMalformed].
func ParsePasswordKey(b []byte) (*PasswordKey, error) {
	if len(b) != passwordKeyLen || b[0] != passwordKeyVersion {
		return nil, fmt.Errorf("%w: not the key of a password", ErrMalformed)
	}
	b = bytes.Clone(b[1:])
	return newPasswordKey(id.UUID(b[:16]), b[16:48], b[48:]), nil
}

// Unlock returns the group's secret, which the password seals. Errors wrap
// [ErrPassword] if it is another one, or [ErrPolicy] if there is none, or what it seals
// is not the secret that the marker is of.
func (p *Policy) Unlock(k *PasswordKey) (secret []byte, err error) {
	if p.Pass == nil {
		return nil, fmt.Errorf("%w: there is no password", ErrPolicy)
	}
	if k.group != p.Group.UUID() || !k.Public().Equal(p.Pass.Key) {
		return nil, ErrPassword
	}
	secret, err = newAEAD(k.seal).Open(nil, nil, p.Pass.Sealed, k.context())
	if err != nil || len(secret) != SecretLen || MarkerOf(secret) != p.Marker {
		return nil, fmt.Errorf("%w: the password does not open the group's secret", ErrPolicy)
	}
	return secret, nil
}
