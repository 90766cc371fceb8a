package pipe

import (
	"encoding/binary"
	"io"
)

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

// watch is the goroutine that notices the end of the stream. Before our own closing
// it means that the receiver is gone; but if it says goodbye with the number of
// messages that it has received, and that is all of them, nothing is lost.
func (o *Output) watch() {
	defer o.s.wg.Done()
	n, err := binary.ReadUvarint(o.st.Reader())
	o.mu.Lock()
	switch {
	case err == nil:
		o.delivered = n == o.sent
	case err == io.EOF:
		o.delivered = o.closed && len(o.pending) == 0 && !o.writing
	}
	o.delivered = o.delivered || o.sent == 0
	if o.err == nil {
		o.err = ErrBroken
	}
	o.changedLocked()
	o.mu.Unlock()
	_ = o.st.Close()
	o.poke()
	close(o.ended)
}
