package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// What may not be read on the wire, and what has to be.
const (
	capturedGroup    = "zwischenzug-of-the-unmistakable"
	capturedAdv      = "najdorf-that-nobody-else-has"
	capturedPipe     = "fianchetto-for-the-two-of-us"
	capturedMessage  = "en passant, said in confidence"
	capturedPassword = "a password that is nowhere else"
	capturedControl  = "this is said in the clear, for all to read"
)

// captureRole, in the environment, makes TestCapturedPeer one of the two peers; captureArgs
// is what it has to know.
const (
	captureRole = "JUXTA_TEST_CAPTURE_ROLE"
	captureArgs = "JUXTA_TEST_CAPTURE_ARGS"
	controlPort = "7777"
)

// captured is what a capturing peer leaves in a file.
type captured struct {
	Secrets map[string][]byte // that no packet may have
	Packets [][]byte
}

// Nobody who reads what two members send each other, over TCP or QUIC, learns of which
// group they are, or what they say.
func TestNothingIsReadOnTheWire(t *testing.T) {
	if testing.Short() {
		t.Skip("makes network namespaces")
	}
	spaces := lan(t)
	for name, listen := range map[string]string{"tcp": "/tcp/0", "quic": "/udp/0/quic-v1"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "captured")
			alice, toAlice := startIn(t, spaces[0], "alice", listen, file)
			said := strings.Fields(readLine(t, alice))
			bob, toBob := startIn(t, spaces[1], "bob", listen, strings.Join(said, " "))
			if line := readLine(t, bob); line != "done" {
				t.Fatalf("bob says %q", line)
			}
			_ = toAlice.Close()
			if line := readLine(t, alice); line != "written" {
				t.Fatalf("alice says %q", line)
			}
			_ = toBob.Close()
			examine(t, file)
		})
	}
}

// startIn runs one of the peers in a namespace. It goes on until its standard input ends.
func startIn(t *testing.T, namespace, role, listen, args string) (*bufio.Reader, io.Closer) {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", namespace, os.Args[0], "-test.run=^TestCapturedPeer$")
	cmd.Env = append(os.Environ(), captureRole+"="+role, captureArgs+"="+listen+" "+args)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	})
	return bufio.NewReader(out), in
}

func readLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

// examine looks for what was not to be seen, and for what was.
func examine(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c captured
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	control, size := 0, 0
	for _, p := range c.Packets {
		size += len(p)
		if bytes.Contains(p, []byte(capturedControl)) {
			control++
		}
		for what, secret := range c.Secrets {
			if bytes.Contains(p, secret) {
				t.Errorf("a packet of %d bytes has %s in it", len(p), what)
			}
		}
	}
	t.Logf("%d packets, %d bytes; %d secrets; %d packets in clear", len(c.Packets), size, len(c.Secrets), control)
	if control == 0 {
		t.Error("what was said in clear was not seen")
	}
	if size < 20_000 {
		t.Errorf("no more than %d bytes were seen: the peers have talked otherwise", size)
	}
}

// TestCapturedPeer is one of the two peers.
func TestCapturedPeer(t *testing.T) {
	role := os.Getenv(captureRole)
	if role == "" {
		t.Skip("a part of TestNothingIsReadOnTheWire, which starts it")
	}
	args := strings.Fields(os.Getenv(captureArgs))
	cfg := &Config{Name: role, NoDHT: true, Listen: []string{"/ip4/" + lanAddr() + args[0]}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if role == "alice" {
		capturedAlice(ctx, t, cfg, args[1])
	} else {
		capturedBob(ctx, t, cfg, args[1], args[2])
	}
}

func startCaptured(ctx context.Context, t *testing.T, cfg *Config) *Peer {
	t.Helper()
	p, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// capturedAlice makes the group, and writes down all that comes by.
func capturedAlice(ctx context.Context, t *testing.T, cfg *Config, file string) {
	stop := capture(t)
	p := startCaptured(ctx, t, cfg)
	signed, err := p.CreateGroup(ctx, &NewGroup{Name: capturedGroup, Method: membership.Password, Password: []byte(capturedPassword)})
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Join(ctx, signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc := &adv.Document{Name: "Opening", Children: []*adv.Element{
		{Name: "Id", Text: id.NewCodat(id.Net).String()}, {Name: "Name", Text: capturedAdv},
	}}
	if _, err := g.Discovery().Publish(ctx, doc, 0, 0); err != nil {
		t.Fatal(err)
	}
	admin, err := g.Authority()
	if err != nil {
		t.Fatal(err)
	}
	inv, err := admin.Invite(ctx, &group.InvitationConfig{})
	if err != nil {
		t.Fatal(err)
	}
	pipes, err := g.Pipe().Listen(ctx, capturedPipe)
	if err != nil {
		t.Fatal(err)
	}
	defer pipes.Close()
	clear, err := net.Listen("tcp", net.JoinHostPort(lanAddr(), controlPort))
	if err != nil {
		t.Fatal(err)
	}
	defer clear.Close()
	var echoing sync.WaitGroup
	for _, ln := range []net.Listener{pipes, clear} {
		echoing.Go(func() { echo(ln) })
	}
	secrets := secretsOf(ctx, t, p, g, inv)
	fmt.Println(p.Addrs()[0], inv.Token.String())
	_, _ = io.Copy(io.Discard, os.Stdin)
	near := g.Neighbours()
	if len(near) != 1 { // bob
		t.Errorf("neighbours: %v", near)
	}
	for _, n := range near {
		tag := membership.ServiceTag(secrets["the secret"], []byte(p.host.ID()), []byte(n.Host()))
		back := membership.ServiceTag(secrets["the secret"], []byte(n.Host()), []byte(p.host.ID()))
		secrets["alice's tag at bob"], secrets["bob's tag at alice"] = tag[:], back[:]
		secrets["bob's credential"] = n.Advertisement().(*adv.Peer).Credential
	}
	text, err := json.Marshal(&captured{secrets, stop()})
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("written")
	_ = pipes.Close()
	_ = clear.Close()
	echoing.Wait()
}

// echo answers the first connection with what it says.
func echo(ln net.Listener) {
	c, err := ln.Accept()
	if err != nil {
		return
	}
	_, _ = io.Copy(c, c)
	_ = c.Close()
}

// secretsOf is what nobody may see.
func secretsOf(ctx context.Context, t *testing.T, p *Peer, g *group.Group, inv *group.Invitation) map[string][]byte {
	t.Helper()
	opened, _, err := p.Net().OpenInvitation(ctx, inv.Token)
	if err != nil {
		t.Fatal(err)
	}
	info, err := hostid.AddrInfoFromString(p.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	uuid, tag := g.ID().UUID(), membership.BeaconProof(opened.Secret, []byte(info.ID))
	token := inv.Token.String()
	return map[string][]byte{
		"the group's name": []byte(capturedGroup), "the advertisement's name": []byte(capturedAdv), "the pipe's name": []byte(capturedPipe),
		"the message": []byte(capturedMessage), "the password": []byte(capturedPassword),
		"the group's UUID": uuid[:], "the group's UUID in hex": []byte(hex.EncodeToString(uuid[:])),
		"the group's UUID in capitals": []byte(strings.ToUpper(hex.EncodeToString(uuid[:]))),
		"the token":                    []byte(token), "half of the token": []byte(token[len(token)/2:]), "the token's key": inv.Token.Key().Seed(),
		"the secret": opened.Secret, "alice's beacon": []byte(hex.EncodeToString(tag[:])),
		"alice's credential": g.Self().Advertisement().(*adv.Peer).Credential,
	}
}

// capturedBob finds the group and joins it, reads and says something, and says something
// else in the clear.
func capturedBob(ctx context.Context, t *testing.T, cfg *Config, seed, invitation string) {
	cfg.Seeds = []string{seed}
	p := startCaptured(ctx, t, cfg)
	signed, err := p.Net().Discovery().Await(ctx, discovery.Query{Kind: adv.KindGroup, Attr: "Name", Value: capturedGroup})
	if err != nil {
		t.Fatal(err)
	}
	token, err := membership.ParseToken(invitation)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Invited(ctx, token, nil); err != nil {
		t.Fatal(err)
	}
	g, err := p.Join(ctx, signed, &Entry{Password: []byte(capturedPassword)})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := g.AwaitMembers(ctx, 2); err != nil {
		t.Fatalf("%d members: %v", n, err)
	}
	if _, err := g.Discovery().Await(ctx, discovery.Query{Kind: "Opening", Attr: "Name", Value: capturedAdv}); err != nil {
		t.Fatal(err)
	}
	c, err := g.Pipe().Dial(ctx, "pipe", capturedPipe)
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, capturedMessage)
	info, err := hostid.AddrInfoFromString(seed)
	if err != nil {
		t.Fatal(err)
	}
	at, err := info.Addrs[0].ValueForProtocol(4) // ip4
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Dial("tcp", net.JoinHostPort(at, controlPort))
	if err != nil {
		t.Fatal(err)
	}
	say(t, plain, capturedControl)
	fmt.Println("done")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// say says something, and waits for the echo.
func say(t *testing.T, c net.Conn, what string) {
	t.Helper()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, what); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(what))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != what {
		t.Fatalf("%q, %v", got, err)
	}
}

// capture keeps all packets that come and go in this namespace, until stop is called.
func capture(t *testing.T) (stop func() [][]byte) {
	t.Helper()
	var all [2]byte
	binary.BigEndian.PutUint16(all[:], syscall.ETH_P_ALL)
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, int(binary.NativeEndian.Uint16(all[:])))
	if err != nil {
		t.Fatalf("packets cannot be captured: %v", err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, 64<<20)
	tick := syscall.Timeval{Usec: 100_000}
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tick); err != nil {
		t.Fatal(err)
	}
	var packets [][]byte
	done := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		buf := make([]byte, 256<<10)
		for {
			n, _, err := syscall.Recvfrom(fd, buf, 0)
			if err == nil {
				packets = append(packets, bytes.Clone(buf[:n]))
				continue
			}
			select {
			case <-done: // and there is nothing more
				return
			default:
			}
		}
	})
	return func() [][]byte {
		close(done)
		reading.Wait()
		_ = syscall.Close(fd)
		return packets
	}
}
