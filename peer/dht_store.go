package peer

import (
	"context"
	"path"

	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
)

// recordStore keeps a server's provider records, in memory. kad-dht has no bound
// for them; this is where it is. It is not for concurrent use.
type recordStore struct {
	*datastore.MapDatastore
	all int
	of  map[string]int // by provider; none is 0
}

func newRecordStore() datastore.Batching {
	return dssync.MutexWrap(&recordStore{datastore.NewMapDatastore(), 0, map[string]int{}})
}

// provider is the last part of a record's key.
func provider(k datastore.Key) string { return path.Base(k.String()) }

// Put keeps a record, or drops it if there are too many: an error would drop
// others' that came at the same time.
func (s *recordStore) Put(ctx context.Context, k datastore.Key, v []byte) error {
	if known, _ := s.Has(ctx, k); !known {
		if s.all >= maxRecords || s.of[provider(k)] >= maxRecordsOfOne {
			return nil // they come again
		}
		s.all++
		s.of[provider(k)]++
	}
	return s.MapDatastore.Put(ctx, k, v)
}

// Delete forgets a record.
func (s *recordStore) Delete(ctx context.Context, k datastore.Key) error {
	if known, _ := s.Has(ctx, k); known {
		s.all--
		if s.of[provider(k)]--; s.of[provider(k)] == 0 {
			delete(s.of, provider(k))
		}
	}
	return s.MapDatastore.Delete(ctx, k)
}

// Batch makes changes that go through Put and Delete.
func (s *recordStore) Batch(context.Context) (datastore.Batch, error) {
	return datastore.NewBasicBatch(s), nil
}
