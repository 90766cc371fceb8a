package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// MaxSenders is how many connections [Receiver.Serve] receives from at once. Others
// wait.
const MaxSenders = 16

// Receiver receives files into a folder. The zero value receives into the current
// one. Its methods may be called concurrently; its fields are not to be changed then.
type Receiver struct {
	Dir string // "" is the current folder
	// MaxSize is the size in bytes beyond which a file is refused; 0: none is.
	MaxSize int64
	// Progress, if there is one, is called often while a file is received, for
	// several at once. It must be quick.
	Progress func(Progress)
	// Done, if there is one, is told what became of each file, of several at once.
	Done func(*Received)

	mu       sync.Mutex // guards what follows
	underway map[delivery]*underway
}

// Received is what became of a file.
type Received struct {
	File           // as its sender describes it; the name may be anything
	Conn  net.Conn // through which it came
	Saved string   // the name that it got in the folder
	Start int64    // so many bytes were there before

	// Err is nil for a file that is complete. It wraps one of this package's, one of the
	// connection's or of the disk's; what has come is kept for the next attempt,
	// unless it is ErrRefused or ErrMismatch.
	Err error
}

// Serve receives from all who connect, [MaxSenders] at once, until ln is closed; then
// it waits for the files that are under way. When ctx ends it closes ln, and ends
// them: they are kept for the next attempt. The error is ctx's, or the listener's.
func (r *Receiver) Serve(ctx context.Context, ln net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	var serving sync.WaitGroup
	defer serving.Wait()
	room := make(chan struct{}, MaxSenders)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		serving.Go(func() {
			defer func() { <-room }()
			defer Hangup(ctx, conn)
			_ = r.Receive(ctx, conn) // Done was told
		})
	}
}

// Receive receives what comes through one connection, which it does not close: file
// after file until the sender has closed it. That one file was not received is no
// error as long as the next can follow. When the same sender offers a file while it is
// being received from it, the attempt before ends: that sender was killed.
func (r *Receiver) Receive(ctx context.Context, conn net.Conn) error {
	l := &line{Conn: conn, quiet: patience}
	defer l.begin(ctx)()
	in := &intake{cfg: r, line: l, r: bufio.NewReader(l), buf: make([]byte, maxChunk)}
	for {
		b, err := readFrame(in.r)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = in.receive(b)
		}
		if err != nil {
			return fmt.Errorf("transfer: receive: %w", err)
		}
	}
}

// intake receives through one connection.
type intake struct {
	cfg  *Receiver
	line *line
	r    *bufio.Reader
	buf  []byte
}

// receive receives the file of an offer. The error is one after which nothing can
// follow.
func (in *intake) receive(offer []byte) error {
	file, err := parseOffer(offer)
	if err != nil {
		return err
	}
	got := &Received{File: *file, Conn: in.line.Conn}
	name := CleanName(file.Name)
	d := delivery{in.line.RemoteAddr().String(), name, file.Sum}
	over, err := in.cfg.takeOver(in.line.ctx, d, in.line.cancel)
	if err != nil {
		return in.done(got, err, err)
	}
	defer over()
	p, err := in.open(got, name)
	if err != nil {
		return in.done(got, err, in.say(refusal(err)))
	}
	defer p.close()
	if err := in.begin(got, p); err != nil {
		return in.done(got, err, err)
	}
	bad, err := in.body(got, p)
	if err == nil && bad == nil && p.sum() != file.Sum {
		p.drop()
		bad = ErrMismatch
		err = in.say(refusal(bad))
	}
	if err == nil && bad == nil {
		if got.Saved, bad = p.finish(name, file.ModTime); bad != nil {
			err = in.say(refusal(bad))
		} else {
			err = in.say(&answer{status: OK, have: p.size, sum: file.Sum, text: got.Saved})
		}
	}
	if got.Saved != "" {
		return in.done(got, nil, err)
	}
	return in.done(got, errors.Join(bad, err), err)
}

// done tells of a file, and returns what keeps the next from following.
func (in *intake) done(got *Received, why, err error) error {
	if why != nil {
		got.Err = fmt.Errorf("transfer: receive %s: %w", printable(got.Name), why)
	}
	if in.cfg.Done != nil {
		in.cfg.Done(got)
	}
	return err
}

// open opens the part of a file, with what is there already.
func (in *intake) open(got *Received, name string) (*part, error) {
	if most := in.cfg.MaxSize; most > 0 && got.Size > most {
		return nil, fmt.Errorf("%w: files of more than %d bytes are", ErrRefused, most)
	}
	dir := in.cfg.Dir
	if dir == "" {
		dir = "."
	}
	p, err := openPart(dir, name)
	if err != nil {
		return nil, diskError(err)
	}
	err = p.load(in.line.ctx, got.Size, func(done int64) { in.progress(got, true, done) })
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// begin tells the sender what we have, and hears where it starts.
func (in *intake) begin(got *Received, p *part) error {
	in.line.quiet = answerPatience // it may have to read as much as we have
	defer func() { in.line.quiet = patience }()
	if err := in.say(&answer{status: OK, have: p.size, sum: p.sum()}); err != nil {
		return err
	}
	start, err := readNumber(in.r)
	switch {
	case err != nil:
		return err
	case start == 0 && p.size > 0:
		return p.empty()
	case start != p.size:
		return malformed("a start at %d, where %d are there", start, p.size)
	}
	got.Start = start
	return nil
}

// body reads the rest of the file. bad is why it is of no use, of which the sender
// has been told; err is one after which nothing can follow.
func (in *intake) body(got *Received, p *part) (bad, err error) {
	for left := got.Size - p.size; left > 0; {
		b, err := readChunk(in.r, in.buf)
		switch {
		case err != nil:
			return bad, err
		case int64(len(b)) > left:
			return bad, malformed("more than the %d bytes announced", got.Size)
		case len(b) == 0 && bad == nil:
			bad = errors.New("the sender gave up")
			return bad, in.say(refusal(bad))
		case len(b) == 0:
			return bad, nil
		}
		left -= int64(len(b))
		if bad != nil {
			continue // it is on its way already
		}
		if bad = p.write(b); bad != nil {
			if err := in.say(refusal(bad)); err != nil {
				return bad, err
			}
			continue
		}
		in.progress(got, false, p.size)
	}
	return bad, nil
}

func (in *intake) say(a *answer) error { return writeFrame(in.line, a.frame()) }

func (in *intake) progress(got *Received, checking bool, done int64) {
	if in.cfg.Progress != nil {
		in.cfg.Progress(Progress{File: &got.File, Conn: got.Conn, Checking: checking, Done: done})
	}
}
