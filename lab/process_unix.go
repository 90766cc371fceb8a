//go:build unix

package lab

import "syscall"

// ownGroup keeps the terminal's interrupts for the lab, which ends its nodes itself.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
