package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

// outbox is an output end as the session keeps it, under kind out.
type outbox struct{ *pipe.Output }

// Close says in a person's words what may be lost.
func (o *outbox) Close() error {
	err := o.Output.Close()
	if !errors.Is(err, pipe.ErrBroken) {
		return err
	}
	why := "the other end is gone, or does not take it"
	if _, more, ok := strings.Cut(err.Error(), pipe.ErrBroken.Error()+": "); ok {
		why = more
	}
	a := o.Advertisement()
	name := a.Name
	if name == "" {
		name = a.PipeID.String()
	}
	text := fmt.Sprintf("what was sent last to %s may not have arrived: %s", name, why)
	return &shell.ExitError{Status: shell.StatusUnreachable, Err: &reworded{text, err}}
}

// outboxOf finds the output end that a word names.
func outboxOf(c *shell.Call, word string) (*pipe.Output, error) {
	o, err := shell.Get[*outbox](c, word, "out")
	if err != nil {
		return nil, err
	}
	return o.Output, nil
}

// drop closes an object and forgets it. It is what close does.
func drop(ctx context.Context, c *shell.Call, word string) error {
	obj, err := c.Object(word)
	if err != nil {
		return err
	}
	err = c.Session.Drop(ctx, obj.Name)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return ctx.Err()
	}
	return err
}
