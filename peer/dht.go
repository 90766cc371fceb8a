package peer

import (
	"context"
	"iter"
	"log/slog"
	"net"
	"sync"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	"golang.org/x/sync/errgroup"

	"github.com/juxta-p2p/juxta/id"
)

const (
	dhtPrefix   = "/juxta" // keeps our table apart from other programs'
	dhtProtocol = dhtPrefix + "/kad/1.0.0"
	// dhtConcurrency is how many peers one search asks at once (α of Kademlia).
	dhtConcurrency = 3
	// bootstrapAtOnce bounds how many peers are dialled at once to enter the table.
	bootstrapAtOnce = 8
	// searchTimeout bounds one search, and one announcement.
	searchTimeout = time.Minute

	// The pause after an announcement doubles from the first one up to
	// provideRetryMax while nobody hears of it, else to provideInterval. So a
	// table that fills, as all do at first, gets the record where it belongs now.
	provideFirst    = time.Second
	provideRetryMax = 30 * time.Second
	provideInterval = 10 * time.Minute

	// recordLife is how long a server believes a record that is not renewed.
	recordLife = 3 * provideInterval
	// maxFound bounds what one search for rendezvous gives.
	maxFound = 64
	// A server keeps so many records, and so many of one provider. What is more is
	// dropped until others expire: their owners come again.
	maxRecords      = 8192
	maxRecordsOfOne = 256
)

// finder finds what nobody near knows of in a Kademlia table that the rendezvous
// peers keep: which peers are a group's rendezvous, and where a host is.
//
// It costs nothing before its first use. Then it is a client, who asks, or a
// server, who is asked too. What it finds is hearsay: anybody can call himself a
// rendezvous of a group, so who he is shows when he is greeted.
//
// Its methods may be called concurrently. Those that fail because it is closed
// return net.ErrClosed.
type finder struct {
	host      host.Host
	log       *slog.Logger
	bootstrap func() []hostid.AddrInfo

	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // what calls of methods and provisions do

	// turn holds a token while somebody makes or closes the table, which takes
	// longer than a mutex should be held. It guards table and server.
	turn   chan struct{}
	table  *dht.IpfsDHT // nil while there is no need
	server bool

	mu         sync.Mutex // guards provisions, and that nothing begins after Close
	provisions map[id.Group]*provision

	closing sync.Once
	err     error // of Close
}

// newFinder makes a finder of a host, as a client. When it knows no server it
// tries those that bootstrap returns, which is called at any time and must not
// wait. Close it before the host.
func newFinder(h host.Host, log *slog.Logger, bootstrap func() []hostid.AddrInfo) *finder {
	f := &finder{
		host: h, log: log, bootstrap: bootstrap,
		turn: make(chan struct{}, 1), provisions: map[id.Group]*provision{},
	}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	return f
}

// Close ends what is under way, the loops over FindRendezvous at their next step,
// and returns when every goroutine has ended.
func (f *finder) Close() error {
	f.closing.Do(func() {
		f.mu.Lock()
		f.cancel(net.ErrClosed)
		f.mu.Unlock()
		f.wg.Wait() // then nobody has a turn
		f.err = f.retire()
	})
	return f.err
}

// begin runs f in a goroutine that Close waits for, and reports whether it did.
func (f *finder) begin(do func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return false
	}
	f.wg.Go(do)
	return true
}

// enter begins a call: its context ends with that of the caller, with Close and
// after searchTimeout. The caller calls leave when nothing of it runs any more.
func (f *finder) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return nil, nil, net.ErrClosed
	}
	f.wg.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(f.ctx, func() { cancel(net.ErrClosed) })
	ctx, stop := context.WithTimeout(ctx, searchTimeout)
	return ctx, func() { stop(); unhook(); cancel(nil); f.wg.Done() }, nil
}

// Serve makes the peer a server, as rendezvous peers are, or a client again. The
// records of others are lost by it, and come again; what this peer provides is
// provided anew. Searches under way go on. If it fails, the next use tries again.
func (f *finder) Serve(on bool) error {
	ctx, leave, err := f.enter(f.ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := f.take(ctx); err != nil {
		return err
	}
	defer f.release()
	if f.server == on {
		return nil
	}
	if err := f.retire(); err != nil { // kad-dht's mode is for life
		f.log.Warn("closing the hash table", "err", err)
	}
	f.server = on
	f.provideAnew()
	if !on {
		return nil // a client's table is made when it is needed
	}
	return f.open()
}

// take waits for the turn.
func (f *finder) take(ctx context.Context) error {
	select {
	case f.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *finder) release() { <-f.turn }

// joined returns the table, which is made if there is none, with peers in it if
// any can be reached.
func (f *finder) joined(ctx context.Context) (*dht.IpfsDHT, error) {
	if err := f.take(ctx); err != nil {
		return nil, err
	}
	var err error
	if f.table == nil {
		err = f.open()
	}
	d := f.table
	f.release()
	if err == nil {
		f.join(ctx, d)
	}
	return d, err
}

// open makes the table. The caller has the turn.
func (f *finder) open() error {
	opts := []dht.Option{
		dht.ProtocolPrefix(dhtPrefix),
		dht.Concurrency(dhtConcurrency),
		dht.DisableValues(), // we keep providers, and peers
		dht.BootstrapPeersFunc(f.bootstrap),
		dht.ProviderDatastore(newRecordStore()),
		dht.ProviderManagerOpts(
			records.ProvideValidity(recordLife),
			records.ProviderAddrTTL(recordLife),
			records.CleanupInterval(provideInterval),
		),
	}
	if f.server {
		opts = append(opts, dht.Mode(dht.ModeServer))
	} else { // searches are what keeps its table fresh
		opts = append(opts, dht.Mode(dht.ModeClient), dht.DisableAutoRefresh())
	}
	d, err := dht.New(f.host, opts...)
	if err != nil {
		return err
	}
	f.table = d
	f.log.Debug("hash table entered", "server", f.server)
	return nil
}

// retire closes the table and takes back what kad-dht leaves on the host: the
// handler of its protocol, streams, and the protection of connections. The caller
// has the turn.
func (f *finder) retire() error {
	d := f.table
	if d == nil {
		return nil
	}
	f.table = nil
	f.host.RemoveStreamHandler(dhtProtocol)
	err := d.Close()
	for _, c := range f.host.Network().Conns() {
		for _, s := range c.GetStreams() {
			if s.Protocol() == dhtProtocol {
				_ = s.Reset()
			}
		}
	}
	for _, p := range d.RoutingTable().ListPeers() {
		d.RoutingTable().RemovePeer(p)
	}
	return err
}

// join fills an empty table: with the servers the host is connected to, else with
// the first of bootstrap that can be reached. kad-dht does the like, but in its own
// time, and a search in an empty table fails at once.
func (f *finder) join(ctx context.Context, d *dht.IpfsDHT) {
	if d.RoutingTable().Size() > 0 {
		return
	}
	near := false
	for _, p := range f.host.Network().Peers() {
		near = f.admit(d, p) || near
	}
	if near {
		return
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var dials errgroup.Group
	dials.SetLimit(bootstrapAtOnce)
	for _, seed := range f.bootstrap() {
		dials.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, seedTimeout)
			defer cancel()
			if f.host.Connect(ctx, seed) == nil && f.admit(d, seed.ID) {
				enough()
			}
			return nil
		})
	}
	_ = dials.Wait() // none of them fails
}

// admit puts a peer into the table, and reports whether it is a server. One that
// does not answer as it should is thrown out by the search that asks it.
func (f *finder) admit(d *dht.IpfsDHT, p hostid.ID) bool {
	speaks, err := f.host.Peerstore().SupportsProtocols(p, dhtProtocol)
	if err == nil && len(speaks) > 0 {
		_, err = d.RoutingTable().TryAddPeer(p, true, true)
	}
	return err == nil && len(speaks) > 0
}

// FindRendezvous searches for rendezvous peers of a group: at most n, and at most
// [maxFound]. Each comes once, with addresses, as soon as it is known, and this
// peer is none of them. The search goes on while the loop runs, for a minute at
// most in all, and ends with ctx; it has no errors, since nobody is found then.
// The loop must not call Close, which waits for it.
func (f *finder) FindRendezvous(ctx context.Context, g id.Group, n int) iter.Seq[hostid.AddrInfo] {
	n = min(n, maxFound)
	return func(yield func(hostid.AddrInfo) bool) {
		if n <= 0 {
			return
		}
		ctx, leave, err := f.enter(ctx)
		if err != nil {
			return
		}
		defer leave()
		d, err := f.joined(ctx)
		if err != nil {
			f.log.Debug("no search for rendezvous", "err", err)
			return
		}
		ctx, stop := context.WithCancel(ctx)
		found := d.FindProvidersAsync(ctx, rendezvousKey(g), n+1) // one may be us
		defer func() {
			stop()
			for range found { // until kad-dht has seen it
			}
		}()
		seen := map[hostid.ID]bool{f.host.ID(): true}
		for p := range found {
			if len(p.Addrs) == 0 || seen[p.ID] {
				continue
			}
			if seen[p.ID] = true; !yield(p) || len(seen) > n {
				return
			}
		}
	}
}

// FindPeer says where a host is. It is found if it is a server, or if servers with
// IDs near to its own have met it; the addresses may be those of yesterday.
//
// The error is routing.ErrNotFound, or that of the context.
func (f *finder) FindPeer(ctx context.Context, p hostid.ID) (hostid.AddrInfo, error) {
	ctx, leave, err := f.enter(ctx)
	if err != nil {
		return hostid.AddrInfo{}, err
	}
	defer leave()
	d, err := f.joined(ctx)
	if err != nil {
		return hostid.AddrInfo{}, err
	}
	info, err := d.FindPeer(ctx, p)
	if err == nil && len(info.Addrs) > 0 {
		return info, nil
	}
	if ctx.Err() != nil {
		return hostid.AddrInfo{}, context.Cause(ctx)
	}
	return hostid.AddrInfo{}, routing.ErrNotFound
}
