package main

import (
	"context"
	"time"
)

// streamRate is how fast bytes go one way through a stream.
var streamRate = Experiment{
	Figures: []Figure{{Name: "stream", Unit: "MiB/s", Target: Target{Ratio: 0.95}}},
	Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
		s, err := st.spawnServers(ctx)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, side Side) (values []float64, err error) {
			err = st.withStream(ctx, side, s, opSink, func(_ *client, d duplex) error {
				rate, err := pour(d, st.amount(256, 16))
				values = []float64{rate}
				return err
			})
			return values, err
		}, nil
	},
}

// pour writes so many MiB, and returns how many a second arrived.
func pour(d duplex, mib int) (float64, error) {
	b := make([]byte, chunk)
	began := time.Now()
	for range mib << 20 / chunk {
		if _, err := d.Write(b); err != nil {
			return 0, err
		}
	}
	if err := d.CloseWrite(); err != nil {
		return 0, err
	}
	if err := awaitByte(d); err != nil {
		return 0, err
	}
	return perSecond(mib, began), nil
}
