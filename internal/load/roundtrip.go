package load

import (
	"context"
	"io"
	"time"
)

// roundTrips is the time of an echo of 64 bytes on an open stream.
var roundTrips = Experiment{
	Name:     "roundtrip",
	Measures: []Measure{{Name: "-p50", Unit: "µs", Lower: true}, {Name: "-p99", Unit: "µs", Lower: true}},
	Sides: []Side{
		juxta.side(opEcho, echoTimes),
		libp2pStreams.side(opEcho, echoTimes, Target{Ratio: 1 / 1.2}),
		sockets.side(opEcho, echoTimes),
	},
}

func echoTimes(_ context.Context, st *Stage, _ *Where, _ *client, d duplex) ([]float64, error) {
	return roundTripTimes(d, st.Amount(20_000, 500))
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
