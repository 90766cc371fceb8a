package endpoint

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/juxta-p2p/juxta/membership"
)

// closedProtocol is the one protocol of all closed groups. Every host of ours speaks it,
// whether it is in any or not.
const closedProtocol = protocol.ID("/juxta/1/closed")

const (
	knockTimeout = 10 * time.Second
	maxService   = 32 // bytes of a service's name
)

// Switchboard answers for the closed groups of a host. A host tells everybody whom it
// is connected to which protocols it speaks, and so which open groups it is in. A stream
// of a closed group begins with a tag instead, which only its members can make and tell
// from any other, and the name of a service: to everybody else it is as if the host were
// in no group. Its methods may be called concurrently.
type Switchboard struct {
	host host.Host

	mu     sync.Mutex // guards groups
	groups map[*Endpoint]struct{}
}

// NewSwitchboard makes the one switchboard of a host.
func NewSwitchboard(h host.Host) *Switchboard {
	b := &Switchboard{host: h, groups: map[*Endpoint]struct{}{}}
	h.SetStreamHandler(closedProtocol, b.serve)
	return b
}

// Close ends it. The endpoints of closed groups have to be closed before.
func (b *Switchboard) Close() error {
	b.host.RemoveStreamHandler(closedProtocol)
	return nil
}

func (b *Switchboard) add(e *Endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups[e] = struct{}{}
}

func (b *Switchboard) remove(e *Endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.groups, e)
}

// serve leads a stream to where its tag says. Whatever is wrong, it is reset.
func (b *Switchboard) serve(s network.Stream) {
	_ = s.SetReadDeadline(time.Now().Add(knockTimeout))
	tag, service, err := readKnock(s)
	if err == nil {
		err = s.SetReadDeadline(time.Time{})
	}
	if err == nil {
		if e := b.group(s.Conn().RemotePeer(), tag); e != nil {
			if h := e.closedHandler(service); h != nil {
				h(s)
				return
			}
		}
	}
	_ = s.Reset()
}

// group is the one that a host means by a tag, or nil.
func (b *Switchboard) group(client peer.ID, tag [16]byte) *Endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := range b.groups {
		if membership.ServiceTag(e.secret, []byte(client), []byte(b.host.ID())) == tag {
			return e
		}
	}
	return nil
}

// readKnock reads the beginning of a stream: 16 bytes of tag, the length of the service's
// name in one byte, and the name.
func readKnock(r io.Reader) (tag [16]byte, service string, err error) {
	var head [17]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return tag, "", err
	}
	n := int(head[16])
	if n > maxService {
		return tag, "", fmt.Errorf("a service's name of %d bytes", n)
	}
	name := make([]byte, n)
	_, err = io.ReadFull(r, name)
	return [16]byte(head[:16]), string(name), err
}

// knock opens a stream to a service of the closed group at a host. Whether that is in the
// group shows when something is read.
func (e *Endpoint) knock(ctx context.Context, h peer.ID, service string) (network.Stream, error) {
	s, err := e.hostStream(ctx, h, closedProtocol)
	if err != nil {
		return nil, err
	}
	tag := membership.ServiceTag(e.secret, []byte(e.host.ID()), []byte(h))
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	_, err = s.Write(append(append(tag[:], byte(len(service))), service...))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}
