package internet

import (
	"errors"
	"fmt"
	"os"

	"github.com/juxta-p2p/juxta/lab/internal/ether"
)

// line is a wire between an uplink's port and the hub's bridge: the port is in a small
// bridge of its own, with one end of the wire, whose other end is in the hub's.
type line struct {
	wire   *ether.Line
	bridge string
}

// Link says what the uplink of a host or a site does to what passes, in each direction.
// The uplink itself stays as it is, and so do the connections over it.
func (in *Internet) Link(name string, p ether.Profile) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	e := in.ends[name]
	if e == nil {
		return fmt.Errorf("%s: no such node or site", name)
	}
	if e.line != nil {
		e.line.wire.Set(p)
		return nil
	}
	if p == (ether.Profile{}) {
		return nil
	}
	return e.addLine(p)
}

func (e *end) addLine(p ether.Profile) error {
	s := e.at.space
	own := "b" + e.port
	if _, err := s.bridge(own); err != nil {
		return err
	}
	near, far := "n"+e.port, "f"+e.port
	var taps [2]*os.File
	err := s.Do(func() (err error) {
		if taps[0], err = ether.OpenTap(near); err == nil {
			taps[1], err = ether.OpenTap(far)
		}
		return err
	})
	if err != nil {
		if taps[0] != nil {
			_ = taps[0].Close()
		}
		return errors.Join(err, s.remove(own))
	}
	e.line = &line{ether.NewLine(taps[0], taps[1], p), own}
	if err := s.join(far, e.at.bridge); err != nil {
		return err
	}
	if err := s.join(near, own); err != nil {
		return err
	}
	return s.join(e.port, own)
}

// cutLine takes the wire away, and leaves the port in no bridge.
func (e *end) cutLine() error {
	if e.line == nil {
		return nil
	}
	l := e.line
	e.line = nil
	return errors.Join(l.wire.Close(), e.at.space.remove(l.bridge))
}
