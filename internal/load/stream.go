package load

import (
	"context"
	"time"
)

// streamRate is how fast bytes go one way through a stream.
var streamRate = Experiment{
	Name:     "stream",
	Measures: []Measure{{Unit: "MiB/s"}},
	Sides: []Side{
		juxta.side(opSink, pourMiB),
		libp2pStreams.side(opSink, pourMiB, Target{Ratio: 0.95}),
		sockets.side(opSink, pourMiB),
	},
}

func pourMiB(_ context.Context, st *Stage, _ *Where, _ *client, d duplex) ([]float64, error) {
	rate, err := pour(d, st.Amount(256, 16))
	return []float64{rate}, err
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
