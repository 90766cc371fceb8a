package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/interp"
)

// mountDir is where the interpreter finds our streams as if they were files:
// the only way to give it one for a redirection.
const mountDir = "/dev/juxta/"

// mounts holds streams until the interpreter opens them, once.
type mounts struct {
	mu      sync.Mutex // guards the rest
	streams map[string]io.ReadWriteCloser
	last    int
}

// add gives a stream a name to open it by.
func (m *mounts) add(stream io.ReadWriteCloser) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.streams == nil {
		m.streams = make(map[string]io.ReadWriteCloser)
	}
	m.last++
	name := fmt.Sprintf("%s%d", mountDir, m.last)
	m.streams[name] = stream
	return name
}

func (m *mounts) take(name string) (io.ReadWriteCloser, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stream, ok := m.streams[name]
	delete(m.streams, name)
	return stream, ok
}

// onOpen opens files for redirections and source.
func (s *Session) onOpen(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	if strings.HasPrefix(path, mountDir) {
		if stream, ok := s.mounts.take(path); ok {
			return stream, nil
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
	return interp.DefaultOpenHandler()(ctx, path, flag, perm)
}

// eval runs text in a shell that waits for one of our commands.
func (s *Session) eval(ctx context.Context, hc interp.HandlerContext, src string, stdin io.Reader, stdout io.Writer) error {
	in, stop, err := asFile(stdin)
	if err != nil {
		return err
	}
	defer stop()
	src = "{ " + s.rewriteText(src) + "\n}"
	if in == nil {
		src += " <&-"
	} else {
		name := s.mounts.add(in)
		defer s.mounts.take(name)
		src += " <" + name
	}
	if stdout != nil {
		name := s.mounts.add(writeOnly{stdout})
		defer s.mounts.take(name)
		src += " >" + name
	}
	if status := evalIn(ctx, hc, src); status != 0 {
		return &ExitError{status, ctx.Err()}
	}
	return ctx.Err()
}

// evalIn runs text in the shell that a handler was called by. What fails in it
// would stay the status of that handler, even if it then returns nil, were it
// not for the second eval.
func evalIn(ctx context.Context, hc interp.HandlerContext, src string) (status int) {
	status = builtinStatus(hc.Builtin(ctx, []string{"eval", src}))
	hc.Builtin(ctx, []string{"eval", ":"})
	return status
}

// readOnly and writeOnly fit streams to what the interpreter opens.
type readOnly struct{ io.Reader }

func (readOnly) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (readOnly) Close() error              { return nil }

type writeOnly struct{ io.Writer }

func (writeOnly) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (writeOnly) Close() error             { return nil }
