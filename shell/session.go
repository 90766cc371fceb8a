package shell

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/peer"
)

// Config is how a session begins. The zero value is a session with no input,
// no output and an empty environment, in the process's working directory.
type Config struct {
	Name   string   // $0; default "juxta"
	Params []string // $1, $2, …

	// Stdin is empty if nil. A reader that is no *os.File is copied into a
	// pipe, ahead of what is asked for. Close closes it if it is an io.Closer.
	Stdin          io.Reader
	Stdout, Stderr io.Writer // nil: discard

	Dir        string   // working directory; default: the process's
	Env        []string // "name=value"; exported
	Restricted bool     // run no operating-system commands
	CommandDir string   // a script in it is a command of that name; "": none
	RC         string   // run by LoadRC; "": none
	History    string   // file that history is kept in; "": memory only

	// Document prints an object of a type that does not know how to print
	// itself; see [Documenter]. May be nil.
	Document func(v any) ([]byte, error)

	// Peer returns the peer that the commands act on; it is called when a
	// command needs it for the first time, once. The session does not close it.
	// Nil: there is none.
	Peer func(ctx context.Context) (*peer.Peer, error)

	// Timeout is how long commands wait for others unless told; default 5 s.
	Timeout time.Duration

	// Forward runs our commands, except local ones, somewhere else. The call
	// is unparsed: Name and Words are what to send. May be nil.
	Forward RunFunc

	// News shows a text of one or more lines that nobody waits for, above the line
	// that is being typed. It may be called at any time, by any goroutine. Nil: there
	// is no prompt.
	News func(text string)

	Log *slog.Logger // nil: discard
}

// Session is one user's shell: its variables, functions, jobs and objects.
// Run and RunScript wait for each other; everything else may be called at any
// time, by commands in particular.
type Session struct {
	cfg     Config
	table   *table
	objects *objects
	jobs    jobs
	mounts  mounts
	history *History
	log     *slog.Logger
	node    node
	current current

	ctx    context.Context // the session's life; jobs live in it
	cancel context.CancelFunc
	stdin  *os.File
	pump   *pump // nil if Stdin needs none
	stdout io.Writer
	stderr io.Writer

	running sync.Mutex // held by whoever uses what follows
	runner  *runner
	status  int
	ended   bool // the EXIT trap has run
}

// NewSession makes a session with these commands. It fails if the working
// directory or the history cannot be used, and panics on a duplicate name.
func NewSession(cfg *Config, cmds ...Command) (*Session, error) {
	s := &Session{cfg: *cfg, table: newTable(cmds), objects: newObjects(), log: cfg.Log}
	if s.cfg.Name == "" {
		s.cfg.Name = "juxta"
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	s.cfg.Dir = dir
	s.stdout, s.stderr = share(cfg.Stdout, cfg.Stderr)
	if s.history, err = openHistory(cfg.History); err != nil {
		return nil, err
	}
	if s.stdin, s.pump, err = openStdin(cfg.Stdin); err != nil {
		return nil, errors.Join(err, s.history.close())
	}
	env := newEnviron(s.objects, s.cfg.Env, s.cfg.Name)
	s.runner, err = s.newRunner(env, s.cfg.Dir, s.cfg.Params, s.stdin, s.stdout, s.stderr)
	if err != nil {
		return nil, errors.Join(err, s.pump.close(), s.history.close())
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Close ends the session: it stops all jobs and waits for them, and closes all
// objects, the newest first. It does not run the EXIT trap; see [Session.End].
func (s *Session) Close() error { return s.Shutdown(context.Background()) }

// Shutdown is Close for a user who may not want to wait: when ctx ends, or if it has ended
// already, objects are ended as [Session.Drop] does it, and the error wraps ctx's.
func (s *Session) Shutdown(ctx context.Context) error {
	s.cancel()
	for _, j := range s.jobs.all() {
		<-j.done
	}
	s.running.Lock()
	defer s.running.Unlock()
	s.current.watching.Wait()
	return errors.Join(s.objects.closeAll(ctx), s.history.close(), s.pump.close())
}

// Command finds a command by its name or an alias.
func (s *Session) Command(name string) (*Command, bool) {
	cmd, ok := s.table.byName[name]
	return cmd, ok
}

// Var is the value of a variable of the main shell, "" if it is unset, or if a
// command is running.
func (s *Session) Var(name string) string {
	if !s.running.TryLock() {
		return ""
	}
	defer s.running.Unlock()
	return s.runner.Vars[name].String()
}

// Commands lists the commands in the order of the program. It is not a copy.
func (s *Session) Commands() []*Command { return s.table.list }

// History is what was typed in this session and, if it has a file, before.
func (s *Session) History() *History { return s.history }

// Restricted reports whether operating-system commands are off.
func (s *Session) Restricted() bool { return s.cfg.Restricted }

// News shows a text that nobody waits for above the line that is being typed. It reports
// whether there is a prompt; if there is none, the text was not shown. It may be called
// at any time.
func (s *Session) News(text string) (shown bool) {
	if s.cfg.News == nil {
		return false
	}
	s.cfg.News(text)
	return true
}

// share makes two writers safe for the concurrent stages of a pipeline. Files
// are so already, and stay files: operating-system commands inherit them.
func share(out, errs io.Writer) (io.Writer, io.Writer) {
	mu := new(sync.Mutex)
	lock := func(w io.Writer) io.Writer {
		switch w := w.(type) {
		case nil:
			return io.Discard
		case *os.File:
			return w
		default:
			return &lockedWriter{mu, w}
		}
	}
	return lock(out), lock(errs)
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
