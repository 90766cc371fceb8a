package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
)

// errOther says that a stored entry is sound, and is not this cache's.
var errOther = errors.New("another peer's publication")

// shelf is where a cache outlives its process: a bucket in the peer's store. It adds
// no state of its own, and may be used concurrently.
type shelf struct {
	db     *store.DB
	bucket *store.Bucket
	self   id.Peer // whose publications are our own
}

// Bucket is the name of the part of a store that has the cache of a group.
func Bucket(g id.Group) string { return "cache " + g.String() }

// newShelf returns the shelf of that name, which differs from group to group.
func newShelf(db *store.DB, name string, self id.Peer) *shelf {
	return &shelf{db, db.Bucket(name), self}
}

// load returns what is there and has not expired. Each signature is checked. The
// rest is deleted; skipped counts what of it was damaged, forged, or published by
// whoever the peer was before it got its present identity. The error is the store's.
func (s *shelf) load(now time.Time) (entries []*entry, skipped int, err error) {
	err = s.bucket.Each(func(key, value []byte) error {
		e, err := decodeEntry(key, value, now)
		if err == nil && e != nil && e.own && e.key.signer != s.self && !others(e.signed) {
			err = errOther
		}
		switch {
		case err != nil:
			skipped++
			return s.bucket.Delete(key)
		case e == nil:
			return s.bucket.Delete(key)
		}
		entries = append(entries, e)
		return nil
	})
	return entries, skipped, err
}

// others reports whether an advertisement is of a kind that is published by others than
// its signer.
func others(a *adv.Signed) bool {
	switch doc := a.Advertisement().(type) {
	case *adv.Group:
		return doc.RootKey != nil
	case *adv.Document:
		return doc.Name == sealedType
	}
	return false
}

// sealedType is a document that only who holds a token can read.
const sealedType = "jxta:Sealed"

// put keeps an entry, in place of what had its key. It is on disk soon, or after a
// flush. The error says that it will not be.
func (s *shelf) put(e *entry) error {
	key, value := encodeEntry(e)
	return s.bucket.Put(key, value)
}

// remove forgets an entry, as put keeps it. It need not be there.
func (s *shelf) remove(k key) error { return s.bucket.Delete(k.bytes()) }

// flush waits until all that was put and removed is on disk.
func (s *shelf) flush(ctx context.Context) error { return s.db.Flush(ctx) }

// bytes is the key in a store: what is of one type stands together. None of the
// three contains a zero byte.
func (k key) bytes() []byte {
	return fmt.Appendf(nil, "%s\x00%s\x00%s", k.doc, k.id, k.signer)
}

// encodeEntry returns what a store has of an entry. The time when it goes is kept as
// the wall clock has it: the process that reads it has no other.
func encodeEntry(e *entry) (key, value []byte) {
	value, err := proto.Marshal(&wire.Kept{
		Envelope: e.signed.Envelope(), KeepUntilMs: e.keep.UnixMilli(),
		ExpirationMs: uint64(max(e.expiration.Milliseconds(), 0)), Own: e.own,
	})
	if err != nil {
		panic("discovery: a message without strings cannot be encoded: " + err.Error())
	}
	return e.key.bytes(), value
}

// decodeEntry returns an entry as it is now, or nil if it has expired. If the clock
// was set back meanwhile, it still goes no later than if it had come now. The error
// says that it is damaged or forged, or is another's than the key's.
func decodeEntry(k, value []byte, now time.Time) (*entry, error) {
	var m wire.Kept
	if err := proto.Unmarshal(value, &m); err != nil {
		return nil, err
	}
	most := adv.MaxExpiration
	if m.GetOwn() {
		most = adv.DefaultLifetime
	}
	// In milliseconds, of which no difference of two can overflow what is left.
	until, at := m.GetKeepUntilMs(), now.UnixMilli()
	if until <= at {
		return nil, nil
	}
	left := most
	if until < at+most.Milliseconds() {
		left = time.Duration(until-at) * time.Millisecond
	}
	signed, err := adv.Open(m.GetEnvelope())
	if err != nil {
		return nil, err
	}
	e := &entry{
		key: keyOf(signed), signed: signed, own: m.GetOwn(), keep: now.Add(left),
		expiration: time.Duration(min(m.GetExpirationMs(), uint64(left.Milliseconds()))) * time.Millisecond,
	}
	if !bytes.Equal(e.key.bytes(), k) {
		return nil, fmt.Errorf("%v stands in the place of %q", e.key, k)
	}
	return e, nil
}
