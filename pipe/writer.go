package pipe

import (
	"errors"
	"io"
)

// errDone is the error of an output end that has delivered everything.
var errDone = errors.New("done")

// write is the goroutine that writes what is pending, all of it at a time, until
// the output end is closed or broken.
func (o *Output) write(release func()) {
	defer o.s.wg.Done()
	defer release()
	var spare []byte
	for range o.wake {
		batch, last := o.batch(spare)
		if len(batch) > 0 {
			_, err := o.st.Write(batch)
			o.wrote(err)
			spare = batch[:0]
		}
		if last {
			break
		}
	}
	if err := o.st.CloseWrite(); err != nil {
		_ = o.st.Reset()
	}
}

// batch takes what is pending, and leaves spare in its place. last is true when
// there is nothing more to come: after Close, or an error.
func (o *Output) batch(spare []byte) (batch []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, true
	}
	if o.writing { // a large message is: its sender wakes us again
		return nil, false
	}
	if len(o.pending) > 0 {
		batch, o.pending = o.pending, spare
		o.writing = true
	}
	return batch, o.closed
}

// wrote ends a write.
func (o *Output) wrote(err error) {
	o.mu.Lock()
	o.writing = false
	if err != nil && o.err == nil {
		o.err = ErrBroken
	}
	o.changedLocked()
	o.mu.Unlock()
	o.poke()
}

// watch is the goroutine that notices the end of the stream: after our own
// closing, that the receiver has read all; before it, that it is gone.
func (o *Output) watch() {
	defer o.s.wg.Done()
	_, err := o.st.Reader().ReadByte()
	o.mu.Lock()
	if o.err == nil {
		o.err = ErrBroken
		if err == io.EOF && o.closed && len(o.pending) == 0 && !o.writing {
			o.err = errDone
		}
	}
	o.changedLocked()
	o.mu.Unlock()
	_ = o.st.Close()
	o.poke()
	close(o.ended)
}
