package cmds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/service/names"
	"github.com/juxta-p2p/juxta/shell"
)

// logoutTimeout bounds giving a name back: the command or the session is ending.
const logoutTimeout = 2 * time.Second

// login is a name under which this session receives, from login to logout. It is an
// object of the session, and ends with that at the latest; a job works at it.
type login struct {
	name    string
	command string           // talk or xfer
	job     string           // shell text that serves it in the foreground
	names   *names.Directory // nil: the name is nobody's, but for this login
	end     io.Closer        // of the pipe
	// serve works at it until end is closed, or ctx ends.
	serve func(ctx context.Context, c *shell.Call) error

	mu      sync.Mutex // guards what follows
	serving bool       // a job has taken it over
	closed  bool

	begun chan struct{} // closed when somebody serves,
	over  chan struct{} // and when that has ended
}

func newLogin(name, command, job string) *login {
	return &login{name: name, command: command, job: job, begun: make(chan struct{}), over: make(chan struct{})}
}

// take reports whether it is the caller who is to serve.
func (l *login) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.serving {
		return false
	}
	l.serving = true
	close(l.begun)
	return true
}

// Close ends it, and gives its name back unless that was registered.
func (l *login) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	_ = l.end.Close()
	if l.names == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), logoutTimeout)
	defer cancel()
	_ = l.names.Release(ctx, l.name) // it expires anyway
	return nil
}

// loginOf finds where a session is logged in with a command, by name.
func loginOf(s *shell.Session, command, name string) (*login, string) {
	for _, obj := range s.Objects() {
		if l, ok := obj.Value.(*login); ok && l.command == command && (name == "" || l.name == name) {
			return l, obj.Name
		}
	}
	return nil, ""
}

// logIn logs in: open binds the pipe, which serves. In the foreground it serves until
// logged out or interrupted; else a job does.
func logIn(ctx context.Context, c *shell.Call, l *login, foreground bool, open func(ctx context.Context, g *group.Group) error) error {
	if err := names.Check(l.name); err != nil {
		return shell.Usagef("%v", err)
	}
	if had, handle := loginOf(c.Session, l.command, l.name); had != nil {
		if foreground && had.take() {
			return serveLogin(ctx, c, had, handle)
		}
		return fmt.Errorf("%s is logged in here already; see jobs", l.name)
	}
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	short, cancel := within(ctx, c, 0)
	defer cancel()
	if err := open(short, g); err != nil {
		return err
	}
	if l.names != nil {
		if err := l.names.Claim(short, l.name); err != nil {
			return errors.Join(taken(ctx, g, l.name, err), l.Close())
		}
	}
	obj, err := c.Session.Put("login", "", l)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if foreground {
		l.take()
		return serveLogin(ctx, c, l, obj.Name)
	}
	if err = c.Eval(ctx, l.job+" "+quotedWord(l.name)+" &", nil, nil); err == nil {
		select {
		case <-l.begun:
			return nil
		case <-short.Done():
			err = errors.New("the job that is to receive has not begun")
		}
	}
	return errors.Join(err, c.Session.Drop(ctx, obj.Name))
}

func serveLogin(ctx context.Context, c *shell.Call, l *login, handle string) error {
	defer close(l.over)
	err := l.serve(ctx, c)
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	_ = c.Session.Drop(ctx, handle)
	if closed && ctx.Err() == nil {
		return nil // by logout
	}
	return err
}

// logOut ends what logIn began, and returns when that is over.
func logOut(ctx context.Context, c *shell.Call, command, name string) error {
	l, handle := loginOf(c.Session, command, name)
	if l == nil {
		return fmt.Errorf("%s is not logged in here", name)
	}
	if err := c.Session.Drop(ctx, handle); err != nil {
		return err
	}
	select {
	case <-l.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// register takes a name for good.
func register(ctx context.Context, c *shell.Call, prefix, name string) error {
	if err := names.Check(name); err != nil {
		return shell.Usagef("%v", err)
	}
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	short, cancel := within(ctx, c, 0)
	defer cancel()
	return taken(ctx, g, name, names.Of(g, prefix).Register(short, name))
}

// taken says whose a name is, in a person's words.
func taken(ctx context.Context, g *group.Group, name string, err error) error {
	var t *names.TakenError
	if !errors.As(err, &t) {
		return plain(ctx, name, err)
	}
	return fmt.Errorf("%s: %s has this name already: choose another", name, askName(ctx, g, t.By))
}

// nameTimeout bounds asking for the name of a peer.
const nameTimeout = time.Second

// askName is the name of a peer, which the group is asked for if it is not known here;
// the ID of one that nobody knows.
func askName(ctx context.Context, g *group.Group, who id.Peer) string {
	name := namer(g)(who)
	if name != who.String() {
		return cleanText(name)
	}
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	if a, err := g.FindPeer(ctx, name); err == nil {
		name = cmp.Or(cleanText(shell.NameOf(a.Advertisement())), name)
	}
	return name
}

// listNames prints the names that match any of the patterns, all if there are none.
func listNames(ctx context.Context, c *shell.Call, out *shell.Output, prefix string, patterns []string) error {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := within(ctx, c, 0)
	defer cancel()
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	shown := map[names.Name]bool{}
	rows := c.Rows(out, "NAME", "PEER", "PIPE").Stream()
	for _, p := range patterns {
		for n, err := range names.Of(g, prefix).Search(ctx, p) {
			if err != nil {
				if err = passOver(c, err); err != nil {
					return err
				}
				continue
			}
			if shown[n] {
				continue
			}
			shown[n] = true
			row := person{n.Name, askName(ctx, g, n.Peer), n.Peer.String(), n.Pipe.String()}
			if err := rows.Add(row, row.Name, row.Peer, row.Pipe); err != nil {
				return err
			}
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	if len(shown) == 0 {
		return &shell.ExitError{Status: shell.StatusUnreachable, Err: errors.New("nobody was found")}
	}
	return nil
}

// person is a name as listings print it.
type person struct {
	Name string `json:"name"`
	Peer string `json:"peer"` // its name
	ID   string `json:"id"`
	Pipe string `json:"pipe"`
}

// completeNames suggests the names that are known here.
func completeNames(s *shell.Session, prefix string) []shell.Suggestion {
	g := s.Here()
	if g == nil {
		return nil
	}
	var all []shell.Suggestion
	for name := range names.Of(g, prefix).Known() {
		all = append(all, shell.Suggestion{Text: name, Description: "name"})
	}
	return all
}

// completeLogins suggests the names that are logged in here.
func completeLogins(s *shell.Session, command string) []shell.Suggestion {
	var all []shell.Suggestion
	for _, obj := range s.Objects() {
		if l, ok := obj.Value.(*login); ok && l.command == command {
			all = append(all, shell.Suggestion{Text: l.name, Description: "logged in here"})
		}
	}
	return all
}

// notThere says that somebody cannot be reached by a name, and what would help: search
// and login are commands.
func notThere(ctx context.Context, name, search, login string, err error) error {
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(err, pipe.ErrNotFound):
		err = fmt.Errorf("%s: nobody of this name was found; see %s", name, search)
	case errors.Is(err, pipe.ErrNotBound):
		err = fmt.Errorf("%s is not there now: %s %s has to run at the other end", name, login, name)
	default:
		return plain(ctx, name, err)
	}
	return &shell.ExitError{Status: shell.StatusUnreachable, Err: err}
}

// announce prints a line that nobody waits for: on a terminal with a prompt above the
// line that is being typed.
func announce(c *shell.Call, w io.Writer, format string, args ...any) {
	line := fmt.Sprintf("# "+c.Name+" - "+format, args...)
	_, screen := terminal(w)
	if (screen || w == c.Stdout && c.Terminal()) && c.Session.News(line) {
		return
	}
	fmt.Fprintln(w, line)
}

// terminal returns the terminal that a stream is, if it is one.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return nil, false
	}
	fi, err := f.Stat() // asking a pipe for its descriptor would make it blocking
	return f, err == nil && fi.Mode()&os.ModeCharDevice != 0 && term.IsTerminal(int(f.Fd()))
}

func quotedWord(word string) string {
	text, err := quoted([]string{word})
	if err != nil {
		return "'" + strings.ReplaceAll(word, "'", "") + "'" // which no name has: see names.Check
	}
	return text
}
