package load

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// duplex is a stream of any system: a pipe's connection, a libp2p stream, a socket.
type duplex interface {
	io.ReadWriteCloser
	CloseWrite() error
	SetDeadline(time.Time) error
}

// What a client asks of a server with its first byte.
const (
	opEcho     = 'e' // send back what comes
	opSink     = 's' // read to the end, then send one byte
	opMessages = 'm' // read messages behind their lengths to the one of length 0, then send one byte
	opWait     = 'w' // send one byte when the message pipe has delivered its last message
)

const (
	chunk      = 64 << 10 // bytes of a write or a read of a stream
	pingSize   = 64       // bytes of a round trip
	headerSize = 4        // bytes of a length before a message
)

// answer does what a client asks for; wait returns when the last message has come.
func answer(s duplex, wait func()) error {
	defer s.Close()
	var op [1]byte
	if _, err := io.ReadFull(s, op[:]); err != nil {
		return err
	}
	var err error
	switch op[0] {
	case opEcho:
		return echo(s)
	case opSink:
		err = sink(s)
	case opMessages:
		err = readMessages(s)
	case opWait:
		wait()
	default:
		err = fmt.Errorf("asked for %q", op[0])
	}
	if err != nil {
		return err
	}
	_, err = s.Write(op[:])
	return err
}

func echo(s io.ReadWriter) error {
	b := make([]byte, pingSize)
	for {
		if _, err := io.ReadFull(s, b); err != nil {
			return err
		}
		if _, err := s.Write(b); err != nil {
			return err
		}
	}
}

func sink(r io.Reader) error {
	b := make([]byte, chunk)
	for {
		if _, err := r.Read(b); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// readMessages is the least that a receiver of messages does: it has each of
// them whole, in a buffer that the next one overwrites.
func readMessages(r io.Reader) error {
	in := bufio.NewReaderSize(r, chunk)
	var head [headerSize]byte
	body := make([]byte, chunk)
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == 0 {
			return nil
		}
		if _, err := io.ReadFull(in, body[:n]); err != nil {
			return err
		}
	}
}
