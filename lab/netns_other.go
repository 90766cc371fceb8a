//go:build !linux

package lab

import (
	"errors"
	"io"
)

// NetnsPossible reports why worlds cannot be played on the stage [Netns] here.
func NetnsPossible() error {
	return errors.New("the stage netns needs Linux: its networks are the kernel's")
}

// Clean removes what labs have left that were killed, and says what.
func Clean() (removed []string, err error) { return nil, NetnsPossible() }

func newNetns([]string, io.Writer) (stage, error) { return nil, NetnsPossible() }
