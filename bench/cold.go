package main

import (
	"context"
	"time"
)

// cold is the time from nothing to the first reply: a peer starts, finds a pipe
// by its name through a seed, opens it, and gets an echo. The baseline is told
// the server's address, so it needs neither seed nor search.
var cold = Experiment{
	Figures: []Figure{{Name: "cold", Unit: "ms", Lower: true, Target: Target{Most: 15}}},
	Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
		seed, err := st.spawn(ctx, seedRole)
		if err != nil {
			return nil, err
		}
		server, err := st.spawn(ctx, Juxta.String(), seed.Addrs...)
		if err != nil {
			return nil, err
		}
		raw, err := st.spawn(ctx, Raw.String())
		if err != nil {
			return nil, err
		}
		// What the first search waits for is the server's own way to the seed.
		if err := st.firstReply(ctx, Juxta, servers{server, raw}); err != nil {
			return nil, err
		}
		return func(ctx context.Context, side Side) ([]float64, error) {
			return medianOf(st.amount(10, 2), func() (float64, error) {
				return st.coldOnce(ctx, side, servers{seed, raw})
			})
		}, nil
	},
}

func (st *Stage) coldOnce(ctx context.Context, side Side, s servers) (ms float64, err error) {
	began := time.Now()
	err = st.withStream(ctx, side, s, opEcho, func(_ *client, d duplex) error {
		err := roundTrip(d, make([]byte, pingSize))
		ms = millis(began)
		return err
	})
	return ms, err
}

// firstReply is a cold path that nobody times.
func (st *Stage) firstReply(ctx context.Context, side Side, s servers) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	_, err := st.coldOnce(ctx, side, s)
	return err
}
