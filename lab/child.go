package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// farewell is how long a node has to end in peace.
const farewell = 5 * time.Second

// ServeNode is a node's process: it starts a peer as the lab tells it to through in, and
// runs the lines that come there, until in or ctx ends.
func ServeNode(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger) error {
	c := &child{replies: json.NewEncoder(out), running: map[int64]context.CancelFunc{}}
	requests := json.NewDecoder(in)
	var first request
	if err := requests.Decode(&first); err != nil || first.Start == nil {
		return fmt.Errorf("a lab starts this, and says what to do: %v", err)
	}
	cfg := first.Start.config()
	cfg.Log = log.With("node", cfg.Name)
	var err error
	c.seat, err = takeSeat(ctx, cfg, c.stream(0, true))
	if err != nil {
		c.reply(&reply{Failed: err.Error()})
		return nil
	}
	c.reply(&reply{Up: &c.seat.born})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		c.serve(ctx, requests)
	}()
	<-ctx.Done()
	return c.close()
}

// child is the state of a node's process.
type child struct {
	seat *seat

	sending sync.Mutex // guards replies
	replies *json.Encoder

	mu      sync.Mutex // guards running
	running map[int64]context.CancelFunc
}

func (c *child) reply(r *reply) {
	c.sending.Lock()
	defer c.sending.Unlock()
	_ = c.replies.Encode(r) // if the lab is gone, so is our input
}

// serve handles requests until there are no more.
func (c *child) serve(ctx context.Context, requests *json.Decoder) {
	var lines sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer lines.Wait()
	defer cancel()
	for {
		var r request
		if requests.Decode(&r) != nil {
			return
		}
		if r.Interrupt {
			c.mu.Lock()
			if stop := c.running[r.ID]; stop != nil {
				stop()
			}
			c.mu.Unlock()
			continue
		}
		lineCtx, stop := context.WithCancel(ctx)
		c.mu.Lock()
		c.running[r.ID] = stop
		c.mu.Unlock()
		lines.Go(func() {
			c.line(lineCtx, &r)
			c.mu.Lock()
			delete(c.running, r.ID)
			c.mu.Unlock()
			stop()
		})
	}
}

func (c *child) line(ctx context.Context, r *request) {
	sp, _ := c.seat.run(ctx, r.Line, c.stream(r.ID, false), c.stream(r.ID, true))
	c.reply(&reply{ID: r.ID, Status: &sp.status, Began: sp.began.UnixNano(), Ended: sp.ended.UnixNano()})
}

// close ends the peer; if that takes too long, the process ends without.
func (c *child) close() error {
	done := make(chan error, 1)
	go func() { done <- c.seat.close() }()
	select {
	case err := <-done:
		return err
	case <-time.After(farewell):
		return fmt.Errorf("%s has not ended in %v", c.seat.peer.Name(), farewell)
	}
}

// stream sends what a line prints.
func (c *child) stream(id int64, errs bool) io.Writer { return &stream{c, id, errs} }

type stream struct {
	c    *child
	id   int64
	errs bool
}

func (s *stream) Write(p []byte) (int, error) {
	r := &reply{ID: s.id, Out: p}
	if s.errs {
		r = &reply{ID: s.id, Err: p}
	}
	s.c.reply(r)
	return len(p), nil
}
