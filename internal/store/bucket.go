package store

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Each reads so much at a time.
const (
	chunkPairs = 1024
	chunkBytes = 1 << 20
)

// Bucket is a map from keys to values, kept in the file under a name.
type Bucket struct {
	db   *DB
	name string
}

// Bucket returns the bucket of that name, which has 1 to [MaxKey] bytes. In the file
// it is made with the first write.
func (db *DB) Bucket(name string) *Bucket { return &Bucket{db, name} }

// Put queues that the key gets the value, which may be empty. It keeps neither
// slice. It waits while the queue is full and the disk works.
//
// The error wraps [ErrSize], [os.ErrClosed], or what keeps us from writing if the
// queue is full of what could not be written. Then nothing was queued.
func (b *Bucket) Put(key, value []byte) error {
	return b.queue("put", key, append([]byte{}, value...)) // which is never nil
}

// Delete queues that the key goes. It need not be there. It waits and fails as Put
// does.
func (b *Bucket) Delete(key []byte) error { return b.queue("delete", key, nil) }

func (b *Bucket) queue(op string, key, value []byte) error {
	if err := b.db.queue.put(target{b.name, string(key)}, value); err != nil {
		return fmt.Errorf("store: %s: %w", op, err)
	}
	return nil
}

// Each calls fn for what is on disk, in the order of the keys; what is only queued
// it does not see: Flush first. fn may keep the slices, and may change buckets: of
// what is written meanwhile the walk may see a part. An error of fn ends the walk and
// is returned as it is. Other errors wrap [ErrCorrupt] or [os.ErrClosed].
func (b *Bucket) Each(fn func(key, value []byte) error) error {
	var from []byte
	for {
		pairs, err := b.read(from)
		if err != nil {
			return fmt.Errorf("store: read: %w", err)
		}
		if len(pairs) == 0 {
			return nil
		}
		last := pairs[len(pairs)-1].key
		from = append(last[:len(last):len(last)], 0) // the least key behind it
		for _, p := range pairs {
			if err := fn(p.key, p.value); err != nil {
				return err
			}
		}
	}
}

type pair struct{ key, value []byte }

// read copies pairs, beginning with the first whose key is not before from. While a
// transaction is open the writer may have to wait for its end, so none is open when
// fn is called, which may wait for the writer.
func (b *Bucket) read(from []byte) (pairs []pair, err error) {
	err = b.db.use(func() error {
		return b.db.bolt.View(func(tx *bbolt.Tx) error {
			pairs = copyPairs(tx.Bucket([]byte(b.name)), from)
			return nil
		})
	})
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		err = os.ErrClosed
	}
	return pairs, err
}

func copyPairs(bucket *bbolt.Bucket, from []byte) (pairs []pair) {
	if bucket == nil {
		return nil
	}
	size, c := 0, bucket.Cursor()
	for k, v := c.Seek(from); k != nil && len(pairs) < chunkPairs && size < chunkBytes; k, v = c.Next() {
		pairs = append(pairs, pair{append([]byte{}, k...), append([]byte{}, v...)})
		size += len(k) + len(v)
	}
	return pairs
}

// write writes a batch in one transaction.
func (db *DB) write(writes map[target][]byte) error {
	// In order, as bbolt inserts into sorted slices.
	targets := slices.SortedFunc(maps.Keys(writes), func(a, b target) int {
		return cmp.Or(strings.Compare(a.bucket, b.bucket), strings.Compare(a.key, b.key))
	})
	return db.use(func() error {
		return db.bolt.Update(func(tx *bbolt.Tx) error {
			for _, t := range targets {
				if err := apply(tx, t, writes[t]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func apply(tx *bbolt.Tx, t target, value []byte) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(t.bucket))
	if err != nil {
		return err
	}
	if value == nil {
		return bucket.Delete([]byte(t.key))
	}
	return bucket.Put([]byte(t.key), value)
}
