package internet

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/vishvananda/netns"
)

// Sweep removes what owners have left that are no more: processes, namespaces, and
// directories in dir. It says what.
func Sweep(dir string) (swept []string, err error) {
	var spaces []string
	for _, name := range entries(spaceDir) {
		if orphan(name) {
			spaces = append(spaces, name)
		}
	}
	errs := []error{killIn(spaces)}
	for _, name := range spaces {
		if err := netns.DeleteNamed(name); err != nil && !os.IsNotExist(err) {
			errs = append(errs, err)
			continue
		}
		swept = append(swept, "namespace "+name)
	}
	for _, name := range entries(dir) {
		if !orphan(name) {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.RemoveAll(path); err != nil {
			errs = append(errs, err)
			continue
		}
		swept = append(swept, "directory "+path)
	}
	return swept, errors.Join(errs...)
}

func entries(dir string) (names []string) {
	list, _ := os.ReadDir(dir) // there may be none
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// killIn kills the processes in namespaces, until there is none.
func killIn(spaces []string) error {
	var inodes []uint64
	for _, name := range spaces {
		if fi, err := os.Stat(filepath.Join(spaceDir, name)); err == nil {
			inodes = append(inodes, inode(fi))
		}
	}
	if len(inodes) == 0 {
		return nil
	}
	for range 10 { // what was killed may have forked just before
		killed := false
		for _, name := range entries("/proc") {
			pid, err := strconv.Atoi(name)
			if err != nil || pid == os.Getpid() {
				continue
			}
			if fi, err := os.Stat(filepath.Join("/proc", name, "ns/net")); err == nil && slices.Contains(inodes, inode(fi)) {
				killed = syscall.Kill(pid, syscall.SIGKILL) == nil || killed
			}
		}
		if !killed {
			return nil
		}
	}
	return nil
}

func inode(fi os.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}
