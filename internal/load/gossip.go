package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"
)

const (
	gossipTopic  = "bench"
	gossipDegree = 10 // connections of a host, about: with as many subscribers all are connected to all
)

// gossipSub is GossipSub as it comes: every option is its default, so messages are
// signed, and queues that are full lose what comes next.
var gossipSub = Bus{
	Name:       "gossipsub",
	Subscribe:  subscribeHosts,
	Author:     newHostAuthor,
	Deliveries: 60_000,
	OneToMany:  Target{Ratio: 10},
	Delivered:  Target{Least: 100},
}

// subscribeHosts starts the hosts and connects them before they subscribe.
func subscribeHosts(ctx context.Context, w *World, heard func(int, []byte)) (*Where, io.Closer, error) {
	all := new(closers)
	at := new(Where)
	var hosts []host.Host
	for range w.Subscribers {
		h, err := startHost(w.Transport)
		if err != nil {
			return nil, nil, errors.Join(err, all.Close())
		}
		all.add(h)
		addrs, err := addrsOf(h)
		if err != nil {
			return nil, nil, errors.Join(err, all.Close())
		}
		hosts, at.Addrs = append(hosts, h), append(at.Addrs, addrs[0])
	}
	err := meshHosts(ctx, hosts)
	for i := 0; i < len(hosts) && err == nil; i++ {
		err = subscribeHost(ctx, hosts[i], func(body []byte) { heard(i, body) })
	}
	if err != nil {
		return nil, nil, errors.Join(err, all.Close())
	}
	return at, all, nil
}

// meshHosts connects all to all, or each to so many that it has about the degree that
// is wanted.
func meshHosts(ctx context.Context, hosts []host.Host) error {
	for i, h := range hosts {
		others := hosts[i+1:]
		if len(hosts) > gossipDegree {
			others = slices.Concat(hosts[:i], hosts[i+1:])
		}
		for _, other := range someOf(others, len(hosts), gossipDegree/2) {
			if err := h.Connect(ctx, hostid.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// someOf returns k of those given by chance, or all where there are not many in the
// whole.
func someOf[T any](all []T, whole, k int) []T {
	if whole <= gossipDegree {
		return all
	}
	some := make([]T, k)
	for i, j := range rand.Perm(len(all))[:k] {
		some[i] = all[j]
	}
	return some
}

// subscribeHost subscribes until the context ends.
func subscribeHost(ctx context.Context, h host.Host, heard func([]byte)) error {
	topic, err := joinTopic(ctx, h)
	if err != nil {
		return err
	}
	sub, err := topic.Subscribe()
	if err != nil {
		return err
	}
	go func() {
		for {
			m, err := sub.Next(ctx)
			if err != nil {
				return
			}
			heard(m.Data)
		}
	}()
	return nil
}

func joinTopic(ctx context.Context, h host.Host) (*pubsub.Topic, error) {
	ps, err := pubsub.NewGossipSub(ctx, h)
	if err != nil {
		return nil, err
	}
	return ps.Join(gossipTopic)
}

// hostAuthor publishes to a topic.
type hostAuthor struct {
	host   host.Host
	topic  *pubsub.Topic
	cancel context.CancelFunc
}

func newHostAuthor(ctx context.Context, w *World, subscribers *Where) (Author, error) {
	h, err := startHost(w.Transport)
	if err != nil {
		return nil, err
	}
	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a := &hostAuthor{host: h, cancel: cancel}
	if a.topic, err = joinTopic(living, h); err == nil {
		err = a.connect(ctx, subscribers.Addrs)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *hostAuthor) connect(ctx context.Context, addrs []string) error {
	for _, addr := range someOf(addrs, len(addrs), gossipDegree) {
		to, err := hostid.AddrInfoFromString(addr)
		if err != nil {
			return err
		}
		if err := a.host.Connect(ctx, *to); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
	}
	return nil
}

// Publish publishes a copy, as the topic keeps it.
func (a *hostAuthor) Publish(ctx context.Context, body []byte) error {
	return a.topic.Publish(ctx, slices.Clone(body))
}

// Flush has nothing to do: what is kept is sent anyway.
func (a *hostAuthor) Flush(context.Context) error { return nil }

// Close closes the host.
func (a *hostAuthor) Close() error {
	a.cancel()
	return a.host.Close()
}
