//go:build !unix

package shell

import (
	"context"
	"io"
	"os"
)

// waitReadable cannot wait here: a read blocks until there is input.
func waitReadable(ctx context.Context, _ *os.File) error { return ctx.Err() }

// unread cannot be told here.
func unread(io.Writer) bool { return false }
