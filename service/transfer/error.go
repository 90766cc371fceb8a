package transfer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// What callers test for.
var (
	// ErrRefused: the receiver does not want the file.
	ErrRefused = errors.New("refused")
	// ErrNoSpace: the receiver's disk is full. What it has is kept for the next
	// attempt.
	ErrNoSpace = errors.New("no space is left on the receiver's disk")
	// ErrMismatch: what has come is not what was announced. It is thrown away.
	ErrMismatch = errors.New("the SHA-256 of what has come is another: the file was changed while it was sent, or damaged")
	// ErrFailed: the other end could not go on, for a reason of its own.
	ErrFailed = errors.New("the other end could not go on")
	// ErrProtocol: the other end does not speak this protocol, or wrongly.
	ErrProtocol = errors.New("the other end does not keep to the protocol")
)

// Status is what an answer says. The numbers never change their meaning.
type Status byte

// The statuses.
const (
	OK       Status = 0 // go on; at the end: the file is complete
	Refused  Status = 1 // the receiver does not want it
	NoSpace  Status = 2 // the disk is full
	Mismatch Status = 3 // the SHA-256 is another
	Failed   Status = 4 // anything else; the text says what
)

// err is what a sender returns for the answer it got.
func (a *answer) err() error {
	var err error
	switch a.status {
	case OK:
		return nil
	case Refused:
		err = ErrRefused
	case NoSpace:
		return ErrNoSpace
	case Mismatch:
		return ErrMismatch
	default:
		err = ErrFailed
	}
	if text := printable(a.text); text != "" {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}

// refusal is the answer that says why a receiver cannot go on.
func refusal(err error) *answer {
	a := &answer{status: Failed, text: reason(err)}
	for status, is := range map[Status]error{Refused: ErrRefused, NoSpace: ErrNoSpace, Mismatch: ErrMismatch} {
		if errors.Is(err, is) {
			a.status = status
		}
	}
	if a.status == Refused {
		a.text = a.text[min(len(a.text), len(ErrRefused.Error()+": ")):]
	}
	return a
}

// diskError is an error of the receiver's disk in our words.
func diskError(err error) error {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return fmt.Errorf("%w: %s", ErrNoSpace, reason(err))
		}
	}
	return err
}

// reason is an error without the path that it is about: strangers need not know
// where our files are.
func reason(err error) string {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &link):
		return link.Err.Error()
	}
	return err.Error()
}

// Reason is what an error of this package is about, without the package's name and
// without paths: for a person who knows which file it is.
func Reason(err error) string {
	text := reason(err)
	if rest, ok := strings.CutPrefix(text, "transfer: "); ok {
		if _, why, ok := strings.Cut(rest, ": "); ok {
			text = why
		}
	}
	return text
}

// IsLost reports whether a file was not sent or received because the connection ended,
// or the other end said nothing any more.
func IsLost(err error) bool {
	var lost net.Error
	return errors.Is(err, errGone) || errors.As(err, &lost)
}
