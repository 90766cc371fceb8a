package cmds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds/internal/splice"
)

// maxForwarded is how many connections one forward carries at once. Each takes two
// buffers.
const maxForwarded = 512

// forwarder is one call of forward.
type forwarder struct {
	c             *shell.Call
	json, verbose bool
	most          int           // connections; 0: for ever
	timeout       time.Duration // of looking for the other end; 0: the session's
	idle          time.Duration // after which a connection is cut; 0: never
	addr, pipe    string        // the operands; addr with a host

	failed    atomic.Bool // one of the connections
	reporting sync.Mutex  // a line at a time
}

// happening is what --json prints.
type happening struct {
	Event    string `json:"event"`              // listening, opened, closed or failed
	Addr     string `json:"addr"`               // the TCP end's: it listens there, or a connection comes from there or goes there
	Pipe     string `json:"pipe"`               // as the user wrote it
	ID       string `json:"id,omitempty"`       // of the pipe that is offered
	Peer     string `json:"peer,omitempty"`     // at the other end of the pipe
	Sent     *int64 `json:"sent,omitempty"`     // bytes that came from who has opened the connection
	Received *int64 `json:"received,omitempty"` // bytes that went there
	Error    string `json:"error,omitempty"`
}

// run listens, says where, and carries what comes.
func (f *forwarder) run(ctx context.Context, reverse bool) error {
	open, serve := f.listenTCP, f.toPipe
	if reverse {
		open, serve = f.listenPipe, f.toTCP
	}
	ln, where, h, err := open(ctx)
	if err != nil {
		return err
	}
	a := &acceptor{ln: ln, most: f.most, room: maxForwarded, failed: func(err error) {
		f.fail(ctx, f.addr, happening{Addr: f.addr, Pipe: f.pipe}, errors.New(reason(err)))
	}}
	if err := f.c.Rows(&shell.Output{JSON: f.json}).Stream().Add(h, "listening on "+where); err != nil {
		_ = ln.Close()
		return err
	}
	err = a.serve(ctx, func(conn net.Conn) { serve(ctx, conn) })
	switch {
	case err != nil:
		return ended(ctx, err)
	case f.most > 0 && f.failed.Load():
		return &shell.ExitError{Status: shell.StatusFailed}
	}
	return nil
}

func (f *forwarder) listenTCP(ctx context.Context) (ln net.Listener, where string, h happening, err error) {
	if _, err := f.c.Session.Group(ctx); err != nil { // so that the first connection need not wait for the peer
		return nil, "", h, err
	}
	ln, err = new(net.ListenConfig).Listen(ctx, "tcp", f.addr)
	if err != nil {
		return nil, "", h, fmt.Errorf("%s: %s", f.addr, reason(err))
	}
	where = ln.Addr().String()
	return ln, where, happening{Event: "listening", Addr: where, Pipe: f.pipe}, nil
}

func (f *forwarder) listenPipe(ctx context.Context) (ln net.Listener, where string, h happening, err error) {
	l, err := openListener(ctx, f.c, f.pipe)
	if err != nil {
		return nil, "", h, plain(ctx, f.pipe, err)
	}
	where = l.Advertisement().PipeID.String()
	return l, where, happening{Event: "listening", Addr: f.addr, Pipe: f.pipe, ID: where}, nil
}

// toPipe leads a TCP connection to the pipe.
func (f *forwarder) toPipe(ctx context.Context, conn net.Conn) {
	from := tcpEnd{conn.(*net.TCPConn)}
	h := happening{Addr: conn.RemoteAddr().String(), Pipe: f.pipe}
	to, err := dial(ctx, f.c, f.pipe, f.timeout)
	if err != nil {
		_ = from.Reset()
		f.fail(ctx, h.Addr, h, err)
		return
	}
	who, _ := pipe.PeerOf(to)
	h.Peer = who.String()
	f.carry(ctx, h.Addr, f.pipe, h, from, to)
}

// toTCP leads a stream of the pipe to the TCP address.
func (f *forwarder) toTCP(ctx context.Context, conn net.Conn) {
	who, _ := pipe.PeerOf(conn)
	h := happening{Addr: f.addr, Pipe: f.pipe, Peer: who.String()}
	dialing, cancel := within(ctx, f.c, f.timeout)
	to, err := new(net.Dialer).DialContext(dialing, "tcp", f.addr)
	cancel()
	if err != nil {
		_ = splice.Reset(conn.(*pipe.Conn))
		f.fail(ctx, h.Peer, h, fmt.Errorf("%s: %s: is the server running?", f.addr, reason(err)))
		return
	}
	f.carry(ctx, h.Peer, f.addr, h, conn.(*pipe.Conn), tcpEnd{to.(*net.TCPConn)})
}

// carry joins a connection with the one that it leads to.
func (f *forwarder) carry(ctx context.Context, who, where string, h happening, from, to splice.End) {
	if f.verbose {
		h.Event = "opened"
		f.report(who+": opened, to "+where, h)
	}
	sent, received, err := splice.Join(ctx, from, to, f.idle)
	if err == nil {
		if f.verbose {
			h.Event, h.Sent, h.Received = "closed", &sent, &received
			f.report(fmt.Sprintf("%s: closed, %d bytes sent, %d received", who, sent, received), h)
		}
		return
	}
	var at *splice.Error
	tcp := false
	if errors.As(err, &at) {
		_, tcp = at.End.(tcpEnd)
	}
	switch {
	case tcp && at.End == to:
		err = fmt.Errorf("%s: %s", where, reason(at.Err))
	case tcp:
		err = errors.New(reason(at.Err))
	default:
		err = streamError(ctx, f.pipe, f.idle, err)
	}
	f.fail(ctx, who, h, err)
}

// fail reports a connection that was not carried to its end, unless all end.
func (f *forwarder) fail(ctx context.Context, who string, h happening, err error) {
	if ctx.Err() != nil {
		return
	}
	f.failed.Store(true)
	h.Event, h.Error = "failed", err.Error()
	f.report(who+": "+h.Error, h)
}

func (f *forwarder) report(text string, h happening) {
	f.reporting.Lock()
	defer f.reporting.Unlock()
	if !f.json {
		f.c.Warnf("%s", text)
		return
	}
	enc := json.NewEncoder(f.c.Stderr)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(h) // whom should it tell?
}

// reason is an error of package net without what the user knows: addresses, and names
// of system calls.
func reason(err error) string {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number.Error()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}

// tcpEnd is a TCP connection as one end of what is joined.
type tcpEnd struct{ *net.TCPConn }

// Reset closes the connection so that the other side gets an error, and not an end.
func (t tcpEnd) Reset() error {
	_ = t.SetLinger(0)
	return t.Close()
}
