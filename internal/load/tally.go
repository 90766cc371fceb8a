package load

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// pollEvery is how exactly the tally knows when the last message has come, of those
// of which some are missing.
const pollEvery = 10 * time.Millisecond

// nearlyAll is the part of what comes that is not the tail.
const nearlyAll = 0.95

// stamp is what the body of a message begins with.
type stamp struct {
	phase uint32 // counts from 1; what comes of one before is late and does not count
	of    uint32 // how many messages the phase has
	seq   uint32 // which of them this is
	sent  int64  // in nanoseconds since 1970, or 0: nobody asks how long it took
}

const stampSize = 20

func (s *stamp) put(body []byte) {
	binary.LittleEndian.PutUint32(body, s.phase)
	binary.LittleEndian.PutUint32(body[4:], s.of)
	binary.LittleEndian.PutUint32(body[8:], s.seq)
	binary.LittleEndian.PutUint64(body[12:], uint64(s.sent))
}

// readStamp reports whether body has one.
func readStamp(body []byte) (s stamp, ok bool) {
	if len(body) < stampSize {
		return s, false
	}
	s.phase = binary.LittleEndian.Uint32(body)
	s.of = binary.LittleEndian.Uint32(body[4:])
	s.seq = binary.LittleEndian.Uint32(body[8:])
	s.sent = int64(binary.LittleEndian.Uint64(body[12:]))
	return s, s.seq < s.of
}

// tally counts what subscribers hear: each message once for each of them.
type tally struct {
	each []subscriber
	full chan struct{} // something: one of them has all of a phase

	mu    sync.Mutex
	times []float64 // how long stamped messages of the phase took, in milliseconds
	phase uint32    // whose times these are
}

// subscriber is written to by its own goroutine alone.
type subscriber struct {
	have  []uint64      // a bit for each message of the phase
	heard atomic.Uint64 // the phase, and in the lower half how many messages of it
	of    uint32
	_     [64]byte // others write elsewhere
}

func newTally(n int) *tally {
	return &tally{each: make([]subscriber, n), full: make(chan struct{}, 1)}
}

// take takes a message of subscriber i.
func (t *tally) take(i int, body []byte) {
	s, ok := readStamp(body)
	if !ok {
		return
	}
	sub := &t.each[i]
	phase, n := halves(sub.heard.Load())
	if s.phase < phase {
		return
	}
	if s.phase > phase {
		n, sub.of = 0, s.of
		sub.have = make([]uint64, (s.of+63)/64)
	}
	word, bit := s.seq/64, uint64(1)<<(s.seq%64)
	if s.of != sub.of || sub.have[word]&bit != 0 {
		return // it has come before
	}
	sub.have[word] |= bit
	n++
	if s.sent != 0 {
		t.took(s.phase, time.Now().UnixNano()-s.sent)
	}
	sub.heard.Store(uint64(s.phase)<<32 | uint64(n))
	if n == s.of {
		select {
		case t.full <- struct{}{}:
		default:
		}
	}
}

func halves(v uint64) (phase, n uint32) { return uint32(v >> 32), uint32(v) }

func (t *tally) took(phase uint32, nanos int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if phase != t.phase {
		t.times, t.phase = nil, phase
	}
	t.times = append(t.times, float64(nanos)/1e6)
}

// count returns how many messages of a phase have been heard, by all together.
func (t *tally) count(phase uint32) (n int) {
	for i := range t.each {
		if p, heard := halves(t.each[i].heard.Load()); p == phase {
			n += int(heard)
		}
	}
	return n
}

// tallyQuestion asks for what has been heard in a phase, when all have come, or
// when none has come for a time.
type tallyQuestion struct {
	Phase uint32        `json:"phase"`
	All   int           `json:"all"` // messages that all subscribers together shall hear
	Quiet time.Duration `json:"quiet"`
}

// tallyAnswer is what there is to say.
type tallyAnswer struct {
	Heard int           `json:"heard"`
	Quiet time.Duration `json:"quiet"` // for so long, none has come
	Tail  time.Duration `json:"tail"`  // for so long before, the last twentieth came
	Times []float64     `json:"times"` // milliseconds, of messages that bear the time
}

// arrival is how many messages had come, and when.
type arrival struct {
	at time.Time
	n  int
}

// await answers a question.
func (t *tally) await(ctx context.Context, q *tallyQuestion) (*tallyAnswer, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	came := []arrival{{time.Now(), 0}}
	for {
		now, n := time.Now(), t.count(q.Phase)
		if n > came[len(came)-1].n {
			came = append(came, arrival{now, n})
		}
		if quiet := now.Sub(came[len(came)-1].at); n >= q.All || quiet >= q.Quiet {
			return &tallyAnswer{Heard: n, Quiet: quiet, Tail: tail(came), Times: t.timesOf(q.Phase)}, nil
		}
		select {
		case <-t.full:
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tail returns how long it took from nearly all to all that came.
func tail(came []arrival) time.Duration {
	last := came[len(came)-1]
	for _, a := range came {
		if float64(a.n) >= nearlyAll*float64(last.n) {
			return last.at.Sub(a.at)
		}
	}
	return 0
}

// timesOf returns how long the stamped messages of a phase took.
func (t *tally) timesOf(phase uint32) []float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != phase {
		return nil
	}
	return slices.Clone(t.times)
}
