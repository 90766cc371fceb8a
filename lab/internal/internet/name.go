package internet

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// simple is what names of hosts and sites look like, as they become names of files.
var simple = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$`)

// CheckName reports why a host or a site cannot have this name.
func CheckName(name string) error {
	if !simple.MatchString(name) || name == Public {
		return fmt.Errorf("name %q: up to 40 letters, digits, - _ and . are wanted, and not %q", name, Public)
	}
	return nil
}

// Public is the name of the public network, where there are sites' names.
const Public = "wan"

// owned matches the prefix of what an internet makes: its process, when that began, and
// something random.
var owned = regexp.MustCompile(`^jx(\d+)-([0-9a-z]+)-[0-9a-f]{4}(?:-|$)`)

// Prefix is a new prefix of this process's.
func Prefix(random uint16) string {
	pid := os.Getpid()
	return fmt.Sprintf("jx%d-%s-%04x", pid, began(pid), random)
}

// orphan reports whether a name was given by a process that is no more.
func orphan(name string) bool {
	m := owned.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	pid, err := strconv.Atoi(m[1])
	return err == nil && began(pid) != m[2]
}

// began is when a process began, in the kernel's ticks, so that it is told from a later
// one of the same number. It is "" if there is no such process.
func began(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(" "))
	fields := bytes.Fields(rest)
	const state, start = 0, 19 // the third and the 22nd field of all
	if len(fields) <= start || fields[state][0] == 'Z' {
		return ""
	}
	ticks, err := strconv.ParseUint(string(fields[start]), 10, 64)
	if err != nil {
		return ""
	}
	return strconv.FormatUint(ticks, 36)
}
