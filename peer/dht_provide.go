package peer

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/routing"
	"github.com/multiformats/go-multihash"

	"github.com/juxta-p2p/juxta/id"
)

// provision is the announcing of one group, again and again.
type provision struct {
	cancel context.CancelFunc
	tried  chan struct{} // closed after the first attempt
	anew   chan struct{} // has a token when the table has changed
}

// Provide announces the host as a rendezvous of a group, until StopProviding or
// Close. It returns after the first attempt, or with an error when ctx ends
// before; either way, and if nobody was reached yet, the announcing goes on.
func (f *finder) Provide(ctx context.Context, g id.Group) error {
	p, err := f.provision(g)
	if err != nil {
		return err
	}
	select {
	case <-p.tried: // or given up by Close
		return context.Cause(f.ctx)
	case <-f.ctx.Done():
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// provision returns that of a group, which is started if there is none.
func (f *finder) provision(g id.Group) (*provision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	p := f.provisions[g]
	if p == nil {
		ctx, cancel := context.WithCancel(f.ctx)
		p = &provision{cancel: cancel, tried: make(chan struct{}), anew: make(chan struct{}, 1)}
		f.provisions[g] = p
		f.wg.Go(func() { f.keepProviding(ctx, p, g) })
	}
	return p, nil
}

// StopProviding ends the announcing of a group. The records of it last for another
// half an hour, because Kademlia has no way to take them back.
func (f *finder) StopProviding(g id.Group) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.provisions[g]; p != nil {
		p.cancel()
		delete(f.provisions, g)
	}
}

// provideAnew has each group announced in a new table.
func (f *finder) provideAnew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.provisions {
		select {
		case p.anew <- struct{}{}:
		default: // it has one
		}
	}
}

func (f *finder) keepProviding(ctx context.Context, p *provision, g id.Group) {
	defer p.cancel()
	tried := sync.OnceFunc(func() { close(p.tried) })
	defer tried()
	for pause := provideFirst; ; {
		most := provideInterval
		if err := f.provide(ctx, g); err != nil {
			f.log.Debug("rendezvous announced to nobody", "group", g, "err", err)
			most = provideRetryMax
		}
		tried()
		pause = min(pause, most)
		select {
		case <-time.After(pause + rand.N(pause/8)):
			pause *= 2
		case <-p.anew:
			pause = provideFirst
		case <-ctx.Done():
			return
		}
	}
}

// provide announces a group once. If there is no error, somebody took it.
func (f *finder) provide(ctx context.Context, g id.Group) error {
	ctx, leave, err := f.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	d, err := f.joined(ctx)
	if err == nil {
		err = d.Provide(ctx, rendezvousKey(g), true)
	}
	if err == nil && d.RoutingTable().Size() == 0 { // who does not answer is thrown out
		err = routing.ErrNotFound
	}
	return err
}

// rendezvousKey is where the table keeps who is a rendezvous of a group: a CID of
// codec raw, of the SHA-256 of "/juxta/rendezvous/" and the UUID in upper-case
// hexadecimal. Ours.
func rendezvousKey(g id.Group) cid.Cid {
	key, err := cid.V1Builder{Codec: cid.Raw, MhType: multihash.SHA2_256}.
		Sum([]byte("/juxta/rendezvous/" + g.UUID().String()))
	if err != nil {
		panic(err) // SHA-256 hashes everything
	}
	return key
}
