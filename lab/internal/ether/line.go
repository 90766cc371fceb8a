package ether

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxFrame = 2048  // bytes; a port has an MTU of 1500
	maxQueue = 16384 // frames under way in one direction; more are lost
)

// Line carries frames between two ports, each Read and Write of which is one frame.
type Line struct {
	profile atomic.Pointer[Profile]
	ports   [2]io.ReadWriteCloser
	frames  sync.Pool // of *frame
	done    chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

// frame is one that is under way.
type frame struct {
	at   time.Time
	size int
	buf  [maxFrame]byte
}

// NewLine joins two ports, which it closes when it is closed.
func NewLine(a, b io.ReadWriteCloser, p Profile) *Line {
	l := &Line{ports: [2]io.ReadWriteCloser{a, b}, done: make(chan struct{})}
	l.frames.New = func() any { return new(frame) }
	l.Set(p)
	for _, way := range [][2]io.ReadWriteCloser{{a, b}, {b, a}} {
		queue := make(chan *frame, maxQueue)
		l.running.Go(func() { l.take(way[0], queue) })
		l.running.Go(func() { l.give(queue, way[1]) })
	}
	return l
}

// Set changes what the line does to frames that come from now on.
func (l *Line) Set(p Profile) { l.profile.Store(&p) }

// Close ends the line. What is under way is lost.
func (l *Line) Close() error {
	var err error
	l.once.Do(func() {
		close(l.done)
		err = errors.Join(l.ports[0].Close(), l.ports[1].Close())
	})
	l.running.Wait()
	return err
}

// take reads frames until the port is closed, and queues those that are not lost.
func (l *Line) take(from io.Reader, queue chan<- *frame) {
	defer close(queue)
	var c clock
	for {
		f := l.frames.Get().(*frame)
		var err error
		if f.size, err = from.Read(f.buf[:]); err != nil {
			return
		}
		var ok bool
		if f.at, ok = c.leave(l.profile.Load(), time.Now(), f.size); !ok {
			l.frames.Put(f)
			continue
		}
		select {
		case queue <- f:
		default: // the queue is full
			l.frames.Put(f)
		}
	}
}

// give writes frames when it is time.
func (l *Line) give(queue <-chan *frame, to io.Writer) {
	wake := time.NewTimer(0)
	defer wake.Stop()
	for f := range queue {
		if wait := time.Until(f.at); wait > 0 {
			wake.Reset(wait)
			select {
			case <-wake.C:
			case <-l.done:
				return
			}
		}
		_, _ = to.Write(f.buf[:f.size]) // a port that is down takes none, and says so
		l.frames.Put(f)
	}
}
