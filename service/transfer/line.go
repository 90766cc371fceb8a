package transfer

import (
	"context"
	"net"
	"os"
	"time"
)

// How long the other end may be silent. It may have to read what it has of a large
// file before it answers.
const (
	patience       = 2 * time.Minute
	answerPatience = 15 * time.Minute
)

// line is a connection on which nothing waits for longer than a context, or than
// the other end may be silent.
type line struct {
	net.Conn
	quiet time.Duration // for reads

	ctx    context.Context // set by begin
	cancel context.CancelCauseFunc
}

// begin ends what waits on the line when ctx ends, or cancel is called. stop leaves
// the connection without deadlines.
func (l *line) begin(ctx context.Context) (stop func()) {
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	end := context.AfterFunc(l.ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if end() {
			_ = l.SetDeadline(time.Time{})
		}
		l.cancel(nil)
	}
}

func (l *line) Read(p []byte) (int, error) {
	_ = l.SetReadDeadline(time.Now().Add(l.quiet))
	if l.ctx.Err() != nil { // it may have ended before the deadline was set
		return 0, context.Cause(l.ctx)
	}
	n, err := l.Conn.Read(p)
	return n, l.why(err)
}

func (l *line) Write(p []byte) (int, error) {
	_ = l.SetWriteDeadline(time.Now().Add(patience))
	if l.ctx.Err() != nil {
		return 0, context.Cause(l.ctx)
	}
	n, err := l.Conn.Write(p)
	return n, l.why(err)
}

// why is the context's error, if that is why a read or write failed.
func (l *line) why(err error) error {
	if err != nil && os.IsTimeout(err) && l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	return err
}
