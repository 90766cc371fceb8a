package membership

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
)

// The types of PEM blocks.
const (
	plainKeyType     = "PRIVATE KEY"
	encryptedKeyType = "JUXTA ENCRYPTED KEY"
)

// The layout of an encrypted key: version, passes, KiB and threads of Argon2id, salt,
// and the seed of the key, sealed. All before what is sealed is authenticated with it.
const (
	keyFileVersion = 1
	keyFileHeader  = 1 + 4 + 4 + 1 + keyFileSalt
	keyFileSalt    = 16
	keyFileLen     = keyFileHeader + ed25519.SeedSize + sealOverhead
	maxKeyFile     = 4096
)

// MarshalKey returns a private key as text for a file, in PEM. Without a passphrase it
// is PKCS #8, as other programs write it. With one it is of type "JUXTA ENCRYPTED KEY":
// the seed in AES-256-GCM, by a key of Argon2id with [DefaultKDF], which takes as long
// as [StretchPassword]. Errors wrap [ErrMalformed] for a key that is none.
func MarshalKey(key ed25519.PrivateKey, passphrase []byte) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("membership: key file: %w: a key of %d bytes", ErrMalformed, len(key))
	}
	if len(passphrase) == 0 {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("membership: key file: %w: %w", ErrMalformed, err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: plainKeyType, Bytes: der}), nil
	}
	header := append([]byte{keyFileVersion}, binary.BigEndian.AppendUint32(nil, DefaultKDF.Time)...)
	header = append(binary.BigEndian.AppendUint32(header, DefaultKDF.MemoryKiB), DefaultKDF.Threads)
	header = append(header, randomBytes(keyFileSalt)...)
	aead := newAEAD(DefaultKDF.stretch(passphrase, header[keyFileHeader-keyFileSalt:], 32))
	body := aead.Seal(bytes.Clone(header), nil, key.Seed(), header)
	return pem.EncodeToMemory(&pem.Block{Type: encryptedKeyType, Bytes: body}), nil
}

// ParseKey reads what [MarshalKey] has written, or an Ed25519 key in PKCS #8 of another
// program. It ignores a passphrase that is not needed. Errors wrap [ErrPassword] if the
// passphrase is wrong, which a file that was changed looks like, or missing, and
// [ErrMalformed] otherwise.
func ParseKey(text, passphrase []byte) (ed25519.PrivateKey, error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%w: a key file of %d bytes", ErrMalformed, len(text))
	}
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 || len(block.Headers) > 0 {
		return nil, fmt.Errorf("%w: not the file of one key", ErrMalformed)
	}
	switch block.Type {
	case plainKeyType:
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if key, ok := key.(ed25519.PrivateKey); ok {
			return key, nil
		}
		return nil, fmt.Errorf("%w: a %T, not an Ed25519 key", ErrMalformed, key)
	case encryptedKeyType:
		return openKey(block.Bytes, passphrase)
	}
	return nil, fmt.Errorf("%w: a file of type %.64q", ErrMalformed, block.Type)
}

func openKey(body, passphrase []byte) (ed25519.PrivateKey, error) {
	if len(body) == 0 || body[0] != keyFileVersion || len(body) != keyFileLen {
		return nil, fmt.Errorf("%w: an encrypted key of another version, or cut off", ErrMalformed)
	}
	kdf := KDF{binary.BigEndian.Uint32(body[1:]), binary.BigEndian.Uint32(body[5:]), body[9]}
	if err := kdf.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("%w: the key has one, and none was given", ErrPassword)
	}
	header := body[:keyFileHeader]
	aead := newAEAD(kdf.stretch(passphrase, header[keyFileHeader-keyFileSalt:], 32))
	seed, err := aead.Open(nil, nil, body[keyFileHeader:], header)
	if err != nil {
		return nil, fmt.Errorf("%w: it does not open the key", ErrPassword)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
