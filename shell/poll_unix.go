//go:build unix

package shell

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// waitReadable waits until a read from f would not block, or ctx ends.
func waitReadable(ctx context.Context, f *os.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ready, err := poll(0, f); ready || err != nil {
		return err
	}
	wake, waker, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wake.Close()
	stop := context.AfterFunc(ctx, func() { waker.Close() })
	defer func() {
		if stop() {
			waker.Close()
		}
	}()
	if _, err := poll(-1, f, wake); err != nil {
		return err
	}
	return ctx.Err()
}

// poll reports whether one of the files can be read, after at most timeout
// milliseconds; a negative timeout waits for ever.
func poll(timeout int, files ...*os.File) (bool, error) {
	fds := make([]unix.PollFd, len(files))
	return pollFiles(fds, files, unix.POLLIN, timeout)
}

// pollFiles collects descriptors and polls while all of them are held, so that
// none can be closed and used again for another file meanwhile.
func pollFiles(fds []unix.PollFd, files []*os.File, events int16, timeout int) (ready bool, err error) {
	n := len(fds) - len(files)
	if len(files) == 0 {
		for {
			n, err := unix.Poll(fds, timeout)
			if !errors.Is(err, unix.EINTR) {
				return n > 0, err
			}
		}
	}
	conn, err := files[0].SyscallConn()
	if err != nil {
		return false, err
	}
	cerr := conn.Control(func(fd uintptr) {
		fds[n] = unix.PollFd{Fd: int32(fd), Events: events}
		ready, err = pollFiles(fds, files[1:], events, timeout)
	})
	return ready, errors.Join(cerr, err)
}

// unread reports whether w is a pipe that nobody reads any more.
func unread(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fds := make([]unix.PollFd, 1)
	if _, err := pollFiles(fds, []*os.File{f}, 0, 0); err != nil {
		return false
	}
	return fds[0].Revents&unix.POLLERR != 0
}
