// Package chat lets people talk, as JXTA's talk does: to one another by name, over
// message pipes, and with all who are in the room of the group, over a propagate
// pipe.
//
// A line is a message with the elements of JXTA's talk: JxtaTalkSenderName,
// JxtaTalkSenderMessage and GrpName, the name of the group. The sender's name is what
// the sender says it is; the peer is the one that has sent it.
package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe"
)

// NamePrefix is what the names of the pipes begin with at which people are talked to.
const NamePrefix = "JxtaTalkUserName."

// MaxText is the longest line in bytes.
const MaxText = 16 << 10

// maxFrom is how much of a sender's name is looked at, in bytes.
const maxFrom = 64

const (
	elementFrom  = "JxtaTalkSenderName"
	elementText  = "JxtaTalkSenderMessage"
	elementGroup = "GrpName"
)

var (
	// ErrTooLong: a line has more than MaxText bytes.
	ErrTooLong = fmt.Errorf("a line has at most %d bytes", MaxText)
	// errNoLine says that a message is not one of ours.
	errNoLine = errors.New("not a line of a chat")
)

// Line is something that somebody has said.
type Line struct {
	From string  // who, as the sender says; no spaces or control characters
	Text string  // what, without control characters; never empty
	Peer id.Peer // who has sent it
}

// Message makes the message that a line travels as. It is an error that wraps
// [ErrTooLong] if the text is longer than [MaxText].
func (l *Line) Message(group string) (*message.Message, error) {
	if len(l.Text) > MaxText {
		return nil, ErrTooLong
	}
	m := new(message.Message)
	m.Add(elementFrom, "", []byte(l.From))
	m.Add(elementGroup, "", []byte(group))
	m.Add(elementText, "", []byte(l.Text))
	return m, nil
}

// Parse reads a line from a message that came from a peer.
func Parse(m *message.Message, peer id.Peer) (*Line, error) {
	from, _ := m.Get(elementFrom)
	text, ok := m.Get(elementText)
	if !ok || len(text.Data) > MaxText || len(from.Data) > maxFrom {
		return nil, errNoLine
	}
	l := &Line{From: strings.ReplaceAll(plain(from.Data), " ", "_"), Text: plain(text.Data), Peer: peer}
	if l.Text == "" {
		return nil, errNoLine
	}
	if l.From == "" {
		l.From = "somebody"
	}
	return l, nil
}

// plain is text of strangers, on one line and harmless to a terminal.
func plain(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsGraphic(r), r == utf8.RuneError:
			return -1
		}
		return r
	}, string(b)))
}

// Inbox is where somebody is talked to. Its methods may be called concurrently.
type Inbox struct{ in *pipe.Input }

// NewInbox reads what comes through a pipe. Close closes it.
func NewInbox(in *pipe.Input) *Inbox { return &Inbox{in} }

// Next waits for the next line, and passes over what is none. Errors as for
// [pipe.Input.Receive].
func (b *Inbox) Next(ctx context.Context) (*Line, error) { return next(ctx, b.in) }

func next(ctx context.Context, in *pipe.Input) (*Line, error) {
	for {
		m, from, err := in.ReceiveFrom(ctx)
		if err != nil {
			return nil, err
		}
		if l, err := Parse(m, from); err == nil {
			return l, nil
		}
	}
}

// Close closes the pipe.
func (b *Inbox) Close() error { return b.in.Close() }

// Conversation says things to one person. Its methods may be called concurrently.
type Conversation struct {
	as, group string
	out       *pipe.Output
}

// Call begins to talk to whoever goes by a name in a group, and calls itself as. It
// tries until ctx ends; errors as for [pipe.Service.ResolveName].
func Call(ctx context.Context, g *group.Group, as, name string) (*Conversation, error) {
	out, err := g.Pipe().ResolveName(ctx, NamePrefix+name)
	if err != nil {
		return nil, err
	}
	return &Conversation{as, g.Advertisement().Name, out}, nil
}

// Say says a line. It returns when the line is on its way; Close tells whether all have
// arrived. The error wraps [ErrTooLong], or is one of [pipe.Output.Send].
func (c *Conversation) Say(ctx context.Context, text string) error {
	return say(ctx, c.out, c.as, c.group, text)
}

func say(ctx context.Context, out *pipe.Output, as, group, text string) error {
	m, err := (&Line{From: as, Text: text}).Message(group)
	if err != nil {
		return err
	}
	return out.Send(ctx, m)
}

// Peer is who is talked to.
func (c *Conversation) Peer() id.Peer { return c.out.Peer() }

// Close ends the conversation. The error is nil if all that was said has arrived.
func (c *Conversation) Close() error { return c.out.Close() }
