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
// group's [rendezvous.Cipher]. What this peer seals is sealed with a key that it has made
// of its own ledger, never with one that it was told.
type keyring struct {
	self ed25519.PublicKey

	mu      sync.Mutex // guards what follows
	present *epochKey  // nil: there is none
	past    []epochKey // that it was in, or was told of; the newest last
	seals   map[sealer]cipher.AEAD
}

func newKeyring(self ed25519.PublicKey) *keyring {
	return &keyring{self: self, seals: map[sealer]cipher.AEAD{}}
}

// enter begins an epoch, unless it is the present one, or none.
func (k *keyring) enter(id [8]byte, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key == nil || k.present != nil && k.present.id == id {
		return
	}
	// What somebody has told us of it does not count any more.
	k.past = slices.DeleteFunc(k.past, func(e epochKey) bool { return e.id == id })
	clear(k.seals)
	if k.present != nil {
		k.past = append(k.past, *k.present)
	}
	if extra := len(k.past) - maxEpochs; extra > 0 {
		k.past = slices.Clone(k.past[extra:])
	}
	k.present = &epochKey{id, key}
}

// learn takes the key of an epoch that is over, if there is room behind those that this
// peer was in, and reports whether it was news.
func (k *keyring) learn(id [8]byte, key []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := func(e epochKey) bool { return e.id == id }
	if len(key) != 32 || len(k.past) >= maxEpochs || k.present != nil && known(*k.present) || slices.ContainsFunc(k.past, known) {
		return false
	}
	k.past = slices.Insert(k.past, 0, epochKey{id, key})
	return true
}

// last returns the keys of the newest epochs, at most n.
func (k *keyring) last(n int) []epochKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := slices.Clone(k.past)
	if k.present != nil {
		all = append(all, *k.present)
	}
	return all[max(len(all)-n, 0):]
}

// Seal implements rendezvous.Cipher.
func (k *keyring) Seal(plain, bound []byte) (epoch, sealed []byte, err error) {
	k.mu.Lock()
	now := k.present
	k.mu.Unlock()
	if now == nil {
		return nil, nil, nil
	}
	aead, err := k.cipher(*now, k.self)
	if err != nil {
		return nil, nil, err
	}
	return slices.Clone(now.id[:]), aead.Seal(nil, nil, plain, bound), nil
}

// Open implements rendezvous.Cipher.
func (k *keyring) Open(author ed25519.PublicKey, epoch, sealed, bound []byte) ([]byte, error) {
	e, own, err := k.find(epoch)
	if err != nil {
		return nil, err
	}
	aead, err := k.cipher(e, author)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed, bound)
	if err != nil && !own { // who told us of the key may not have told the truth
		return nil, fmt.Errorf("%w: %x: %w", rendezvous.ErrEpoch, epoch, err)
	}
	return plain, err
}

// find returns the key of an epoch, and whether it is the present one.
func (k *keyring) find(epoch []byte) (e epochKey, own bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.present != nil && string(k.present.id[:]) == string(epoch) {
		return *k.present, true, nil
	}
	for _, e := range k.past {
		if string(e.id[:]) == string(epoch) {
			return e, false, nil
		}
	}
	return epochKey{}, false, fmt.Errorf("%w: %x", rendezvous.ErrEpoch, epoch)
}

// cipher returns that of an author in an epoch.
func (k *keyring) cipher(e epochKey, author ed25519.PublicKey) (cipher.AEAD, error) {
	if len(author) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("a key of %d bytes", len(author))
	}
	which := sealer{e.id, [ed25519.PublicKeySize]byte(author)}
	k.mu.Lock()
	defer k.mu.Unlock()
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
