package load

import (
	"math"
	"slices"
)

// Spread is what several measurements of one thing come down to.
type Spread struct {
	Median, Min, Max float64
}

// spreadOf returns NaNs for no values.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN()}
	}
	return Spread{median(values), slices.Min(values), slices.Max(values)}
}

// median returns the middle value, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// percentile returns the value that p of 100 of them do not exceed. It sorts
// values, of which there must be at least one.
func percentile(values []float64, p float64) float64 {
	slices.Sort(values)
	return values[min(len(values)-1, int(p/100*float64(len(values))))]
}
