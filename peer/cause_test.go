package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

func TestCauses(t *testing.T) {
	const self, other = hostid.ID("self"), hostid.ID("other")
	system := func(errno syscall.Errno) error {
		return fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)})
	}
	relay := func(err error) error { return fmt.Errorf("error opening hop stream to relay: %w", err) }
	for _, test := range []struct {
		addr string
		err  error
		kind Trouble
		want string
	}{
		{"/ip4/192.0.2.1/tcp/1", system(syscall.ECONNREFUSED), Refused, "refused: nothing listens there"},
		{"/ip4/1.2.3.4/tcp/1", system(syscall.ENETUNREACH), NoRoute, "no route to it"},
		{"/ip4/1.2.3.4/tcp/1", system(syscall.EHOSTUNREACH), NoRoute, "no route to it"},
		{"/ip4/1.2.3.4/tcp/1", system(syscall.ECONNRESET), Failed, "connect: connection reset by peer"},
		{"/ip4/1.2.3.4/tcp/1", system(syscall.ETIMEDOUT), Silent, "no answer in 2.5s"},
		{"/ip4/1.2.3.4/tcp/1", context.DeadlineExceeded, Silent, "no answer in 2.5s"},
		{"/ip4/10.255.1.2/tcp/1", context.DeadlineExceeded, Silent, "no answer in 2.5s; it is a private address of another network"},
		{"/ip4/1.2.3.4/tcp/1", fmt.Errorf("dial: %w", context.Canceled), Interrupted, "interrupted"},
		{"/ip4/1.2.3.4/tcp/1", sec.ErrPeerIDMismatch{Expected: "bob", Actual: other}, OtherPeer, "another peer answers there: " + other.String()},
		{"/ip4/127.0.0.1/tcp/1", sec.ErrPeerIDMismatch{Expected: "bob", Actual: self}, OtherPeer, "this peer itself is there"},
		{"/ip4/1.2.3.4/tcp/1/ws", errNoTransport, NoTransport, "this peer has no transport for it"},
		{"/ip4/1.2.3.4/tcp/1", fmt.Errorf("dial: %w", network.ErrResourceLimitExceeded), Failed, "not tried: too much is under way to this peer, or in all"},
		{"/ip4/1.2.3.4/tcp/1", errors.New("strange\nand long"), Failed, "strange"},
		{"/ip4/1.2.3.4/tcp/1", errors.New("error opening relay circuit: NO_RESERVATION (204)"), NoPlace, "the relay says that it has no place there"},
		{"/ip4/1.2.3.4/tcp/1", errors.New("error opening relay circuit: CONNECTION_FAILED (203)"), NoPlace, "the relay does not get through to it, though it had a place there"},
		{"/ip4/1.2.3.4/tcp/1", errors.New("error opening relay circuit: PERMISSION_DENIED (202)"), Declined, "the relay carries nothing for this peer"},
		{"/ip4/1.2.3.4/tcp/1", errors.New("error opening relay circuit: RESOURCE_LIMIT_EXCEEDED (201)"), Declined, "the relay carries as much as it will"},
		{"/ip4/1.2.3.4/tcp/1", relay(system(syscall.ECONNREFUSED)), NoRelay, "the relay does not answer: refused: nothing listens there"},
		{"/ip4/1.2.3.4/tcp/1", relay(context.DeadlineExceeded), NoRelay, "the relay does not answer: no answer in 2.5s"},
		{"/ip4/1.2.3.4/tcp/1", relay(multistream.ErrNotSupported[protocol.ID]{}), NoRelay, "it is no relay any more"},
		{"/ip4/1.2.3.4/tcp/1", relay(context.Canceled), Interrupted, "interrupted"},
	} {
		kind, text := inWords(test.err, ma.StringCast(test.addr), 2501*time.Millisecond, self)
		if kind != test.kind || text != test.want {
			t.Errorf("%s, %v:\n got %s, %q\nwant %s, %q", test.addr, test.err, kind, text, test.kind, test.want)
		}
	}
}

func TestKindsOfAddresses(t *testing.T) {
	const relay = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	for addr, want := range map[string][2]string{
		"/ip4/127.0.0.1/tcp/1":                             {"loopback"},
		"/ip6/::1/udp/1/quic-v1":                           {"loopback"},
		"/ip4/192.168.1.1/tcp/1":                           {"private"},
		"/ip4/1.2.3.4/udp/1/quic-v1":                       {"public"},
		"/ip4/1.2.3.4/tcp/1/p2p/" + relay + "/p2p-circuit": {"relay", relay},
		"/ip4/1.2.3.4/tcp/1/p2p/" + relay:                  {"public"},
	} {
		a := ma.StringCast(addr)
		if got := [2]string{kindOf(a), relayOf(a)}; got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}

func TestWhatPeersSayOfThemselves(t *testing.T) {
	for body, want := range map[string]string{
		`{"public":true,"udp":"cone","tcp":"symmetric"}`: `{true false cone symmetric []}`,
		`{"udp":"\u001b[31m","relay":true}`:              `{false true unknown unknown []}`,
		`{"relays":[{"host":"a","name":"x"},{"host":"12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA","name":"x/y"},{"host":"12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA","name":"hub"}]}`: `{false false unknown unknown [{12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA hub}]}`,
		`[]`: "error",
		``:   "error",
	} {
		s, err := readSituation([]byte(body))
		got := "error"
		if err == nil {
			got = fmt.Sprint(*s)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
