// Package splice joins two ends of which each has two directions that end one by
// one: connections, a process, a terminal.
package splice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// End is one of two that are joined. It is read by one goroutine and written by
// another; Close and CloseWrite may come from others yet, and Close makes Reads and
// Writes that wait return.
type End interface {
	io.ReadWriteCloser
	CloseWrite() error // tells that nothing more will be written
}

// Reset ends an End so that whoever is behind it knows that something is missing: by
// its method Reset, if it has one. Others are closed.
func Reset(e End) error {
	if r, ok := e.(interface{ Reset() error }); ok {
		return r.Reset()
	}
	return e.Close()
}

// What a caller tests for.
var (
	// ErrOver is what an End's Read returns, in place of io.EOF, that has come to the
	// end of both its directions: nothing that is written to it will be read.
	ErrOver = errors.New("both directions have ended")
	// ErrIdle is Join's when nothing has gone either way for too long.
	ErrIdle = errors.New("nothing has come or gone for too long")
)

// Error says at which End something went wrong, and at what.
type Error struct {
	End End
	Op  string // "read" or "write"; the latter also for its CloseWrite
	Err error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Op, e.Err) }

// Unwrap gives what went wrong.
func (e *Error) Unwrap() error { return e.Err }

// Join copies from a to b and from b to a, and closes both when that has ended. An
// end of input is passed on, and the other direction goes on. An End that takes no
// more leaves the other direction alone, too; but one that cannot be read takes both
// with it: they are reset, so that nobody takes a part for the whole. So it is when
// ctx ends, or when idle, unless it is 0, has passed with nothing to copy.
//
// It returns how many bytes have gone from a to b and from b to a, and nil or what
// went wrong first: an [*Error], the context's, or [ErrIdle]. All it started has
// ended by then.
func Join(ctx context.Context, a, b End, idle time.Duration) (there, back int64, err error) {
	j := &joint{a: a, b: b, idle: idle}
	stop := context.AfterFunc(ctx, func() { j.cut(ctx.Err()) })
	if idle > 0 {
		j.watch = time.AfterFunc(idle, func() { j.cut(ErrIdle) })
	}
	var other sync.WaitGroup
	other.Go(func() { back = j.carry(a, b) })
	there = j.carry(b, a)
	other.Wait()
	stop()
	if idle > 0 {
		j.watch.Stop()
	}
	j.end(End.Close) // waits for a cut that is under way
	return there, back, j.failed()
}

// joint is two Ends while they are joined.
type joint struct {
	a, b  End
	idle  time.Duration
	watch *time.Timer // nil: however long it takes

	mu    sync.Mutex // guards err and ended
	err   error      // what went wrong first
	ended bool       // both ends have been closed, or reset: what goes wrong now is our doing

	ending sync.Mutex // held while the ends are closed or reset
}

// bufferSize is how much is copied at a time. There are two buffers a pair.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// carry copies one direction to its end.
func (j *joint) carry(to, from End) (n int64) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		got, err := from.Read(buf[:])
		if got > 0 {
			j.stir()
			sent, werr := to.Write(buf[:got])
			n += int64(sent)
			if werr != nil {
				j.note(&Error{to, "write", werr})
				return n
			}
			j.stir()
		}
		switch {
		case err == nil:
			continue
		case err == io.EOF, err == ErrOver:
			if werr := to.CloseWrite(); werr != nil {
				j.note(&Error{to, "write", werr})
			}
			if err == ErrOver {
				j.end(End.Close)
			}
		default:
			j.cut(&Error{from, "read", err})
		}
		return n
	}
}

// stir puts off the end of what is idle.
func (j *joint) stir() {
	if j.watch != nil {
		j.watch.Reset(j.idle)
	}
}

// cut ends both directions before their time.
func (j *joint) cut(err error) {
	j.note(err)
	j.end(Reset)
}

// note remembers what went wrong first.
func (j *joint) note(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil && !j.ended {
		j.err = err
	}
}

// end ends both ends, the first time it is called, and returns when that is done.
func (j *joint) end(how func(End) error) {
	j.ending.Lock()
	defer j.ending.Unlock()
	j.mu.Lock()
	done := j.ended
	j.ended = true
	j.mu.Unlock()
	if !done {
		_ = how(j.a) // it is over in any case
		_ = how(j.b)
	}
}

func (j *joint) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}
