package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

const (
	// How long Dial and Resolve go on if their context does not say.
	defaultPatience = 10 * time.Second
	// How soon they try again, at first and at most.
	minRetry = 20 * time.Millisecond
	maxRetry = time.Second
	// How long the owner of a pipe is tried alone, where it was last known.
	headStart = 100 * time.Millisecond
	// How many pipes of one name are tried at once.
	maxNamesakes = 16
	// How long they wait for the answers of those they ask before they ask again: a
	// neighbour that says nothing must not keep them from it.
	minAsking = time.Second
	maxAsking = 10 * time.Second
)

// Dial opens a stream to the pipe that address names: its name, its URN, or the
// digits of the URN alone; a ":port" at the end is dropped, so that the method
// fits [net/http.Transport.DialContext]. network is ignored. A name that several
// pipes bear leads to the first of them that answers.
//
// It tries until the context ends, at most 10 s if that has no deadline. The
// error is a [*net.OpError] that wraps [ErrNotFound], [ErrNotBound], or
// [ErrRefused], and the context's own, or
// [net.ErrClosed].
func (s *Service) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	name := address
	if host, _, err := net.SplitHostPort(address); err == nil {
		name = host
	}
	c, err := s.dial(ctx, name)
	if err != nil {
		return nil, &net.OpError{Op: "dial " + name, Net: "pipe", Err: err}
	}
	return c, nil
}

func (s *Service) dial(ctx context.Context, name string) (*Conn, error) {
	if p, ok := parsePipe(name); ok {
		return s.DialPipe(ctx, &adv.Pipe{PipeID: p, PipeType: adv.Unicast})
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	st, a, err := s.openNamed(ctx, name, wire.Open_STREAM)
	if err != nil {
		return nil, err
	}
	return s.connTo(st, a)
}

// openNamed opens a stream to any of the pipes that bear a name: to all at once,
// since some of them may be gone.
func (s *Service) openNamed(ctx context.Context, name string, kind wire.Open_Kind) (st *opening, a *adv.Pipe, err error) {
	q := discovery.Query{Kind: adv.KindPipe, Attr: "Name", Value: name, Limit: maxNamesakes}
	err = s.retry(ctx, func(ctx, asking context.Context) error {
		o := race(ctx, false, func(ctx context.Context, try func(way)) {
			searching, cancel := context.WithCancel(asking)
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			for found, err := range s.discovery.Search(searching, q) {
				if err != nil {
					s.log.Debug("search for a pipe", "pipe", name, "err", err)
					continue
				}
				doc := found.Advertisement().(*adv.Pipe)
				try(func(ctx context.Context) (*opening, *adv.Pipe, error) {
					st, err := s.try(ctx, asking, &target{pipe: doc, kind: kind})
					return st, doc, err
				})
			}
		})
		st, a = o.st, o.pipe
		if st == nil && o.err == nil {
			return ErrNotFound
		}
		return o.err
	})
	return st, a, err
}

// parsePipe accepts the URN of a pipe, with or without its beginning.
func parsePipe(s string) (id.Pipe, bool) {
	if len(s) > 60 && !strings.Contains(s, ":") {
		s = "urn:jxta:uuid-" + strings.TrimPrefix(s, "uuid-")
	}
	p, err := id.ParsePipe(s)
	return p, err == nil && !p.IsZero()
}

// checkName refuses names that cannot be searched for as they stand.
func checkName(name string) error {
	if name == "" || len(name) > adv.MaxIndexValue || strings.ContainsAny(name, "*?") {
		return fmt.Errorf("%w: a pipe's name is 1 to %d bytes without * and ?", ErrRefused, adv.MaxIndexValue)
	}
	return nil
}

// DialPipe opens a stream to the pipe that a describes. Errors wrap those of
// [Service.Dial].
func (s *Service) DialPipe(ctx context.Context, a *adv.Pipe) (*Conn, error) {
	st, err := s.open(ctx, a, wire.Open_STREAM)
	if err != nil {
		return nil, fmt.Errorf("pipe: dial %s: %w", label(a), err)
	}
	return s.connTo(st, a)
}

func (s *Service) connTo(st *opening, a *adv.Pipe) (*Conn, error) {
	x, err := s.dialSession(st, &beginning{pipe: a.PipeID, kind: wire.Open_STREAM})
	if err != nil {
		return nil, err
	}
	return newConn(x, Addr{s.ep.ID(), a.PipeID}, Addr{st.Peer(), a.PipeID}), nil
}

// open opens a stream to a pipe's input end, as soon as there is one.
func (s *Service) open(ctx context.Context, a *adv.Pipe, kind wire.Open_Kind) (st *opening, err error) {
	err = s.retry(ctx, func(ctx, asking context.Context) (err error) {
		st, err = s.try(ctx, asking, &target{pipe: a, kind: kind})
		return err
	})
	return st, err
}

// attempt tries to open a stream to a pipe: asking bounds how long it asks the
// group for the way.
type attempt func(ctx, asking context.Context) error

func (f attempt) within(ctx context.Context, asking time.Duration) error {
	// The way is that of the pipe; who is asked for it is asked by any.
	short, cancel := context.WithTimeout(endpoint.WithWay(ctx, endpoint.AnyWay), asking)
	defer cancel()
	return f(ctx, short)
}

// retry calls f until it succeeds, is refused, or the context or the group ends.
func (s *Service) retry(ctx context.Context, f attempt) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultPatience)
		defer cancel()
	}
	var last error
	for wait, asking := minRetry, minAsking; ; wait, asking = min(2*wait, maxRetry), min(2*asking, maxAsking) {
		err := f.within(ctx, asking)
		if err == nil || errors.Is(err, ErrRefused) && err != errBusy || errors.Is(err, net.ErrClosed) {
			return err
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-time.After(wait):
		case <-s.ep.Done():
			return net.ErrClosed
		case <-ctx.Done():
			return &gaveUp{last, ctx.Err(), len(s.ep.Neighbours()) == 0}
		}
	}
}

// target is what a session is to lead to.
type target struct {
	pipe *adv.Pipe
	kind wire.Open_Kind
	from uint64 // where it begins
}

// try opens a stream to the owner of a pipe, if we know where it is, and soon also
// to whoever says that it has the input end.
func (s *Service) try(ctx, asking context.Context, want *target) (*opening, error) {
	a := want.pipe
	if a.PipeType == adv.Propagate {
		return nil, &noSession{a}
	}
	if s.inputEnd(a.PipeID) != nil {
		return s.openAt(ctx, s.ep.ID(), want)
	}
	version, known := s.ep.Known(a.Owner)
	ask := func(ctx context.Context) (*opening, *adv.Pipe, error) {
		st, err := s.ask(ctx, asking, want, version)
		return st, a, err
	}
	if !known {
		st, _, err := ask(ctx)
		return st, notBound(err)
	}
	o := race(ctx, true, func(ctx context.Context, try func(way)) {
		failed := make(chan struct{})
		try(func(ctx context.Context) (*opening, *adv.Pipe, error) {
			st, err := s.openAt(ctx, a.Owner, want)
			if err != nil {
				close(failed)
			}
			return st, a, err
		})
		select { // what we know may be old: its owner may be elsewhere by now
		case <-failed:
		case <-time.After(headStart):
		case <-ctx.Done():
			return
		}
		try(ask)
	})
	return o.st, notBound(o.err)
}

// notBound makes [ErrNotBound] of whatever kept us from the input end, but for a
// refusal and our own end.
func notBound(err error) error {
	if err == nil || errors.Is(err, ErrNotBound) || errors.Is(err, ErrRefused) || errors.Is(err, net.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotBound, err)
}

// opening is the first stream of a session that is about to begin.
type opening struct {
	*endpoint.Stream
	session [16]byte
	from    uint64       // where it begins
	way     endpoint.Way // that its streams have to take
}

// abandon ends the session before it has begun.
func (o *opening) abandon() {
	_, _ = o.Write(flow.EndFrame)
	_ = o.Close()
}

// openAt opens a stream to the input end at one peer.
func (s *Service) openAt(ctx context.Context, who id.Peer, want *target) (*opening, error) {
	n := newSessionID()
	st, _, err := s.openStream(ctx, who, &wire.Open{
		Pipe: want.pipe.PipeID.Bytes(), Kind: want.kind, Session: n[:], Position: want.from,
	})
	if err != nil {
		return nil, err
	}
	if err := s.ep.Barred(who); err != nil { // it says that it has the input end, and may have none
		_ = st.Reset()
		return nil, fmt.Errorf("%w: %v has no right to the input end: %w", ErrNotBound, who, err)
	}
	return &opening{st, n, want.from, endpoint.WayOf(ctx)}, nil
}

// openStream opens a stream of a session, and returns the position from which the other
// side wants it.
func (s *Service) openStream(ctx context.Context, who id.Peer, open *wire.Open) (*endpoint.Stream, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	st, err := s.ep.Open(ctx, who, serviceName)
	if err != nil {
		return nil, 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	var m wire.Opened
	err = st.WriteMsg(open)
	if err == nil {
		err = st.ReadMsg(&m, maxOpen)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = st.Reset()
		return nil, 0, fmt.Errorf("%w: %w", ErrNotBound, err)
	}
	if err := statusError(m.GetStatus(), open.GetKind()); err != nil {
		_ = st.Close()
		return nil, 0, err
	}
	return st, m.GetPosition(), nil
}

func statusError(status wire.Opened_Status, kind wire.Open_Kind) error {
	switch status {
	case wire.Opened_OK:
		return nil
	case wire.Opened_NOT_BOUND:
		return ErrNotBound
	case wire.Opened_WRONG_KIND:
		if kind == wire.Open_STREAM {
			return fmt.Errorf("%w: the pipe carries messages, not a stream", ErrRefused)
		}
		return fmt.Errorf("%w: the pipe carries a stream, not messages", ErrRefused)
	case wire.Opened_BUSY:
		return errBusy
	case wire.Opened_GONE, wire.Opened_STALE:
		return errGone
	}
	return fmt.Errorf("%w: for a reason that we do not know (%d)", ErrRefused, status)
}
