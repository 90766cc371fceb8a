package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// life is a process from its start to its end.
type life struct {
	cmd     *exec.Cmd
	input   io.WriteCloser
	sending sync.Mutex // held while a request is written
	dead    chan struct{}
	errs    io.Writer // what no line has printed

	mu      sync.Mutex // guards pending
	pending map[int64]chan reply
}

var errDead = errors.New("the node has ended: see restart")

// live starts a process, by the function that starts it where it belongs, and waits until
// its peer is up.
func live(ctx context.Context, args []string, s *startup, errs io.Writer, start func(*exec.Cmd) error) (*life, *birth, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(exe, args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = errs
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = time.Second // its children may have its standard error
	l := &life{cmd: cmd, dead: make(chan struct{}), errs: errs, pending: map[int64]chan reply{}}
	if l.input, err = cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := start(cmd); err != nil {
		return nil, nil, err
	}
	first := make(chan reply, 1)
	go l.read(json.NewDecoder(output), first)
	born, err := l.begin(ctx, s, first)
	if err != nil {
		_ = l.kill()
		return nil, nil, err
	}
	return l, born, nil
}

// begin tells the process what to be, and waits for the answer.
func (l *life) begin(ctx context.Context, s *startup, first <-chan reply) (*birth, error) {
	if err := l.send(&request{Start: s}); err != nil {
		return nil, err
	}
	select {
	case r := <-first:
		if r.Up == nil {
			return nil, errors.New(r.Failed)
		}
		return r.Up, nil
	case <-l.dead:
		return nil, fmt.Errorf("its process has ended: %v", l.cmd.ProcessState)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *life) send(r *request) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l.sending.Lock()
	defer l.sending.Unlock()
	if _, err = l.input.Write(append(line, '\n')); err != nil {
		return errDead
	}
	return nil
}

// read hands replies on until the process has ended.
func (l *life) read(replies *json.Decoder, first chan<- reply) {
	defer close(l.dead)
	for {
		var r reply
		if replies.Decode(&r) != nil {
			break
		}
		switch {
		case r.Up != nil || r.Failed != "":
			select {
			case first <- r:
			default: // it has said so before
			}
		case r.ID == 0:
			_, _ = l.errs.Write(r.Err)
		default:
			l.mu.Lock()
			to := l.pending[r.ID]
			l.mu.Unlock()
			if to != nil {
				to <- r // a node does not get ahead of who reads its output
			}
		}
	}
	_ = l.cmd.Wait()
}

// call runs a line.
func (l *life) call(ctx context.Context, id int64, line string, out, errs io.Writer) (span, error) {
	replies := make(chan reply, 64)
	l.mu.Lock()
	l.pending[id] = replies
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.pending, id)
		l.mu.Unlock()
	}()
	if err := l.send(&request{ID: id, Line: line}); err != nil {
		return span{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.send(&request{ID: id, Interrupt: true}) })
	defer stop()
	var broken error
	for {
		select {
		case r := <-replies:
			if r.Status != nil {
				return span{time.Unix(0, r.Began), time.Unix(0, r.Ended), *r.Status}, broken
			}
			_, err := errs.Write(r.Err)
			if err == nil {
				_, err = out.Write(r.Out)
			}
			if err != nil && broken == nil { // nobody reads it
				broken = err
				_ = l.send(&request{ID: id, Interrupt: true})
			}
		case <-l.dead:
			if len(replies) == 0 {
				return span{}, errDead
			}
		}
	}
}

// end lets the process end in peace, and kills it if that takes too long or hurry is
// closed.
func (l *life) end(hurry <-chan struct{}) error {
	l.sending.Lock()
	_ = l.input.Close()
	l.sending.Unlock()
	select {
	case <-l.dead:
		return nil
	case <-hurry:
	case <-time.After(farewell + time.Second):
	}
	return l.kill()
}

// kill kills the process, and waits for its end.
func (l *life) kill() error {
	_ = l.cmd.Process.Kill() // or it has ended
	<-l.dead
	return nil
}

// linewise passes whole lines on, each after a name, so that those of several processes
// can be told apart.
type linewise struct {
	name string
	to   io.Writer

	mu   sync.Mutex // guards rest
	rest []byte
}

func (w *linewise) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if _, err := fmt.Fprintf(w.to, "%s: %s\n", w.name, line); err != nil {
			return 0, err
		}
		w.rest = rest
	}
}
