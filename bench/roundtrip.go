package main

import (
	"context"
	"io"
	"time"
)

// roundTrips is the time of an echo of 64 bytes on an open stream.
var roundTrips = Experiment{
	Figures: []Figure{
		{Name: "roundtrip-p50", Unit: "µs", Lower: true, Target: Target{Ratio: 1 / 1.2}},
		{Name: "roundtrip-p99", Unit: "µs", Lower: true},
	},
	Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
		s, err := st.spawnServers(ctx)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, side Side) (values []float64, err error) {
			err = st.withStream(ctx, side, s, opEcho, func(_ *client, d duplex) error {
				values, err = roundTripTimes(d, st.amount(20_000, 500))
				return err
			})
			return values, err
		}, nil
	},
}

// roundTripTimes returns median and 99th percentile of n round trips, after as
// many again for a tenth to warm up.
func roundTripTimes(d duplex, n int) ([]float64, error) {
	b := make([]byte, pingSize)
	times := make([]float64, 0, n)
	for i := -n / 10; i < n; i++ {
		began := time.Now()
		if err := roundTrip(d, b); err != nil {
			return nil, err
		}
		if i >= 0 {
			times = append(times, float64(time.Since(began))/float64(time.Microsecond))
		}
	}
	return []float64{percentile(times, 50), percentile(times, 99)}, nil
}

func roundTrip(d duplex, b []byte) error {
	if _, err := d.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(d, b)
	return err
}
