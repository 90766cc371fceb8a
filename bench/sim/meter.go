package main

import (
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// meter says in a bubble what goes on outside of it: how much real time has passed,
// and how much memory is in use at most.
type meter struct {
	took atomic.Int64 // since reset
	peak atomic.Uint64
	from atomic.Int64
	done chan struct{}
	wg   sync.WaitGroup
}

// meterEvery is how exact it is.
const meterEvery = 100 * time.Millisecond

// startMeter has to be called outside.
func startMeter() *meter {
	m := &meter{done: make(chan struct{})}
	begun := time.Now()
	m.wg.Go(func() {
		tick := time.NewTicker(meterEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-m.done:
				return
			}
			m.took.Store(int64(time.Since(begun)))
			m.peak.Store(max(m.peak.Load(), inUse()))
		}
	})
	return m
}

func (m *meter) stop() {
	close(m.done)
	m.wg.Wait()
}

// reset begins anew.
func (m *meter) reset() {
	m.from.Store(m.took.Load())
	m.peak.Store(0)
}

func (m *meter) read() (took time.Duration, peak uint64) {
	return time.Duration(m.took.Load() - m.from.Load()), m.peak.Load()
}

// inUse is what the runtime has of the system's memory.
func inUse() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}
