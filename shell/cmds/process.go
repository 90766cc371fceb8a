package cmds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds/internal/splice"
)

// killAfter is what a process has to end when it is asked to, before it is killed.
const killAfter = 2 * time.Second

// lookCommand finds the operating system's command for connections to come, or says
// why it cannot be run.
func lookCommand(c *shell.Call, name string) (path string, err error) {
	if c.Session.Restricted() {
		return "", &shell.ExitError{Status: shell.StatusRefused, Err: fmt.Errorf("%s: operating-system commands are off in this shell", name)}
	}
	path, err = interp.LookPathDir(c.Dir, c.Vars, name)
	if err != nil {
		return "", &shell.ExitError{Status: shell.StatusNotFound, Err: fmt.Errorf("%s: command not found", name)}
	}
	return path, nil
}

// processEnd is a process as one end of a stream: what is written is its input, what
// is read its output.
type processEnd struct {
	in   io.WriteCloser
	out  io.ReadCloser
	wait func() error // for the process to end; may be called several times
	kill context.CancelFunc
}

// startProcess starts a process that ends with the context, at the latest. Words
// begin with its path; env is added to what the shell exports.
func startProcess(ctx context.Context, c *shell.Call, words []string, env ...string) (*processEnd, error) {
	ctx, kill := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Stderr = c.Dir, c.Stderr
	cmd.Env = append(exported(c), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	in, err := cmd.StdinPipe()
	out, oerr := cmd.StdoutPipe()
	if err = errors.Join(err, oerr); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		kill()
		return nil, err
	}
	return &processEnd{in, out, sync.OnceValue(cmd.Wait), kill}, nil
}

// Read reads the output. When that has ended it waits for the process to, which then
// takes no more input either.
func (p *processEnd) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err == io.EOF {
		_ = p.wait() // whoever started it asks again
		err = splice.ErrOver
	}
	return n, err
}

// Write writes to the input. To end before that is read is a process's right.
func (p *processEnd) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if err != nil && (errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed)) {
		return len(b), nil
	}
	return n, err
}

// CloseWrite ends the input.
func (p *processEnd) CloseWrite() error {
	if err := p.in.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Close ends input and output, and leaves it to the process to notice that.
func (p *processEnd) Close() error { return errors.Join(p.in.Close(), p.out.Close()) }

// Reset ends the process, before its input does: so it cannot take a part of what
// was sent for the whole.
func (p *processEnd) Reset() error {
	p.kill()
	return p.wait()
}

// end waits for the process, and returns how it ended.
func (p *processEnd) end() error {
	err := p.wait()
	p.kill() // what it took of the context
	return err
}

// exported is the environment of the calling shell.
func exported(c *shell.Call) []string {
	var env []string
	c.Vars.Each(func(name string, v expand.Variable) bool {
		if v.Exported {
			env = append(env, name+"="+v.String())
		}
		return true
	})
	return env
}
