//go:build unix && !solaris && !aix

package transfer

import (
	"os"
	"syscall"
)

// lock keeps a file from other receivers, here or in other processes, until it is
// closed.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
