package group

import (
	"crypto/cipher"
	"crypto/ed25519"
	"fmt"
	"slices"
	"sync"

	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const (
	maxEpochs = 64   // whose keys are remembered: what was sent under older ones is not read
	maxSeals  = 4096 // ciphers, one for each epoch and author, that are kept at hand
)

// epochKey is the key of an epoch.
type epochKey struct {
	id  [8]byte
	key []byte
}

// sealer says which cipher is meant.
type sealer struct {
	epoch  [8]byte
	author [ed25519.PublicKeySize]byte
}

// keyring seals what is propagated, and opens it, with the keys of the epochs; it is the
// group's [rendezvous.Cipher].
type keyring struct {
	self ed25519.PublicKey

	mu     sync.Mutex // guards what follows
	epochs []epochKey // the present one last; empty: there is none
	seals  map[sealer]cipher.AEAD
}

func newKeyring(self ed25519.PublicKey) *keyring {
	return &keyring{self: self, seals: map[sealer]cipher.AEAD{}}
}

// enter begins an epoch, unless it is the present one, or none.
func (k *keyring) enter(id [8]byte, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.epochs); key == nil || n > 0 && k.epochs[n-1].id == id {
		return
	}
	// What somebody told us of it does not count any more.
	k.epochs = slices.DeleteFunc(k.epochs, func(e epochKey) bool { return e.id == id })
	clear(k.seals)
	k.epochs = append(k.epochs, epochKey{id, key})
	k.trimLocked()
}

// learn takes the key of an epoch that is over.
func (k *keyring) learn(id [8]byte, key []byte) (news bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.epochs {
		if e.id == id {
			return false
		}
	}
	if len(k.epochs) == maxEpochs || len(key) != 32 {
		return false
	}
	k.epochs = append([]epochKey{{id, key}}, k.epochs...)
	return true
}

func (k *keyring) trimLocked() {
	if extra := len(k.epochs) - maxEpochs; extra > 0 {
		k.epochs = append([]epochKey(nil), k.epochs[extra:]...)
	}
}

// past returns the newest keys, at most n.
func (k *keyring) past(n int) []epochKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]epochKey(nil), k.epochs[max(len(k.epochs)-n, 0):]...)
}

// Seal implements rendezvous.Cipher.
func (k *keyring) Seal(plain, bound []byte) (epoch, sealed []byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.epochs) == 0 {
		return nil, nil, nil
	}
	now := k.epochs[len(k.epochs)-1]
	aead, err := k.cipherLocked(now, k.self)
	if err != nil {
		return nil, nil, err
	}
	return append([]byte(nil), now.id[:]...), aead.Seal(nil, nil, plain, bound), nil
}

// Open implements rendezvous.Cipher.
func (k *keyring) Open(author ed25519.PublicKey, epoch, sealed, bound []byte) ([]byte, error) {
	aead, err := k.find(author, epoch)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, sealed, bound)
}

func (k *keyring) find(author ed25519.PublicKey, epoch []byte) (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range k.epochs {
		if string(e.id[:]) == string(epoch) {
			return k.cipherLocked(e, author)
		}
	}
	return nil, fmt.Errorf("%w: %x", rendezvous.ErrEpoch, epoch)
}

// cipherLocked returns the cipher of an author in an epoch.
func (k *keyring) cipherLocked(e epochKey, author ed25519.PublicKey) (cipher.AEAD, error) {
	if len(author) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("a key of %d bytes", len(author))
	}
	which := sealer{e.id, [ed25519.PublicKeySize]byte(author)}
	if aead := k.seals[which]; aead != nil {
		return aead, nil
	}
	aead, err := membership.SealKey(e.key, author)
	if err != nil {
		return nil, err
	}
	if len(k.seals) >= maxSeals { // they are made again as they are needed
		clear(k.seals)
	}
	k.seals[which] = aead
	return aead, nil
}
