package transfer

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Sender sends files over a connection, one after the other. Conn is required; the
// rest may be zero. It is for one goroutine at a time, and does not close Conn.
type Sender struct {
	Conn net.Conn
	// Progress, if there is one, is called often while a file is sent. It must be
	// quick.
	Progress func(Progress)

	line *line
	r    *bufio.Reader
	err  error // why the connection is of no more use
}

// Sent is what became of a file.
type Sent struct {
	File
	Saved string        // the name that the receiver gave it
	Start int64         // so many bytes the receiver had before
	Took  time.Duration // from the offer to the receiver's last answer
}

// Source is a file that can be sent. Close it.
type Source struct {
	File
	f *os.File
}

// Open opens a file and hashes it, which takes as long as reading it. from is what the
// sender calls itself, and may be empty. progress may be nil. The error is one of
// the disk's, or ctx's, or says that path is not a file.
func Open(ctx context.Context, path, from string, progress func(Progress)) (*Source, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("transfer: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("transfer: %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("transfer: %w", err)
	}
	s := &Source{f: f, File: File{
		Name: filepath.Base(path), Size: fi.Size(), ModTime: fi.ModTime().Truncate(time.Millisecond), From: from,
	}}
	sum := sha256.New()
	s.Size, err = copyHash(ctx, sum, f, func(done int64) {
		if progress != nil {
			progress(Progress{File: &s.File, Checking: true, Done: done})
		}
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("transfer: %s: %w", path, err), f.Close())
	}
	s.Sum = [sha256.Size]byte(sum.Sum(nil))
	return s, nil
}

// Close closes the file.
func (s *Source) Close() error { return s.f.Close() }

// Send sends a file, and returns when the receiver has it on its disk, complete and
// under its name. When ctx ends the receiver keeps what it has, for the next attempt.
//
// The error wraps [ErrRefused], [ErrNoSpace], [ErrMismatch] or [ErrFailed], or says that
// the file cannot be read, after which the next can be sent; or [ErrProtocol], ctx's or
// one of the connection's, after which none can.
func (s *Sender) Send(ctx context.Context, src *Source) (*Sent, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.line == nil {
		s.line = &line{Conn: s.Conn, quiet: answerPatience}
		s.r = bufio.NewReader(s.line)
	}
	defer s.line.begin(ctx)()
	began := time.Now()
	sent := &Sent{File: src.File}
	err := s.send(ctx, src, sent)
	sent.Took = time.Since(began)
	if err == nil {
		return sent, nil
	}
	err = fmt.Errorf("transfer: send %s: %w", src.Name, err)
	for _, is := range []error{ErrRefused, ErrNoSpace, ErrMismatch, ErrFailed, errSource} {
		if errors.Is(err, is) {
			return nil, err
		}
	}
	s.err = err
	return nil, err
}

func (s *Sender) send(ctx context.Context, src *Source, sent *Sent) error {
	if err := writeFrame(s.line, src.frame()); err != nil {
		return err
	}
	a, err := s.answer()
	if err == nil {
		err = a.err()
	}
	if err != nil {
		return err
	}
	if sent.Start, err = s.start(ctx, src, a); err != nil {
		return err
	}
	if err := binary.Write(s.line, binary.BigEndian, uint64(sent.Start)); err != nil {
		return err
	}
	heard := make(chan struct{})
	go func() { // the receiver may have to say something before the end
		defer close(heard)
		a, err = s.answer()
	}()
	werr := s.body(src, sent.Start, heard)
	if werr != nil && !errors.Is(werr, errSource) {
		defer time.AfterFunc(goodbye, func() { s.line.cancel(nil) }).Stop()
	}
	<-heard
	switch {
	case errors.Is(werr, errSource):
		return werr
	case err == nil && a.status != OK:
		return a.err() // which says more than that writing has failed
	case werr != nil:
		return werr
	case err != nil:
		return err
	case a.have != src.Size || a.sum != src.Sum:
		return malformed("it says that it has %d of %d bytes", a.have, src.Size)
	}
	sent.Saved = printable(a.text)
	return nil
}

// goodbye is how long a connection that cannot be written to is read yet.
const goodbye = time.Second

// errSource says that the file cannot be read to its end.
var errSource = errors.New("the file cannot be read")

// start decides where to start: behind what the receiver has, if that is the beginning
// of the file.
func (s *Sender) start(ctx context.Context, src *Source, a *answer) (int64, error) {
	if a.have == 0 || a.have > src.Size {
		return 0, nil
	}
	sum := sha256.New()
	_, err := copyHash(ctx, sum, io.NewSectionReader(src.f, 0, a.have), func(done int64) {
		s.progress(src, true, done)
	})
	if err != nil || [sha256.Size]byte(sum.Sum(nil)) != a.sum {
		return 0, ctx.Err()
	}
	return a.have, nil
}

// body sends the file from start on, until the receiver says something.
func (s *Sender) body(src *Source, start int64, heard <-chan struct{}) error {
	buf := make([]byte, 4+ourChunk)
	for done := start; done < src.Size; {
		n, rerr := src.f.ReadAt(buf[4:min(4+ourChunk, 4+src.Size-done)], done)
		select {
		case <-heard:
			n, rerr = 0, nil
		default:
		}
		// A chunk without bytes gives up.
		binary.BigEndian.PutUint32(buf, uint32(n))
		if _, err := s.line.Write(buf[:4+n]); err != nil {
			return err
		}
		if n == 0 && rerr != nil {
			return fmt.Errorf("%w: %s", errSource, endOf(rerr))
		}
		if n == 0 {
			return nil
		}
		done += int64(n)
		s.progress(src, false, done)
	}
	return nil
}

func endOf(err error) string {
	if err == io.EOF {
		return "it has become shorter"
	}
	return reason(err)
}

func (s *Sender) answer() (*answer, error) {
	b, err := readFrame(s.r)
	if err != nil {
		return nil, unexpected(err)
	}
	return parseAnswer(b)
}

func (s *Sender) progress(src *Source, checking bool, done int64) {
	if s.Progress != nil {
		s.Progress(Progress{File: &src.File, Conn: s.Conn, Checking: checking, Done: done})
	}
}
