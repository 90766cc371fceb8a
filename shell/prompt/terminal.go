//go:build linux || darwin

package prompt

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	goprompt "github.com/c-bata/go-prompt"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// tick is how long news and signals may wait for the terminal to be looked at.
const tick = 250 * time.Millisecond

// leaveKey is what makes go-prompt leave a line without ending it: a key that it knows and has no use for.
const leaveKey = "\x1b[E"

// ending is why go-prompt left a line.
type ending int

const (
	entered     ending = iota // Enter; also what any key but the following would mean
	left                      // Ctrl-D on an empty line
	interrupted               // Ctrl-C
	redraw                    // not ended: there is news, or the window has changed
	gone                      // not ended: the context or the terminal has
)

// terminal reads lines with go-prompt, by its Input, which reads one line, and not by its Run, which takes the signals
// of the process and never gives them back, exits on SIGTERM, leaves the terminal raw, and can block for ever when the
// window changes as a line ends. What Input does not do, news and a changed window, is done by leaving it and calling
// it again: go-prompt keeps the line and the cursor.
//
//	read ─► Input ─► draw ─► await a key ─► Read ─► edit ─┬─► draw …
//	          ▲                                           ├─► Enter, Ctrl-C, Ctrl-D: the line is over
//	          └──────── write the news ◄── leaveKey ◄─────┘
//
// All happens in the goroutine of read, but for Read, which go-prompt calls in another.
type terminal struct {
	ed         *Editor
	prompt     *goprompt.Prompt
	keys       keyboard
	screen     *screen
	saved      unix.Termios // of before the first line
	interrupts <-chan os.Signal
	changes    chan os.Signal // SIGWINCH, and SIGCONT as it brings the terminal back with its mode changed

	// Of the line being read.
	ctx      context.Context
	prefix   string
	end      ending
	err      error // why the terminal is gone
	choosing bool  // Tab has entered the suggestions and no other key has left them
	shown    []goprompt.Suggest
	shownFor string // the text they are shown for

	// Of one call of Input: keys for Read, at most one, and the end of the line, which tells Read to return.
	next chan []byte
	over chan struct{}
}

// Supported reports whether in and out are a terminal on which lines can be edited: one that understands cursor
// movements (TERM is neither empty nor dumb) and that the process can open as /dev/tty, without which go-prompt panics.
func Supported(in, out *os.File) bool {
	if t := os.Getenv("TERM"); t == "" || t == "dumb" {
		return false
	}
	if in.Fd() >= unix.FD_SETSIZE || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return false
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

func newTerminal(ed *Editor, interrupts <-chan os.Signal) (lineReader, error) {
	fd := int(ed.cfg.In.Fd())
	saved, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("prompt: terminal: %w", err)
	}
	t := &terminal{
		ed:         ed,
		keys:       keyboard{fd: fd},
		saved:      *saved,
		interrupts: interrupts,
		changes:    make(chan os.Signal, 1),
	}
	t.screen = &screen{out: ed.cfg.Out, plain: os.Getenv("NO_COLOR") != "", drawn: t.await}
	t.prompt = goprompt.New(nil, t.complete, slices.Concat(look(), wordKeys(), []goprompt.Option{
		goprompt.OptionParser(t),
		goprompt.OptionWriter(t.screen),
		goprompt.OptionCompletionWordSeparator(separators),
		goprompt.OptionShowCompletionAtStart(), // of Input: again after news
		goprompt.OptionBreakLineCallback(func(*goprompt.Document) { close(t.over) }),
		goprompt.OptionSetExitCheckerOnInput(func(string, bool) bool { return t.leaving() }),
	})...)
	signal.Notify(t.changes, syscall.SIGWINCH, syscall.SIGCONT)
	ed.mu.Lock()
	ed.fresh = t.freshLine
	ed.mu.Unlock()
	return t, nil
}

func (t *terminal) close() { signal.Stop(t.changes) }

// read reads a line. The terminal is raw only in here.
func (t *terminal) read(ctx context.Context, prefix string) (string, error) {
	t.ctx, t.prefix = ctx, prefix
	t.set(goprompt.OptionPrefix(prefix))
	t.set(goprompt.OptionHistory(slices.Clip(t.ed.history)))
	defer unix.IoctlSetTermios(t.keys.fd, setTermios, &t.saved)

	t.freshLine()
	t.ed.setReading(true)
	defer t.ed.setReading(false)
	for {
		line, err := t.input()
		if err != nil {
			return "", err
		}
		switch t.end {
		case redraw:
			t.ed.setReading(true)
		case left:
			return "", io.EOF
		case interrupted:
			return "", errInterrupt
		case gone:
			return "", cmp.Or(t.err, context.Cause(ctx))
		default:
			return line, nil
		}
	}
}

// freshLine goes to a new line if a command has left the cursor behind some text: as many blanks as there are columns
// but one wrap around only then.
func (t *terminal) freshLine() {
	fmt.Fprintf(t.ed.cfg.Out, "%*s\r", t.GetWinSize().Col-1, "")
}

// input calls go-prompt until the line is over or something else has to be done.
func (t *terminal) input() (string, error) {
	raw := t.saved
	raw.Iflag &^= unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.IXON
	raw.Iflag |= unix.ICRNL // so that lines typed ahead end for a command, too
	raw.Lflag &^= unix.ECHO | unix.ICANON | unix.IEXTEN | unix.ISIG
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(t.keys.fd, setTermios, &raw); err != nil {
		return "", fmt.Errorf("prompt: terminal: %w", err)
	}
	t.end, t.choosing = entered, false
	t.screen.mute, t.screen.mark = false, ""
	t.next, t.over = make(chan []byte, 1), make(chan struct{})
	return t.prompt.Input(), nil
}

// set changes go-prompt's settings; those used here cannot fail.
func (t *terminal) set(o goprompt.Option) { _ = o(t.prompt) }

// await hands the next key to Read. go-prompt would look for one 100 times a second in two goroutines; instead this one
// waits here and the other in Read.
func (t *terminal) await() { t.next <- t.key() }

// key returns the next key for go-prompt: the user's, or ours when something else has happened.
func (t *terminal) key() []byte {
	for {
		select {
		case <-t.ctx.Done():
			return t.leave(gone)
		case <-t.interrupts:
			return t.interrupt()
		case <-t.changes:
			return t.leave(redraw)
		case <-t.news():
			return t.leave(redraw)
		default:
		}
		key, err := t.keys.next(tick)
		switch {
		case err != nil:
			t.err = fmt.Errorf("prompt: terminal: %w", err)
			return t.leave(gone)
		case len(key) == 1 && key[0] == ctrlC:
			return t.interrupt()
		case len(key) > 0:
			return t.pass(key)
		}
	}
}

// news returns the channel that says that news waits, or nil while the user walks the suggestions: go-prompt would
// take leaveKey for the choice of the one that is selected.
func (t *terminal) news() <-chan struct{} {
	if t.choosing {
		return nil
	}
	return t.ed.wake
}

// pass notes what key does before go-prompt gets it.
func (t *terminal) pass(key []byte) []byte {
	t.end = entered
	if len(key) == 1 && key[0] == ctrlD {
		t.end = left
	}
	switch goprompt.GetKey(key) {
	case goprompt.Tab, goprompt.BackTab:
		t.choosing = true
	case goprompt.Up, goprompt.Down: // walk them once they are entered
	default:
		t.choosing = false
	}
	return key
}

// interrupt ends the line by Enter, with ^C shown behind it.
func (t *terminal) interrupt() []byte {
	t.end, t.choosing, t.screen.mark = interrupted, false, "^C"
	return []byte("\r")
}

// leave leaves the line, of which nothing stays on the screen.
func (t *terminal) leave(why ending) []byte {
	t.end, t.choosing, t.screen.mute = why, false, true
	return []byte(leaveKey)
}

// leaving reports whether the key that go-prompt has just handled leaves the line. Every key does once the context has
// ended, but for one that has already ended the line: go-prompt would end it twice.
func (t *terminal) leaving() bool {
	select {
	case <-t.over:
		return false
	default:
	}
	if t.ctx.Err() != nil {
		t.leave(gone)
	}
	return t.end == redraw || t.end == gone
}

// Read returns the next key, or an error when the line is over. It watches the context as well as key does, so that a
// line for which nothing awaits a key ends with it, too.
func (t *terminal) Read() ([]byte, error) {
	select {
	case key := <-t.next:
		return key, nil
	case <-t.over:
		return nil, io.EOF
	case <-t.ctx.Done():
		return []byte(leaveKey), nil
	}
}

// GetWinSize returns the size of the window: at least 20 columns, as go-prompt divides by their number, and any number
// of rows, as it wipes a screen with fewer rows than it would like. [terminal.room] sees to the rows.
func (t *terminal) GetWinSize() *goprompt.WinSize {
	cols, _ := t.size()
	return &goprompt.WinSize{Row: 1<<16 - 1, Col: uint16(cols)}
}

func (t *terminal) size() (cols, rows int) {
	ws, err := unix.IoctlGetWinsize(t.keys.fd, unix.TIOCGWINSZ)
	if err != nil || ws.Col == 0 || ws.Row == 0 {
		return 80, 24
	}
	return max(int(ws.Col), 20), int(ws.Row)
}

// Setup and TearDown do nothing: read sets the terminal's mode.
func (t *terminal) Setup() error { return nil }

// TearDown does nothing; see Setup.
func (t *terminal) TearDown() error { return nil }
