package load

import (
	"context"
	"time"
)

// cold is the time from nothing to the first reply: a peer starts, finds a pipe
// by its name through a seed, opens it, and gets an echo. The baseline is told
// the server's address, so it needs neither seed nor search.
var cold = Experiment{
	Name:     "cold",
	Measures: []Measure{{Unit: "ms", Lower: true}},
	Sides: []Side{
		{Name: juxta.name, Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
			seed, err := st.server(ctx, seedRole)
			if err != nil {
				return nil, err
			}
			if _, err := st.server(ctx, juxta.name, seed.Addrs...); err != nil {
				return nil, err
			}
			// What the first search waits for is the server's own way to the seed.
			return coldSampler(juxta, st, seed), firstReply(ctx, juxta, st, seed)
		}},
		{Name: libp2pStreams.name, Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
			to, err := st.server(ctx, libp2pStreams.name)
			return coldSampler(libp2pStreams, st, to), err
		}, Targets: []Target{{Most: 15}}},
	},
}

func coldSampler(sys *system, st *Stage, to *Where) Sampler {
	return func(ctx context.Context) ([]float64, error) {
		return medianOf(st.Amount(10, 2), func() (float64, error) { return coldOnce(ctx, sys, st, to) })
	}
}

func coldOnce(ctx context.Context, sys *system, st *Stage, to *Where) (ms float64, err error) {
	began := time.Now()
	err = sys.withStream(ctx, st.Transport, to, opEcho, func(_ *client, d duplex) error {
		err := roundTrip(d, make([]byte, pingSize))
		ms = millis(began)
		return err
	})
	return ms, err
}

// firstReply is a cold path that nobody times.
func firstReply(ctx context.Context, sys *system, st *Stage, to *Where) error {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	_, err := coldOnce(ctx, sys, st, to)
	return err
}
