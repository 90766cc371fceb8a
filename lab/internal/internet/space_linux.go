package internet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// spaceDir is where the names of network namespaces are, for us as for ip netns.
const spaceDir = "/run/netns"

// Space is a network namespace with a name. Its methods may be called concurrently.
type Space struct {
	name   string
	handle netns.NsHandle
	links  *netlink.Handle
}

// newSpace makes a namespace in which nothing is up but loopback.
func newSpace(name string) (*Space, error) {
	s := &Space{name: name}
	err := onThread(func() (err error) {
		s.handle, err = netns.NewNamed(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	if s.links, err = netlink.NewHandleAt(s.handle, unix.NETLINK_ROUTE); err != nil {
		_ = s.close()
		return nil, err
	}
	lo, err := s.links.LinkByName("lo")
	if err == nil {
		err = s.links.LinkSetUp(lo)
	}
	if err != nil {
		_ = s.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// close removes the namespace. What is in it goes with its last process.
func (s *Space) close() error {
	if s.links != nil {
		s.links.Close()
	}
	_ = s.handle.Close()
	return netns.DeleteNamed(s.name)
}

// onThread runs f on a thread of the operating system that nobody else uses meanwhile,
// and takes it back to the network namespace that it was in.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- err
			return
		}
		err = f()
		if netns.Set(home) == nil {
			runtime.UnlockOSThread() // otherwise the thread ends here
		}
		_ = home.Close()
		done <- err
	}()
	return <-done
}

// Do runs f on a thread that is in the namespace: sockets that it opens and processes
// that it starts belong there. The goroutines that f starts do not.
func (s *Space) Do(f func() error) error {
	return onThread(func() error {
		if err := netns.Set(s.handle); err != nil {
			return fmt.Errorf("enter %s: %w", s.name, err)
		}
		return f()
	})
}

// Start starts a command in the namespace.
func (s *Space) Start(cmd *exec.Cmd) error { return s.Do(cmd.Start) }

// nft feeds rules to nft, or runs it with operands, and returns what it prints.
func (s *Space) nft(rules string, args ...string) (string, error) {
	var out, errs strings.Builder
	cmd := exec.Command("nft", args...)
	if rules != "" {
		cmd = exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules)
	}
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := s.Start(cmd); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("nft: %w: %s", err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// set writes settings of the kernel's network: name, value, name, value.
func (s *Space) set(settings ...string) error {
	return s.Do(func() error {
		for i := 0; i < len(settings); i += 2 {
			name := filepath.Join("/proc/sys/net", settings[i])
			if err := os.WriteFile(name, []byte(settings[i+1]), 0); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		return nil
	})
}

// bridge makes a bridge, which is up.
func (s *Space) bridge(name string) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := s.links.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return nil, fmt.Errorf("bridge %s: %w", name, err)
	}
	l, err := s.links.LinkByName(name)
	if err != nil {
		return nil, err
	}
	return l, s.links.LinkSetUp(l)
}

// join makes an interface of another space's, or of ours, a port of a bridge here, and
// brings it up.
func (s *Space) join(name, bridge string) error {
	l, err := s.links.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	master, err := s.links.LinkByName(bridge)
	if err != nil {
		return fmt.Errorf("%s: %w", bridge, err)
	}
	if err := s.links.LinkSetMaster(l, master); err != nil {
		return err
	}
	return s.links.LinkSetUp(l)
}

// remove removes an interface.
func (s *Space) remove(name string) error {
	l, err := s.links.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return s.links.LinkDel(l)
}
