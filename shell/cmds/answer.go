package cmds

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/resolver"
	"github.com/juxta-p2p/juxta/shell"
)

const (
	maxAnswering = 8       // queries that one answer command works at at once
	maxComplaint = 1 << 10 // bytes of standard error that are looked at
)

var answer = shell.Command{
	Name:  "answer",
	Topic: topicResolver,
	Args:  "HANDLER COMMAND [ARG...]",
	Short: "answer queries with a function or a command",
	Long: `Answers the queries to a handler, until interrupted: for each it runs the COMMAND with the query's
body as its input, and answers with its output. If its status is not 0 the answer is an error, with
the first line of its standard error, which is shown here, too.

The COMMAND is a function, a command of juxta, a script, or one of the operating system's. Each
query has a shell of its own, as in ( COMMAND ), with the variables and functions of this one as
they were when answer began; what it changes ends with it. Up to 8 queries are answered at once,
more wait. One that runs for longer than the asker waits is ended.`,
	Example: `square() { read n; echo $((n * n)); }
answer square square &
answer time date`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		fs.SetInterspersed(false)
		verbose := fs.BoolP("verbose", "v", false, "say when it is answering")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) < 2 {
				return shell.Usagef("the name of a handler is wanted, and a command")
			}
			a, err := newAnswerer(ctx, c, c.Args[1:])
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			remove, err := handle(g.Resolver(), c.Args[0], a)
			if err != nil {
				return err
			}
			if *verbose {
				c.Warnf("%s: answering", c.Args[0])
			}
			<-ctx.Done()
			remove()
			a.end()
			return ctx.Err()
		}
	},
}

// handle registers a handler. The resolver panics if the name is taken, which is a
// bug in a program and a mistake at a prompt.
func handle(r *resolver.Service, name string, h resolver.Handler) (remove func(), err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%s: this peer answers queries to this handler already", name)
		}
	}()
	return r.Handle(name, h), nil
}

// answerer answers queries with a command.
type answerer struct {
	ctx    context.Context // the command's
	call   *shell.Call
	env    *snapshot
	script string
	room   chan struct{} // one place for each query that is worked at

	mu      sync.Mutex // guards over, and the beginning of serving
	over    bool
	serving sync.WaitGroup
}

func newAnswerer(ctx context.Context, c *shell.Call, words []string) (*answerer, error) {
	text, err := quoted(words)
	if err != nil {
		return nil, err
	}
	env, err := newSnapshot(ctx, c, text)
	if err != nil {
		return nil, err
	}
	return &answerer{ctx: ctx, call: c, env: env, script: text, room: make(chan struct{}, maxAnswering)}, nil
}

// ServeQuery implements [resolver.Handler].
func (a *answerer) ServeQuery(w resolver.ResponseWriter, q *resolver.Query) {
	if !a.begin() {
		_ = w.Fail("it has just stopped answering")
		return
	}
	defer a.serving.Done()
	ctx, cancel := context.WithCancel(q.Context)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	select {
	case a.room <- struct{}{}:
		defer func() { <-a.room }()
	case <-ctx.Done():
		return
	}
	body, err := a.run(ctx, q.Body)
	switch {
	case ctx.Err() != nil: // nobody waits for it
	case err != nil:
		_ = w.Fail(err.Error())
	default:
		_ = w.Respond(body)
	}
}

// run runs the command for one query.
func (a *answerer) run(ctx context.Context, body []byte) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &capped{most: resolver.MaxAnswer, full: cancel}
	errs := &capped{most: maxComplaint, also: a.call.Stderr}
	err := a.env.run(ctx, a.call, a.script, bytes.NewReader(body), out, errs)
	if out.over {
		return nil, fmt.Errorf("the answer has more than %d bytes", resolver.MaxAnswer)
	}
	if err != nil {
		line, _, _ := strings.Cut(errs.buf.String(), "\n")
		return nil, errors.New(cmp.Or(strings.TrimSpace(line), fmt.Sprintf("exit status %d", shell.StatusOf(err))))
	}
	return out.buf.Bytes(), nil
}

func (a *answerer) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	a.serving.Add(1)
	return true
}

// end waits for the queries in hand.
func (a *answerer) end() {
	a.mu.Lock()
	a.over = true
	a.mu.Unlock()
	a.serving.Wait()
}

// capped keeps the beginning of what is written to it, by several at once.
type capped struct {
	most int
	full func()    // called when there is more; may be nil
	also io.Writer // gets all of it, if it takes it; may be nil

	mu   sync.Mutex // guards what follows while somebody writes
	buf  bytes.Buffer
	over bool
}

func (w *capped) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.also != nil {
		_, _ = w.also.Write(p)
	}
	room := w.most - w.buf.Len()
	w.buf.Write(p[:min(room, len(p))])
	if len(p) > room {
		w.over = true
		if w.full != nil {
			w.full()
		}
	}
	return len(p), nil
}
