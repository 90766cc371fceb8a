package flow

import (
	"encoding/binary"
	"time"
)

const (
	ackEvery   = Limit / 4             // bytes taken and not acknowledged, at most,
	ackDelay   = 50 * time.Millisecond // and for how long, if it is less
	ackTimeout = 10 * time.Second      // for the stream to take an acknowledgement
)

// Take says that all before a position is taken: it will be acknowledged, at once if
// that is urgent.
func (r *Receiver) Take(position uint64, urgent bool) {
	r.mu.Lock()
	r.taken = max(r.taken, position)
	r.urgent = r.urgent || urgent
	now := r.urgent || r.taken-r.told >= ackEvery
	if !now && r.timer == nil && r.err == nil {
		r.timing.Add(1)
		r.timer = time.AfterFunc(ackDelay, r.later)
	}
	r.mu.Unlock()
	if now {
		r.tell(false)
	}
}

// later tells what was taken meanwhile.
func (r *Receiver) later() {
	defer r.timing.Done()
	r.mu.Lock()
	r.timer = nil
	r.mu.Unlock()
	r.tell(true)
}

// tell acknowledges what is due; with all, what is taken. One goroutine writes at a
// time, also for those who come meanwhile.
func (r *Receiver) tell(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.urgent = r.urgent || all
	if r.telling {
		return
	}
	r.telling = true
	for r.st != nil && r.taken > r.told && (r.urgent || r.taken-r.told >= ackEvery) {
		st, v := r.st, r.taken
		r.urgent = false
		r.mu.Unlock()
		if acknowledge(st, v) != nil {
			r.lose(st) // there may be nobody who reads, and half of it may be written
		}
		r.mu.Lock()
		if r.st == st {
			r.told = v
		}
	}
	r.telling, r.urgent = false, false // who attaches asks again
	r.changedLocked()
}

func acknowledge(st Stream, position uint64) error {
	_ = st.SetWriteDeadline(time.Now().Add(ackTimeout))
	_, err := st.Write(binary.AppendUvarint(nil, position))
	return err
}
