package cmds

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// acceptor accepts connections and has each served in a goroutine of its own.
type acceptor struct {
	ln      net.Listener
	most    int           // connections in all; 0: for ever
	room    int           // at once; further ones are not accepted so long
	timeout time.Duration // how long to wait for each; 0: for ever

	// failed is told when one could not be accepted, for want of file descriptors,
	// perhaps: it is tried again.
	failed func(error)

	over error // why the listener was closed before its time
}

// acceptPause is how long after an Accept that failed the next one is tried.
const acceptPause = time.Second

// serve accepts until that is enough, closes the listener, and returns when all have
// been served. Its error is the context's, context.DeadlineExceeded if none has come
// in time, or one that wraps [net.ErrClosed].
func (a *acceptor) serve(ctx context.Context, handle func(net.Conn)) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	var closing sync.Once
	shut := func() { closing.Do(func() { _ = a.ln.Close() }) }
	defer shut()
	room := make(chan struct{}, a.room)
	for n := 0; a.most == 0 || n < a.most; {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		conn, err := a.accept(ctx, shut)
		if err != nil {
			<-room
			if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) {
				return err
			}
			a.failed(err)
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		n++
		serving.Go(func() {
			handle(conn)
			<-room
		})
	}
	return nil
}

// accept waits for one connection. If it has to give up it closes the listener.
func (a *acceptor) accept(ctx context.Context, shut func()) (net.Conn, error) {
	waiting := ctx
	if a.timeout > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	stop := context.AfterFunc(waiting, shut)
	conn, err := a.ln.Accept()
	if !stop() {
		a.over = waiting.Err()
	}
	if err != nil && a.over != nil {
		err = a.over
	}
	return conn, err
}
