package membership

import "crypto/sha256"

// epoch is a key that who was put out does not know.
type epoch struct {
	id  [8]byte
	key []byte
}

// Epoch returns the name and the key by which members seal what they propagate. They
// change with each revocation that is added, effective or not. Who has all revocations
// with their secrets has the key, so members do; who was put out lacks the secret of
// the revocation that did it. There is no epoch, a zero id and a nil key, as long as
// there are no revocations.
//
// The id is the first 8 bytes of SHA-256 over the sorted IDs of the revocations, the
// key 32 bytes of HKDF-SHA256 over their secrets in that order, with the group's UUID
// as salt and "juxta-epoch" as info. The key must not be changed.
func (l *Ledger) Epoch() (id [8]byte, key []byte) { return l.epoch.id, l.epoch.key }

func (l *Ledger) epochOf() epoch {
	names := sha256.New()
	secrets := make([]byte, 0, SecretLen*len(l.sorted))
	for _, r := range l.sorted {
		names.Write(r.id[:])
		secrets = append(secrets, r.revocation.secret...)
	}
	uuid := l.policy.Group.UUID()
	return epoch{id: [8]byte(names.Sum(nil)[:8]), key: derive(secrets, uuid[:], "juxta-epoch", 32)}
}
