package memnet

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// segmentSize is the most that travels as one piece, in bytes. It is the grain
// at which bandwidth is felt.
const segmentSize = 32 << 10

// flow is one direction of a connection: a bounded queue of bytes, each piece of
// which may be read from the moment it arrives.
//
// The two sides of a flow learn of each other only by what travels: the end of
// the stream behind the data, and the news that the reader is gone the other way.
//
// A flow that is cut stands still: its clock stops, so what is on its way, and
// what is written meanwhile, arrives that much later. That is what a sender that
// retransmits makes of an outage.
type flow struct {
	net      *Network
	from, to netip.Addr

	mu      sync.Mutex // guards what follows; never held while waiting
	queue   []segment
	queued  int           // bytes in queue
	free    time.Time     // when the line has sent all that was written
	last    time.Time     // arrival of the latest segment; none overtakes another
	frozen  time.Time     // when the flow was cut; zero while it flows
	end     news          // for the reader, behind the data
	gone    news          // for the writer
	writing bool          // a Write is under way: writes do not mix
	reader  side          // the local state of the reading side
	writer  side          // and that of the writing side
	changed chan struct{} // closed at the next change; nil if nobody waits
}

// segment is a piece of the stream and when it arrives.
type segment struct {
	at   time.Time
	data []byte
}

// news is an error that one side causes and the other side gets later.
type news struct {
	at  time.Time
	err error // nil: there is none
}

func (n news) arrived(now time.Time) bool { return n.err != nil && !n.at.After(now) }

// read fills p with what has arrived, and waits until something has.
func (f *flow) read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if err := f.reader.check(); err != nil || len(p) == 0 {
			return 0, err
		}
		now := f.now()
		if n := f.takeLocked(p, now); n > 0 {
			f.notifyLocked()
			return n, nil
		}
		next := f.end.at
		if len(f.queue) > 0 {
			next = f.queue[0].at
		} else if f.end.arrived(now) {
			return 0, f.end.err
		}
		f.waitLocked(f.reader.deadline, next)
	}
}

// takeLocked moves what has arrived from the queue to p.
func (f *flow) takeLocked(p []byte, now time.Time) int {
	n := 0
	for n < len(p) && len(f.queue) > 0 && !f.queue[0].at.After(now) {
		head := &f.queue[0]
		k := copy(p[n:], head.data)
		n += k
		if head.data = head.data[k:]; len(head.data) == 0 {
			head.data = nil // do not keep it alive through the array
			f.queue = f.queue[1:]
		}
	}
	if len(f.queue) == 0 {
		f.queue = nil
	}
	f.queued -= n
	return n
}

// write puts p on its way, and waits as long as the window is full.
func (f *flow) write(p []byte) (total int, err error) {
	link := f.link()
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.writing {
		if err := f.writer.check(); err != nil {
			return 0, err
		}
		f.waitLocked(f.writer.deadline, time.Time{})
	}
	f.writing = true
	defer func() { f.writing = false; f.notifyLocked() }()
	for {
		if err := f.writer.check(); err != nil {
			return total, err
		}
		if f.gone.arrived(f.now()) {
			return total, f.gone.err
		}
		if f.reader.err != nil {
			return len(p), nil // the other side is gone, but this one cannot know yet
		}
		total += f.pushLocked(p[total:], link)
		if total == len(p) {
			return total, nil
		}
		f.waitLocked(f.writer.deadline, f.gone.at)
	}
}

// pushLocked queues as much of p as the window allows.
func (f *flow) pushLocked(p []byte, link Link) int {
	total := 0
	for len(p) > 0 && f.queued < link.Window {
		n := min(len(p), link.Window-f.queued, segmentSize)
		f.free = later(f.free, f.now()).Add(link.sending(n))
		f.last = later(f.last, f.free.Add(link.Latency))
		f.queue = append(f.queue, segment{at: f.last, data: slices.Clone(p[:n])})
		f.queued += n
		total, p = total+n, p[n:]
		if len(f.queue) == 1 { // otherwise the reader waits for the first already
			f.notifyLocked()
		}
	}
	f.net.bytes.Add(uint64(total))
	return total
}

// endWrite closes the writing side: locally writes fail with local, and the
// reader gets remote after the data.
func (f *flow) endWrite(local, remote error) {
	link := f.link()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writer.err != nil {
		return
	}
	f.writer.err = local
	f.end = news{later(f.last, later(f.free, f.now()).Add(link.Latency)), remote}
	f.notifyLocked()
}

// abort closes the writing side at once: locally writes fail with local, and the
// reader gets remote. What has not left the machine is lost.
func (f *flow) abort(local, remote error) {
	link := f.link()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writer.err != nil {
		return
	}
	f.writer.err = local
	f.end = news{f.now().Add(link.Latency), remote}
	f.queue = slices.DeleteFunc(f.queue, func(s segment) bool { return s.at.After(f.end.at) })
	f.notifyLocked()
}

// endRead closes the reading side: locally reads fail with local, and the writer
// gets remote when the news of it arrives.
func (f *flow) endRead(local, remote error) {
	back := f.net.link(f.to, f.from)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reader.err != nil {
		return
	}
	f.reader.err = local
	f.gone = news{f.now().Add(back.Latency), remote}
	f.queue, f.queued = nil, 0
	f.notifyLocked()
}

// setReadDeadline and setWriteDeadline also wake those who wait by the old one.
func (f *flow) setReadDeadline(t time.Time) { f.setDeadline(&f.reader, t) }

func (f *flow) setWriteDeadline(t time.Time) { f.setDeadline(&f.writer, t) }

func (f *flow) setDeadline(s *side, t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.deadline = t
	f.notifyLocked()
}

// cut stops the clock of the flow, or lets it go on.
func (f *flow) cut(stop bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if stop == !f.frozen.IsZero() {
		return
	}
	if stop {
		f.frozen = time.Now()
	} else {
		f.shiftLocked(time.Since(f.frozen))
		f.frozen = time.Time{}
	}
	f.notifyLocked()
}

// shiftLocked makes everything that lies ahead happen later by d.
func (f *flow) shiftLocked(d time.Duration) {
	for i := range f.queue {
		if f.queue[i].at.After(f.frozen) {
			f.queue[i].at = f.queue[i].at.Add(d)
		}
	}
	for _, t := range []*time.Time{&f.free, &f.last, &f.end.at, &f.gone.at} {
		if t.After(f.frozen) {
			*t = t.Add(d)
		}
	}
}

// now is the time by the flow's own clock.
func (f *flow) now() time.Time {
	if !f.frozen.IsZero() {
		return f.frozen
	}
	return time.Now()
}

// link is what carries the flow at this moment.
func (f *flow) link() Link { return f.net.link(f.from, f.to) }
