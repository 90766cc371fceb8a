package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// Exit statuses with a meaning of their own.
const (
	StatusFailed      = 1
	StatusUsage       = 2
	StatusRelayed     = 3 // reached, but only through a relay
	StatusUnreachable = 4 // unreachable or not found
	StatusTimeout     = 124
	StatusRefused     = 126 // found, but may not run
	StatusNotFound    = 127
	StatusInterrupted = 130
	statusBrokenPipe  = 141
	statusKilled      = 143
)

// ErrExit tells the front end that the shell was asked to end, by exit or by a
// failure under set -e. Only the front end obeys it.
var ErrExit = errors.New("exit")

var errBrokenPipe = errors.New("nobody reads the output")

// ExitError is a failure with an exit status. Commands return it for a status
// other than 1; Run returns it for a line that did not succeed, with Err nil
// when the message has been printed already, or wrapping [ErrExit].
type ExitError struct {
	Status int
	Err    error // nil: nothing to say
}

// Error implements error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

// Unwrap gives what went wrong.
func (e *ExitError) Unwrap() error { return e.Err }

// UsageError is a call that makes no sense. The session prints it with the
// synopsis of the command, and the status is 2.
type UsageError struct{ What string }

// Error implements error.
func (e UsageError) Error() string { return e.What }

// Usagef makes a [UsageError].
func Usagef(format string, args ...any) error {
	return UsageError{fmt.Sprintf(format, args...)}
}

// StatusOf is the exit status that an error stands for: 0 for nil, 2 for a
// [UsageError], that of an [ExitError], 124 for a deadline that passed, 130 for
// a cancelled context, otherwise 1.
func StatusOf(err error) int {
	var exit *ExitError
	var usage UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Status
	case errors.As(err, &usage):
		return StatusUsage
	case errors.Is(err, context.DeadlineExceeded):
		return StatusTimeout
	case errors.Is(err, context.Canceled):
		return StatusInterrupted
	}
	return StatusFailed
}

// broken reports whether a write failed for want of a reader.
func broken(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, errBrokenPipe)
}
