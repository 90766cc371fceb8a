package load

import (
	"context"
	"io"
	"time"
)

// start is the time from nothing to a peer that listens and is in the net group,
// beside a host that listens.
var start = Experiment{
	Name:     "start",
	Measures: []Measure{{Unit: "ms", Lower: true}},
	Sides: []Side{
		startSide(juxta.name, func(ctx context.Context, transport string) (io.Closer, error) {
			return startPeer(ctx, transport, "peer")
		}),
		startSide(libp2pStreams.name, func(_ context.Context, transport string) (io.Closer, error) {
			return startHost(transport)
		}),
	},
}

func startSide(name string, begin func(context.Context, string) (io.Closer, error)) Side {
	once := func(ctx context.Context, st *Stage) (ms float64, err error) {
		began := time.Now()
		started, err := begin(ctx, st.Transport)
		ms = millis(began)
		if err != nil {
			return 0, err
		}
		return ms, started.Close()
	}
	return Side{Name: name, Prepare: func(_ context.Context, st *Stage) (Sampler, error) {
		return func(ctx context.Context) ([]float64, error) {
			return medianOf(st.Amount(20, 3), func() (float64, error) { return once(ctx, st) })
		}, nil
	}}
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
