package main

import (
	"context"
	"io"
	"time"
)

// start is the time from nothing to a peer that listens and is in the net group,
// beside a host that listens.
var start = Experiment{
	Figures: []Figure{{Name: "start", Unit: "ms", Lower: true}},
	Prepare: func(_ context.Context, st *Stage) (Sampler, error) {
		return func(ctx context.Context, side Side) ([]float64, error) {
			return medianOf(st.amount(20, 3), func() (float64, error) { return startOnce(ctx, st.Transport, side) })
		}, nil
	},
}

func startOnce(ctx context.Context, transport string, side Side) (ms float64, err error) {
	var started io.Closer
	began := time.Now()
	if side == Juxta {
		started, err = startPeer(ctx, transport, "peer")
	} else {
		started, err = startHost(transport)
	}
	ms = millis(began)
	if err != nil {
		return 0, err
	}
	return ms, started.Close()
}

// medianOf returns the median of n measurements, for what is short and uneven.
func medianOf(n int, once func() (float64, error)) ([]float64, error) {
	values := make([]float64, n)
	for i := range values {
		var err error
		if values[i], err = once(); err != nil {
			return nil, err
		}
	}
	return []float64{median(values)}, nil
}
