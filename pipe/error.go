package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
)

// What callers test for.
var (
	// ErrNotFound: no advertisement of that name was found.
	ErrNotFound = errors.New("no pipe of that name was found")
	// ErrNotBound: no peer that can be reached has bound the input end.
	ErrNotBound = errors.New("no input end was found")
	// ErrBound: the input end is bound already, here.
	ErrBound = errors.New("already bound at this peer")
	// ErrRefused: the peer that has the input end does not accept: it is of the
	// other kind, too many wait there, or the pipe belongs to another peer or group.
	ErrRefused = errors.New("refused")
	// ErrBroken: the other end is gone: it has closed, or ended, or there was no way to
	// it for longer than the service's patience. What was sent last may not have
	// arrived.
	ErrBroken = errors.New("broken: the other end is gone")
	// ErrProtocol: the other end breaks the protocol, and was left.
	ErrProtocol = flow.ErrViolation
)

// gaveUp says why an attempt was the last one: what became of it tells more than
// that the context had ended. It is a timeout as package net knows them.
type gaveUp struct {
	last, ctx error
	alone     bool // there is nobody to ask
}

func (e *gaveUp) Error() string {
	if e.alone {
		return fmt.Sprintf("%v: no peer is connected (%v)", e.last, e.ctx)
	}
	return fmt.Sprintf("%v (%v)", e.last, e.ctx)
}

func (e *gaveUp) Unwrap() []error { return []error{e.last, e.ctx} }
func (e *gaveUp) Timeout() bool   { return errors.Is(e.ctx, context.DeadlineExceeded) }

// errBusy is a refusal that passes.
var errBusy = fmt.Errorf("%w: as many as can wait there already", ErrRefused)

// errPropagate is why a propagate pipe has no ends in a service without a rendezvous.
var errPropagate = fmt.Errorf("%w: propagate pipes need a rendezvous service", ErrRefused)

// noSession: the pipe is a propagate pipe, to which no session leads.
type noSession struct{ pipe *adv.Pipe }

func (*noSession) Error() string {
	return "refused: a propagate pipe carries messages to all, not a stream"
}
func (*noSession) Unwrap() error { return ErrRefused }

// flowError says in the words of package net, and in ours, what became of a session.
func flowError(err error, closed bool) error {
	switch {
	case closed:
		return net.ErrClosed
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, ErrProtocol), errors.Is(err, ErrExpelled):
		return err
	}
	return ErrBroken
}
