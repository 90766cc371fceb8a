package peer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
)

// meetOnLAN, in the environment, makes the test binary a peer that says how long
// it took to meet another one.
const meetOnLAN = "JUXTA_TEST_MEET_ON_LAN"

func meetSomebody(name string) int {
	start := time.Now()
	p, err := Start(context.Background(), &Config{Name: name, MDNS: true, Listen: []string{"/ip4/" + lanAddr() + "/tcp/0"}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	met := "met nobody in"
	for a := range p.Net().Discovery().Watch(ctx, discovery.Query{Kind: adv.KindPeer}) {
		if a.Signer() != p.ID() {
			met = "met in"
			break
		}
	}
	fmt.Println(met, time.Since(start))
	_, _ = os.Stdin.Read(make([]byte, 1)) // the other may need us
	if err := p.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// lanAddr is the address of this namespace on the network of the test.
func lanAddr() string {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && strings.HasPrefix(n.IP.String(), "10.99.") {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// lan makes two network namespaces that are joined by a wire, and returns their
// names.
func lan(t *testing.T) [2]string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("needs the command ip (iproute2), to make network namespaces")
	}
	run := func(line string) error {
		out, err := exec.Command(ip, strings.Fields(line)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
		return nil
	}
	names := [2]string{fmt.Sprintf("juxta-%d-a", os.Getpid()), fmt.Sprintf("juxta-%d-b", os.Getpid())}
	for _, name := range names {
		if err := run("netns add " + name); err != nil {
			t.Skipf("needs network namespaces: %v", err)
		}
		t.Cleanup(func() {
			if err := run("netns delete " + name); err != nil {
				t.Error(err)
			}
		})
	}
	if err := run("-n " + names[0] + " link add wire type veth peer name wire netns " + names[1]); err != nil {
		t.Skipf("needs veth interfaces: %v", err)
	}
	for i, name := range names {
		for _, line := range []string{"link set lo up", fmt.Sprintf("addr add 10.99.0.%d/24 dev wire", i+1), "link set wire up", "route add 224.0.0.0/4 dev wire"} {
			if err := run("-n " + name + " " + line); err != nil {
				t.Fatal(err)
			}
		}
	}
	return names
}

func TestPeersOnOneNetworkMeetByThemselves(t *testing.T) {
	if testing.Short() {
		t.Skip("makes network namespaces")
	}
	var said []*bufio.Reader
	for _, namespace := range lan(t) {
		cmd := exec.Command("ip", "netns", "exec", namespace, os.Args[0])
		cmd.Env = append(os.Environ(), meetOnLAN+"="+namespace)
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
		said = append(said, bufio.NewReader(out))
		t.Cleanup(func() {
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	for _, r := range said {
		line, err := r.ReadString('\n')
		t.Log(strings.TrimSpace(line))
		if err != nil || !strings.HasPrefix(line, "met in") {
			t.Errorf("%q, %v", line, err)
		}
	}
}
