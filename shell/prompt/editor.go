package prompt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"unicode"
)

// Bounds of what an Editor keeps in memory.
const (
	maxHistory = 1000 // lines, the newest
	maxNews    = 256  // texts waiting for the screen; later ones are counted and lost
)

// errInterrupt ends a line that Ctrl-C dropped.
var errInterrupt = errors.New("interrupt")

// lineReader reads the lines of an Editor: a terminal, or plain where there is none that go-prompt can drive.
type lineReader interface {
	// read returns a line without its newline, errInterrupt, io.EOF when the user leaves, the cause of ctx's end,
	// or another error when the input is lost.
	read(ctx context.Context, prefix string) (string, error)
	close()
}

// Editor reads commands at a terminal and runs them. Print may be called from any goroutine at any time; Run once.
type Editor struct {
	cfg     Config
	history []string
	wake    chan struct{} // capacity 1: news waits

	// mu guards the fields below and, while no line is being read, the right to write news to cfg.Out: that is why
	// news is written with mu held.
	mu      sync.Mutex
	reading bool
	fresh   func() // brings the cursor to an empty line while none is being read; nil: it is no terminal
	news    []string
	lost    int
}

// New returns an Editor. It keeps a copy of cfg.
func New(cfg *Config) *Editor {
	e := &Editor{cfg: *cfg, wake: make(chan struct{}, 1)}
	e.cfg.In = cmp.Or(e.cfg.In, os.Stdin)
	e.cfg.Out = cmp.Or(e.cfg.Out, os.Stdout)
	if e.cfg.Prompt == nil {
		e.cfg.Prompt = func(bool) string { return "> " }
	}
	if e.cfg.Complete == nil {
		e.cfg.Complete = func(string, int) []Suggestion { return nil }
	}
	if e.cfg.Incomplete == nil {
		e.cfg.Incomplete = func(string) bool { return false }
	}
	if e.cfg.Remember == nil {
		e.cfg.Remember = func(string) {}
	}
	for _, line := range e.cfg.History {
		if isText(line) {
			e.keep(line)
		}
	}
	return e
}

// Run reads and runs commands until one asks to leave or the user types Ctrl-D; then it returns nil. It returns the
// cause of ctx's end when ctx ends, and on SIGTERM and SIGHUP, which it catches, an error that is
// [context.Canceled] and names the signal; the caller closes what it has to and exits. A second signal then kills the
// process. Any other error means that the terminal is lost. Where [Supported] is false, Run reads plain lines.
//
// Run also catches SIGINT. A running command's context gets it; between commands it drops the line.
func (e *Editor) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	defer context.AfterFunc(ctx, stop)()

	// Caught throughout, so that a Ctrl-C between reading and running a command does not kill the process.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	r, err := e.open(interrupts)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		src, err := e.command(ctx, r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e.execute(ctx, src) {
			return nil
		}
		select {
		case <-interrupts: // it was the command's
		default:
		}
	}
}

func (e *Editor) open(interrupts <-chan os.Signal) (lineReader, error) {
	if Supported(e.cfg.In, e.cfg.Out) {
		return newTerminal(e, interrupts)
	}
	return newPlain(e.cfg.In, e.cfg.Out, interrupts), nil
}

// command reads lines until they make a whole command.
func (e *Editor) command(ctx context.Context, r lineReader) (string, error) {
	src := ""
	for {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		line, err := r.read(ctx, strings.Map(printable, e.cfg.Prompt(src != "")))
		if err == errInterrupt || err == io.EOF && src != "" {
			src = ""
			continue
		}
		if err != nil {
			return "", err
		}
		if e.cfg.OneLine == nil {
			e.remember(line)
		}
		if src += line + "\n"; strings.TrimSpace(src) == "" {
			src = ""
		} else if !e.cfg.Incomplete(src) {
			if e.cfg.OneLine != nil {
				e.rememberWhole(src)
			}
			return src, nil
		}
	}
}

// rememberWhole adds a command to the history as one line, or, if it cannot be one, as those it was typed in.
func (e *Editor) rememberWhole(src string) {
	if line := e.cfg.OneLine(src); line != "" {
		e.remember(line)
		return
	}
	for line := range strings.Lines(src) {
		e.remember(strings.TrimSuffix(line, "\n"))
	}
}

func (e *Editor) execute(ctx context.Context, src string) (exit bool) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	return e.cfg.Run(ctx, src)
}

// remember adds a line just typed to the history.
func (e *Editor) remember(line string) {
	if n := len(e.history); strings.TrimSpace(line) != "" && (n == 0 || e.history[n-1] != line) {
		e.keep(line)
		e.cfg.Remember(line)
	}
}

func (e *Editor) keep(line string) {
	e.history = append(e.history, line)
	e.history = e.history[max(0, len(e.history)-maxHistory):]
}

// Print writes s on lines of its own: above the line being typed, which is drawn again, or at once, below what a command
// has written, when none is. While
// the user walks the suggestions it waits for the next other key. s is written as it is: what strangers sent must be
// cleaned of control characters before.
func (e *Editor) Print(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.news) == maxNews {
		e.lost++
	} else {
		e.news = append(e.news, s)
	}
	if !e.reading {
		if e.fresh != nil { // a command may have left the cursor behind some text
			e.fresh()
		}
		e.flushLocked()
		return
	}
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// setReading tells Print whether a line is being read; the news that waits is written now, while the cursor stands at
// the beginning of an empty line.
func (e *Editor) setReading(reading bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reading = reading
	e.flushLocked()
}

func (e *Editor) flushLocked() {
	for _, s := range e.news {
		io.WriteString(e.cfg.Out, strings.TrimSuffix(s, "\n")+"\n")
	}
	if e.lost > 0 {
		fmt.Fprintf(e.cfg.Out, "(%d more, lost)\n", e.lost)
	}
	e.news, e.lost = nil, 0
	select {
	case <-e.wake:
	default:
	}
}

// isText reports whether s is one line of text that the editor can show.
func isText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\t' && unicode.IsControl(r) })
}

// printable drops control characters, for [strings.Map].
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return -1
	}
	return r
}
