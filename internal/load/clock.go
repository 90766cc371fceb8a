package load

import "time"

// perSecond is the rate of n since began.
func perSecond(n int, began time.Time) float64 { return float64(n) / time.Since(began).Seconds() }

// millis are the milliseconds since began.
func millis(began time.Time) float64 { return time.Since(began).Seconds() * 1e3 }
