package cmds

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/juxta-p2p/juxta/shell"
)

// Variables that commands take secrets from, in place of asking. They are no operands: those
// stand in the list of processes, and in the history.
const (
	passwordVar    = "JUXTA_PASSWORD"
	newPasswordVar = "JUXTA_NEW_PASSWORD"
	passphraseVar  = "JUXTA_PASSPHRASE"
	invitationVar  = "JUXTA_INVITATION"
)

// minPassword is how many bytes a password has that is chosen for a group, as peer wants it.
const minPassword = 8

// secret gets a password: from a variable, from whoever sits at the terminal, or, if standard
// input is none, from a line of that.
func secret(ctx context.Context, c *shell.Call, variable, question string) ([]byte, error) {
	if v := c.Var(variable); v != "" {
		return []byte(v), nil
	}
	s, err := c.Ask(ctx, question)
	asked := !errors.Is(err, shell.ErrNoTerminal)
	if !asked {
		s, err = c.Line()
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case asked && (errors.Is(err, io.EOF) || err == nil && len(s) == 0):
		return nil, nothingTyped(question)
	case errors.Is(err, io.EOF), err == nil && len(s) == 0:
		return nil, &reworded{text: fmt.Sprintf("%s is wanted: type it at a terminal, set %s, or give it as a line of standard input",
			question, variable)}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", question, err)
	}
	return s, nil
}

// nothingTyped is the error of a question that was not answered.
func nothingTyped(question string) error { return fmt.Errorf("%s: nothing was typed", question) }

// newSecret gets a password that is about to be set: at a terminal it is asked for twice.
func newSecret(ctx context.Context, c *shell.Call, variable, question string) ([]byte, error) {
	s, err := secret(ctx, c, variable, question)
	if err != nil {
		return nil, err
	}
	if c.Var(variable) == "" {
		again, err := c.Ask(ctx, question+", once more")
		switch {
		case errors.Is(err, shell.ErrNoTerminal):
		case errors.Is(err, io.EOF):
			return nil, nothingTyped(question)
		case err != nil:
			return nil, err
		case string(again) != string(s):
			return nil, fmt.Errorf("%s: these were two different ones; nothing was changed", question)
		}
	}
	if len(s) < minPassword {
		return nil, fmt.Errorf("%s: of %d characters at least; who has the group's advertisement can try them without asking anybody",
			question, minPassword)
	}
	return s, nil
}
