package cmds

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// xferPrefix is what the names of the pipes begin with at which people receive files.
const xferPrefix = "JxtaXferUserName."

// xferFlags are the flags of all of xfer.
type xferFlags struct {
	out        *shell.Output
	dir, user  *string
	peer       *string
	most       *int64
	timeout    *time.Duration
	foreground *bool
}

// xferVerbs are the first operands, for completion too.
var xferVerbs = []shell.Suggestion{
	{Text: "login", Description: "receive files under a name"},
	{Text: "logout", Description: "receive no more under a name"},
	{Text: "register", Description: "take a name for good"},
	{Text: "search", Description: "list names"},
	{Text: "send", Description: "send files to a name"},
}

var xfer = shell.Command{
	Name:    "xfer",
	Aliases: []string{"sftp"},
	Topic:   topicPipes,
	Args:    "{register NAME | login NAME | logout NAME | send NAME FILE... | search [NAME...]}",
	Short:   "send files to people, by name",
	Long: `login receives files under a NAME into a folder, as a job, until logout or kill; each file that
comes is told in a line, with the peer that has sent it. No file is replaced: "name (1).ext" is
made beside it, and a sender's paths do not count. Up to 16 senders are served at once, others wait.
To keep what it tells: xfer login --foreground NAME >FILE &.

send sends files to a NAME and returns when the other end has them on its disk and has compared
their SHA-256. One that was interrupted, at either end, is kept there as .NAME.part: sending it again
goes on from where it ended. A folder is not sent, but its archive can be: tar c DIR | connect PIPE.
The status is 1 if any file was not sent, and 4 if nobody was there.

register takes a NAME so that it stays taken while nobody is logged in, and is not needed otherwise;
unpublish JxtaXferUserName.NAME gives it back. A name that another peer has cannot be had. search
lists names, in which * stands for any characters and ? for one; the status is 4 if there are none.

With --json send prints an object a file with name, saved, size, sha256, resumed_from and seconds, or
error; login prints one for each that comes, with peer and id, too.`,
	Example: `xfer login -d ~/inbox alice
xfer send alice board.png notes.txt
xfer send -u bob --json alice big.iso
xfer search 'a*'; xfer logout alice`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		f := &xferFlags{
			out:        shell.JSONFlag(fs),
			dir:        fs.StringP("dir", "d", "", "login: receive into this `DIR`; default: the current one"),
			most:       shell.Size(fs, "max", "m", 0, "login: refuse files of more than this `SIZE`, such as 100MB; 0: none"),
			foreground: fs.Bool("foreground", false, "login: receive until interrupted, and not as a job"),
			user:       fs.StringP("user", "u", "", "send: call yourself `ME`"),
			peer:       fs.StringP("peer", "p", "", "send: to the one at this `PEER`, if several have the name"),
			timeout:    shell.Duration(fs, "timeout", "t", 0, "send: how long to look for NAME; 0: the session's --timeout"),
		}
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) == 0 {
				return shell.Usagef("register, login, logout, send or search?")
			}
			return runXfer(ctx, c, f, c.Args[0], c.Args[1:])
		}
	},
	Complete: func(s *shell.Session, before []string, word string) []shell.Suggestion {
		verb, n := firstOperand(before, "-d", "-m", "-u", "-p", "-t")
		switch {
		case verb == "":
			return slices.Clone(xferVerbs) // the caller sorts out what it does not want
		case verb == "logout":
			return completeLogins(s, "xfer")
		case verb == "send" && n > 1:
			return s.Complete("<"+word, len(word)+1) // as behind any <
		}
		return completeNames(s, xferPrefix)
	},
}

func runXfer(ctx context.Context, c *shell.Call, f *xferFlags, verb string, args []string) error {
	one := func() error {
		if len(args) != 1 {
			return shell.Usagef("xfer %s takes one name", verb)
		}
		return nil
	}
	switch verb {
	case "register":
		if err := one(); err != nil {
			return err
		}
		return register(ctx, c, xferPrefix, args[0])
	case "login":
		if err := one(); err != nil {
			return err
		}
		return xferLogin(ctx, c, f, args[0])
	case "logout":
		if err := one(); err != nil {
			return err
		}
		return logOut(ctx, c, "xfer", args[0])
	case "send":
		if len(args) < 2 {
			return shell.Usagef("xfer send takes a name, and files")
		}
		return xferSend(ctx, c, f, args[0], args[1:])
	case "search":
		return listNames(ctx, c, f.out, xferPrefix, args)
	}
	return shell.Usagef("%s: register, login, logout, send or search?", verb)
}

// firstOperand returns the first word that is no option, and how many there are, where
// some options take a value.
func firstOperand(words []string, valued ...string) (first string, n int) {
	for i := 0; i < len(words); i++ {
		switch {
		case slices.Contains(valued, words[i]):
			i++
		case len(words[i]) > 1 && words[i][0] == '-':
		default:
			if n++; n == 1 {
				first = words[i]
			}
		}
	}
	return first, n
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n)/1000, "kMGTPE"
	for ; f >= 999.95 && len(units) > 1; f /= 1000 {
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %cB", f, units[0])
}
