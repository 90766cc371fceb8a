package shell

import (
	"context"
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// input is the standard input of one call: a read ends when its context does,
// although the file may be a terminal or a pipe that Go can only block on.
type input struct {
	ctx context.Context
	f   *os.File
}

func (in *input) Read(p []byte) (int, error) {
	if err := waitReadable(in.ctx, in.f); err != nil {
		return 0, err
	}
	return in.f.Read(p)
}

// pump copies a reader into a pipe. The interpreter needs a file, which it can
// share with processes; left to itself it would make a pipe like this one and
// never close it.
type pump struct {
	from io.Reader
	pipe *os.File
	done chan struct{}
}

func startPump(from io.Reader) (*pump, error) {
	pr, pw, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &pump{from, pr, make(chan struct{})}
	go func() {
		defer close(p.done)
		defer pw.Close()
		io.Copy(pw, from) // ends with the reader, or when nobody reads the pipe
	}()
	return p, nil
}

// close stops the copying. It waits for that if the reader can be closed; one
// that cannot, and blocks, holds its goroutine until its next Read returns.
func (p *pump) close() error {
	if p == nil {
		return nil
	}
	err := p.pipe.Close()
	if c, ok := p.from.(io.Closer); ok {
		c.Close()
		<-p.done
	}
	return err
}

// openStdin makes a file of a session's input.
func openStdin(r io.Reader) (*os.File, *pump, error) {
	switch r := r.(type) {
	case nil:
		return nil, nil, nil
	case *os.File:
		return r, nil, nil
	}
	p, err := startPump(r)
	if err != nil {
		return nil, nil, err
	}
	return p.pipe, p, nil
}

// asFile makes a file of a call's input, for a shell that runs within that call.
// stop ends what this takes; the file may be nil, which is empty input.
func asFile(r io.Reader) (f *os.File, stop func(), err error) {
	switch r := r.(type) {
	case nil:
		return nil, func() {}, nil
	case *input:
		return r.f, func() {}, nil
	case *os.File:
		return r, func() {}, nil
	}
	p, err := startPump(r)
	if err != nil {
		return nil, nil, err
	}
	return p.pipe, func() { p.pipe.Close() }, nil
}

// waitForLine lets an interrupt end a plain read from a terminal, before the
// interpreter blocks on it. With a prompt or without echo it must block at once.
func waitForLine(ctx context.Context, hc interp.HandlerContext, args []string) {
	f, ok := hc.Stdin.(*os.File)
	if !ok || !isTerminal(f) {
		return
	}
	for _, arg := range args[1:] {
		if strings.HasPrefix(arg, "-") && arg != "-r" {
			return
		}
	}
	waitReadable(ctx, f)
}
