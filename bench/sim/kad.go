package main

import (
	"context"
	"crypto/sha256"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/routing"
	mh "github.com/multiformats/go-multihash"
)

// kadTimeout bounds one search in the table.
const kadTimeout = time.Minute

// kad is the baseline: a kad-dht as good as it can be. All of its hosts are servers,
// with its own parameters (k = 20, α = 10); every routing table is as full as it may be
// of peers that are there, whose addresses are known; and every record is at just those
// 20 servers that are the closest to it. Nothing of that has cost it a message.
type kad struct {
	*stage
	hosts  []host.Host
	tables []*dht.IpfsDHT
	at     [][sha256.Size]byte // where each host is
	known  int                 // names that are provided
	warm   bool                // the first warmAskers are connected to their tables
}

const kadBucket = 20

func newKad(st *stage, n int) *kad {
	k := &kad{stage: st}
	for range n {
		h := st.Host()
		d, err := dht.New(h, dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/bench"), dht.DisableAutoRefresh(), dht.DisableValues())
		if err != nil {
			st.t.Fatalf("start kad-dht: %v", err)
		}
		k.hosts, k.tables = append(k.hosts, h), append(k.tables, d)
		k.at = append(k.at, sha256.Sum256([]byte(h.ID())))
	}
	for i := range k.tables {
		k.fill(i)
	}
	return k
}

func (k *kad) close() {
	var closing sync.WaitGroup
	for _, d := range k.tables {
		closing.Go(func() { _ = d.Close() })
	}
	closing.Wait()
}

// fill fills the routing table of a host: for each length of the prefix in common with
// it, as many others as a bucket holds, chosen by chance.
func (k *kad) fill(i int) {
	var held [8 * sha256.Size]int
	for _, j := range rand.Perm(len(k.hosts)) {
		b := common(k.at[i], k.at[j])
		if i == j || held[b] == kadBucket {
			continue
		}
		h := k.hosts[j]
		k.hosts[i].Peerstore().AddAddrs(h.ID(), h.Addrs(), peerstore.PermanentAddrTTL)
		if ok, err := k.tables[i].RoutingTable().TryAddPeer(h.ID(), true, false); ok && err == nil {
			held[b]++
		}
	}
}

// common is how many bits two places begin with in common.
func common(a, b [sha256.Size]byte) int {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return 8*i + bits.LeadingZeros8(x)
		}
	}
	return 8*len(a) - 1
}

func keyOf(i int) cid.Cid {
	h, err := mh.Sum([]byte(nameOf(i)), mh.SHA2_256, -1)
	if err != nil {
		panic(err) // it knows SHA-256
	}
	return cid.NewCidV1(cid.Raw, h)
}

// provide puts the records of the first n names where they belong.
func (k *kad) provide(ctx context.Context, n int) {
	k.known = n
	order := make([]int, len(k.hosts))
	for i := range order {
		order[i] = i
	}
	for i := range n {
		key := keyOf(i).Hash()
		at := sha256.Sum256(key)
		slices.SortFunc(order, func(a, b int) int { return closer(at, k.at[a], k.at[b]) })
		by := hostid.AddrInfo{ID: k.hosts[i].ID(), Addrs: k.hosts[i].Addrs()}
		for _, j := range order[:min(kadBucket, len(order))] {
			if err := k.tables[j].ProviderStore().AddProvider(ctx, key, by); err != nil {
				k.t.Fatalf("add a provider: %v", err)
			}
		}
	}
}

// closer compares how far two places are from a third.
func closer(to, a, b [sha256.Size]byte) int {
	for i := range to {
		if x, y := to[i]^a[i], to[i]^b[i]; x != y {
			return int(x) - int(y)
		}
	}
	return 0
}

// askCold has a host search that has no connection at all.
func (k *kad) askCold(names []int) (all []answered) {
	for i, name := range names {
		at := warmAskers + i%(len(k.hosts)-warmAskers)
		for _, c := range k.hosts[at].Network().Conns() {
			_ = c.Close()
		}
		k.Pass(4 * k.o.latency) // they have to hear of it
		all = append(all, k.ask(at, name))
	}
	return all
}

// askWarm has some hosts search that are connected to everybody in their tables, and
// stay connected to whom they meet.
func (k *kad) askWarm(names []int) (all []answered) {
	if !k.warm {
		k.warm = true
		k.warmUp()
	}
	for i, name := range names {
		all = append(all, k.ask(i%warmAskers, name))
	}
	return all
}

func (k *kad) warmUp() {
	var dialling sync.WaitGroup
	for i := range warmAskers {
		for _, who := range k.tables[i].RoutingTable().ListPeers() {
			k.hosts[i].ConnManager().Protect(who, "table")
			dialling.Go(func() {
				if err := k.hosts[i].Connect(k.t.Context(), hostid.AddrInfo{ID: who}); err != nil {
					k.t.Errorf("connect: %v", err)
				}
			})
		}
	}
	dialling.Wait()
	k.Pass(10 * time.Second)
}

// ask searches for one provider.
func (k *kad) ask(at, name int) (a answered) {
	if name < k.known {
		a.want = 1
	}
	ctx, cancel := context.WithTimeout(k.t.Context(), kadTimeout)
	ctx, events := routing.RegisterForQueryEvents(ctx)
	var counting sync.WaitGroup
	counting.Go(func() {
		for e := range events {
			if e.Type == routing.SendingQuery || e.Type == routing.PeerResponse {
				a.messages++
			}
		}
	})
	begun := time.Now()
	for range k.tables[at].FindProvidersAsync(ctx, keyOf(name), 1) {
		if a.found++; a.found == 1 {
			a.first = millis(begun)
		}
	}
	if a.found == 0 {
		a.first = millis(begun)
	}
	cancel()
	counting.Wait()
	return a
}
