package cmds

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/service/chat"
	"github.com/juxta-p2p/juxta/service/names"
	"github.com/juxta-p2p/juxta/shell"
)

// talkFlags are the flags of talk.
type talkFlags struct {
	out                     *shell.Output
	register, login, logout *string
	user, data              *string
	search, group           *bool
	foreground              *bool
	timeout                 *time.Duration
}

var talk = shell.Command{
	Name:  "talk",
	Topic: topicPipes,
	Args:  "[TO]",
	Short: "talk to people by name, or to the whole group",
	Long: `With the name of somebody who is logged in, sends the lines of standard input there until the end or
a line with a dot alone, or with -d one TEXT; the status is 4 if nobody is there, and 1 if not all has
arrived. Who talks is -u FROM, or the name that is logged in here, or this peer's.

-l logs in: from then on what others say to NAME is printed, by a job, until -logout or kill. -r takes a
NAME so that it stays taken while nobody is logged in, and is not needed otherwise; unpublish
JxtaTalkUserName.NAME gives it back. A name that another peer has cannot be had. -search lists the
names, or those that match the operands, in which * stands for any characters and ? for one.

With -g the lines go to all who are in the room of this group with talk -g, and theirs are printed; with
-g and -l a job prints them, and talk -g -d TEXT says something meanwhile.

With --json what comes is an object with from, to, text, peer and id a line. Names are what people call
themselves; peer and id say who it was.`,
	Example: `talk -l alice
talk -u alice bob
talk -u alice bob -d 'see you at eight'
talk -search; talk -logout alice
talk -g`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		f := &talkFlags{
			out:        shell.JSONFlag(fs),
			register:   fs.StringP("register", "r", "", "take this `NAME` for good"),
			login:      fs.StringP("login", "l", "", "hear what is said to this `NAME`"),
			logout:     fs.StringP("logout", "o", "", "hear no more of what is said to this `NAME`"),
			user:       fs.StringP("user", "u", "", "talk as `FROM`"),
			data:       fs.StringP("data", "d", "", "say this `TEXT`, and no more"),
			search:     fs.BoolP("search", "s", false, "list names"),
			group:      fs.BoolP("group", "g", false, "talk with all who do so in this group"),
			foreground: fs.Bool("foreground", false, "-l: listen until interrupted, and not as a job"),
			timeout:    shell.Duration(fs, "timeout", "t", 0, "how long to look for TO; 0: the session's --timeout"),
		}
		return func(ctx context.Context, c *shell.Call) error { return runTalk(ctx, c, f) }
	},
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		if len(before) > 0 {
			switch before[len(before)-1] {
			case "-o", "--logout", "-logout", "-u", "--user":
				return completeLogins(s, "talk")
			}
		}
		return completeNames(s, chat.NamePrefix)
	},
}

func runTalk(ctx context.Context, c *shell.Call, f *talkFlags) error {
	actions := 0
	for _, given := range []bool{*f.register != "", *f.login != "", *f.logout != "", *f.search} {
		if given {
			actions++
		}
	}
	switch {
	case actions > 1:
		return shell.Usagef("only one of -register, -login, -logout and -search")
	case *f.search:
		return listNames(ctx, c, f.out, chat.NamePrefix, c.Args)
	case actions == 1 || *f.group:
		if err := noOperands(c); err != nil {
			return err
		}
	case len(c.Args) != 1:
		return shell.Usagef("one name is wanted: to whom?")
	}
	switch {
	case *f.group:
		return runRoom(ctx, c, f)
	case *f.register != "":
		return register(ctx, c, chat.NamePrefix, *f.register)
	case *f.login != "":
		return talkLogin(ctx, c, f, *f.login)
	case *f.logout != "":
		return logOut(ctx, c, "talk", *f.logout)
	}
	return converse(ctx, c, f, c.Args[0])
}

// talkLogin begins to print what is said to a name.
func talkLogin(ctx context.Context, c *shell.Call, f *talkFlags, name string) error {
	l := newLogin(name, "talk", "talk --foreground -l")
	err := logIn(ctx, c, l, *f.foreground, func(ctx context.Context, g *group.Group) error {
		l.names = names.Of(g, chat.NamePrefix)
		in, err := g.Pipe().Bind(ctx, l.names.Pipe(name))
		if err != nil {
			return plain(ctx, name, err)
		}
		inbox, out := chat.NewInbox(in), *f.out
		l.end = inbox
		l.serve = func(ctx context.Context, c *shell.Call) error {
			return hear(ctx, c, &out, namer(g), name, inbox.Next)
		}
		return nil
	})
	if err == nil && !*f.foreground && !f.out.JSON {
		return c.Printf("%s: listening\n", name)
	}
	return err
}

// converse says to somebody what is typed.
func converse(ctx context.Context, c *shell.Call, f *talkFlags, to string) error {
	for _, name := range []string{to, talker(c, f, "")} {
		if err := names.Check(name); name != "" && err != nil {
			return shell.Usagef("%v", err)
		}
	}
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	short, cancel := within(ctx, c, *f.timeout)
	conv, err := chat.Call(short, g, talker(c, f, shell.NameOf(g.Self().Advertisement())), to)
	cancel()
	if err != nil {
		return notThere(ctx, to, "talk -search", "talk -l", err)
	}
	if c.Typed() && *f.data == "" {
		c.Warnf("%s is there, at %s. Type your message; a dot alone on a line ends it.", to, cleanText(namer(g)(conv.Peer())))
	}
	err = sayLines(ctx, c, f, conv.Say)
	if cerr := conv.Close(); err == nil && cerr != nil {
		err = notThere(ctx, to, "talk -search", "talk -l", cerr)
	}
	return err
}

// talker is the name that talks: the one that was given, or is logged in here, or else.
func talker(c *shell.Call, f *talkFlags, otherwise string) string {
	if *f.user != "" {
		return *f.user
	}
	if l, _ := loginOf(c.Session, "talk", ""); l != nil {
		return l.name
	}
	return otherwise
}
