package cmds

import (
	"bufio"
	"context"
	"errors"
	"strings"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/service/chat"
	"github.com/juxta-p2p/juxta/service/names"
	"github.com/juxta-p2p/juxta/shell"
)

// talkRow is a line of a chat as JSON.
type talkRow struct {
	From string `json:"from"`
	To   string `json:"to,omitempty"` // nobody: all
	Text string `json:"text"`
	Peer string `json:"peer"` // name of the peer that has sent it
	ID   string `json:"id"`
}

// hear prints lines as they come. to is who they are for, "" for all.
func hear(ctx context.Context, c *shell.Call, out *shell.Output, nameOf func(id.Peer) string, to string, next func(context.Context) (*chat.Line, error)) error {
	for {
		l, err := next(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		direction := l.From
		if to != "" {
			direction += " to " + to
		}
		if !out.JSON {
			announce(c, c.Stdout, "%s> %s", direction, l.Text)
			continue
		}
		if err := c.Rows(out).Stream().Add(talkRow{l.From, to, l.Text, nameOf(l.Peer), l.Peer.String()}, ""); err != nil {
			return err
		}
	}
}

// sayLines says the text that was given, or the lines of standard input until its end
// or a dot.
func sayLines(ctx context.Context, c *shell.Call, f *talkFlags, say func(ctx context.Context, text string) error) error {
	if *f.data != "" {
		return said(ctx, say(ctx, *f.data))
	}
	lines := bufio.NewScanner(c.Stdin)
	lines.Buffer(nil, chat.MaxText+1)
	for lines.Scan() {
		text := strings.TrimRight(lines.Text(), "\r")
		if text == "." {
			return nil
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		if err := say(ctx, text); err != nil {
			return said(ctx, err)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		return chat.ErrTooLong
	}
	return lines.Err()
}

// said says why a line was not, in a person's words.
func said(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, chat.ErrTooLong):
		return err
	case errors.Is(err, pipe.ErrBroken):
		return &shell.ExitError{Status: shell.StatusUnreachable, Err: errors.New("the other end is gone; not all may have arrived")}
	}
	return plain(ctx, "it was not said", err)
}

// roomCommand is what a login to the room of the group is known by.
const roomCommand = "talk -g"

// runRoom talks with all in the group: in the foreground, or for a job that
// hears them.
func runRoom(ctx context.Context, c *shell.Call, f *talkFlags) error {
	switch {
	case *f.register != "":
		return shell.Usagef("nobody has to register for the room of the group")
	case *f.logout != "":
		return logOut(ctx, c, roomCommand, *f.logout)
	case *f.login != "":
		return roomLogin(ctx, c, f, *f.login)
	}
	if l, _ := loginOf(c.Session, roomCommand, ""); l != nil {
		return sayLines(ctx, c, f, l.end.(*chat.Room).Say)
	}
	if name := talker(c, f, ""); name != "" && names.Check(name) != nil {
		return shell.Usagef("%v", names.Check(name))
	}
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	room, err := enter(ctx, c, f, g, talker(c, f, shell.NameOf(g.Self().Advertisement())))
	if err != nil {
		return err
	}
	if c.Typed() && *f.data == "" {
		c.Warnf("this is the room of %s. A dot alone on a line leaves it.", g.Advertisement().Name)
	}
	hearing, stop := context.WithCancel(ctx)
	heard := make(chan error, 1)
	go func() { heard <- hear(hearing, c, f.out, namer(g), "", room.Next) }()
	err = sayLines(ctx, c, f, room.Say)
	if cerr := room.Close(); err == nil && cerr != nil {
		err = said(ctx, cerr)
	}
	stop()
	<-heard
	return err
}

// enter enters the room of the group.
func enter(ctx context.Context, c *shell.Call, f *talkFlags, g *group.Group, as string) (*chat.Room, error) {
	short, cancel := within(ctx, c, *f.timeout)
	defer cancel()
	room, err := chat.Join(short, g, as)
	if errors.Is(err, pipe.ErrBound) {
		return nil, errors.New("this peer is in the room already; see jobs")
	}
	return room, plain(ctx, "the room of "+g.Advertisement().Name, err)
}

// roomLogin begins to print what is said in the room of the group.
func roomLogin(ctx context.Context, c *shell.Call, f *talkFlags, name string) error {
	l := newLogin(name, roomCommand, "talk -g --foreground -l")
	err := logIn(ctx, c, l, *f.foreground, func(ctx context.Context, g *group.Group) error {
		room, err := enter(ctx, c, f, g, name)
		if err != nil {
			return err
		}
		l.end = room
		out := *f.out
		l.serve = func(ctx context.Context, c *shell.Call) error {
			return hear(ctx, c, &out, namer(g), "", room.Next)
		}
		return nil
	})
	if err == nil && !*f.foreground && !f.out.JSON {
		return c.Printf("%s: in the room of the group\n", name)
	}
	return err
}
