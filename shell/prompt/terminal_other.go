//go:build !linux && !darwin

package prompt

import (
	"errors"
	"os"
)

// Supported reports whether in and out are a terminal on which lines can be edited. Here that is never so.
func Supported(in, out *os.File) bool { return false }

func newTerminal(*Editor, <-chan os.Signal) (lineReader, error) { return nil, errors.ErrUnsupported }
