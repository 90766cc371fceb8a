package chat

import (
	"context"
	"errors"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe"
)

// roomName is the name of the pipe of a group's room.
const roomName = "JxtaTalkGroup"

// Room is the one room of a group: what is said there, all hear who are in it. Its
// methods may be called concurrently.
type Room struct {
	as, group string
	self      id.Peer
	in        *pipe.Input
	out       *pipe.Output
}

// Join enters the room of a group, under a name. The error wraps [pipe.ErrBound] if this
// peer is in it already, or is another of [pipe.Service.Bind].
func Join(ctx context.Context, g *group.Group, as string) (*Room, error) {
	a := RoomPipe(g)
	in, err := g.Pipe().Bind(ctx, a)
	if err != nil {
		return nil, err
	}
	out, err := g.Pipe().Resolve(ctx, a)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &Room{as, g.Advertisement().Name, g.Self().Signer(), in, out}, nil
}

// RoomPipe describes the pipe of a group's room. Everybody knows it; nobody owns it.
func RoomPipe(g *group.Group) *adv.Pipe {
	return &adv.Pipe{
		PipeID:   id.PipeOf(g.Advertisement().GID, id.Peer{}, roomName),
		PipeType: adv.Propagate, Name: roomName,
	}
}

// Say says a line to all, and waits while those who hear cannot keep up. The error
// wraps [ErrTooLong], or is one of [pipe.Output.Send].
func (r *Room) Say(ctx context.Context, text string) error {
	return say(ctx, r.out, r.as, r.group, text)
}

// Next waits for the next line that another peer has said. Errors as for
// [pipe.Input.Receive].
func (r *Room) Next(ctx context.Context) (*Line, error) {
	for {
		l, err := next(ctx, r.in)
		if err != nil || l.Peer != r.self {
			return l, err
		}
	}
}

// Close leaves the room, when what was said has arrived.
func (r *Room) Close() error { return errors.Join(r.out.Close(), r.in.Close()) }
