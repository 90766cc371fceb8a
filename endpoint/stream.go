package endpoint

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
)

// byteStream is what a [Stream] is made on: a libp2p stream, or one to ourselves.
type byteStream interface {
	io.ReadWriteCloser
	CloseWrite() error
	Reset() error
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Stream is a stream between two peers of a group, with frames. Reading and
// writing may go on concurrently; two readers, or two writers, may not.
type Stream struct {
	byteStream
	peer id.Peer
	m    *meter
	far  *meter        // not nil: a relay carries it
	r    *bufio.Reader // nil until something is read through it
	end  func()
	kept bool
	// better is called when there is a better way; guarded by the endpoint.
	better func()

	heard atomic.Int64 // when a Read that had to wait last got something, in ns since 1970
}

// waited is how long a Read takes that did not find its bytes in a buffer of our
// side: they have just come.
const waited = 10 * time.Millisecond

// newStream counts a stream among those that Close resets.
// One whose peer was put out since it was admitted comes too late.
func (e *Endpoint) newStream(s byteStream, who id.Peer, service string, inbound bool) (*Stream, error) {
	st := &Stream{byteStream: s, peer: who}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, net.ErrClosed
	}
	if _, near := e.near[who]; !near && e.admission != nil && who != e.self.Signer() {
		return nil, ErrNotAdmitted
	}
	st.m = e.meterLocked(service)
	st.m.opened(inbound)
	if st.Relayed() {
		st.far = e.carriedLocked(who)
		st.far.opened(inbound)
	}
	e.streams[st] = struct{}{}
	st.end = func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.streams, st)
	}
	return st, nil
}

// Read reads from the stream itself, past [Stream.Reader].
func (s *Stream) Read(p []byte) (int, error) {
	begun := time.Now()
	n, err := s.byteStream.Read(p)
	if now := time.Now(); n > 0 && now.Sub(begun) >= waited {
		s.heard.Store(now.UnixNano())
	}
	if s.m != nil {
		s.m.bytesIn.Add(uint64(n))
	}
	if s.far != nil {
		s.far.bytesIn.Add(uint64(n))
	}
	return n, err
}

// Write writes to the stream.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.byteStream.Write(p)
	if s.m != nil {
		s.m.bytesOut.Add(uint64(n))
	}
	if s.far != nil {
		s.far.bytesOut.Add(uint64(n))
	}
	return n, err
}

// Peer returns the peer at the other end.
func (s *Stream) Peer() id.Peer { return s.peer }

// Keep says that the stream outlives the handler that it was given to, and that
// somebody else closes it.
func (s *Stream) Keep() { s.kept = true }

// Close closes both directions; the other end reads what is under way and then
// the end of the stream.
func (s *Stream) Close() error {
	s.release()
	return s.byteStream.Close()
}

// Reset ends both directions at once; the other end gets an error.
func (s *Stream) Reset() error {
	s.release()
	return s.byteStream.Reset()
}

func (s *Stream) release() {
	if s.end != nil {
		s.end()
	}
}

// Reader returns the stream's buffered reader, through which frames are read
// too: whoever changes from frames to bytes has to go on with it.
func (s *Stream) Reader() *bufio.Reader {
	if s.r == nil {
		s.r = bufio.NewReader(s)
	}
	return s.r
}

// WriteMsg writes one frame, in one write.
func (s *Stream) WriteMsg(m proto.Message) error {
	b := binary.AppendUvarint(nil, uint64(proto.Size(m)))
	b, err := proto.MarshalOptions{}.MarshalAppend(b, m)
	if err != nil {
		return err
	}
	_, err = s.Write(b)
	return err
}

// ReadMsg reads one frame of at most limit bytes into m. At the end of the
// stream it returns io.EOF; for a longer frame, [ErrFrameTooLarge].
func (s *Stream) ReadMsg(m proto.Message, limit int) error {
	err := protodelim.UnmarshalOptions{MaxSize: int64(limit)}.UnmarshalFrom(s.Reader(), m)
	var large *protodelim.SizeTooLargeError
	if errors.As(err, &large) {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrFrameTooLarge, large.Size, limit)
	}
	return err
}
