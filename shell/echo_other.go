//go:build !linux && !darwin

package shell

import (
	"errors"
	"os"
)

// hideTyping fails: it is not known here how a terminal is told.
func hideTyping(*os.File) (restore func(), err error) { return nil, errors.ErrUnsupported }
