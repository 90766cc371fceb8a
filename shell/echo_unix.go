//go:build linux || darwin

package shell

import (
	"os"

	"golang.org/x/sys/unix"
)

// hideTyping has a terminal not show what is typed, until restore is called. Lines, and the
// keys that interrupt, work as before.
func hideTyping(tty *os.File) (restore func(), err error) {
	fd := int(tty.Fd())
	saved, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	hidden := *saved
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, saved) }, nil
}
