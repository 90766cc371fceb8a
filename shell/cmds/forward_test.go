package cmds_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
)

// forwards starts a forward as a job and returns where it says that it listens.
func (u *user) forwards(w *testnet.World, args string) string {
	u.t.Helper()
	out, errs, status := u.run("forward " + args + " &")
	if status != 0 {
		u.t.Fatalf("forward %s: %s", args, errs)
	}
	w.Until(10*time.Second, "forward "+args, func() bool {
		out += u.out.take()
		return strings.HasSuffix(out, "\n")
	})
	where, ok := strings.CutPrefix(strings.TrimSuffix(out, "\n"), "listening on ")
	if !ok || strings.Contains(where, "\n") {
		u.t.Fatalf("forward %s says %q", args, out)
	}
	return where
}

// says waits until the session has said something on standard error.
func (u *user) says(w *testnet.World, what string) {
	u.t.Helper()
	said := ""
	defer func() {
		if !strings.Contains(said, what) {
			u.t.Errorf("%s says %q", u.peer.Name(), said)
		}
	}()
	w.Until(10*time.Second, what, func() bool {
		said += u.errs.take()
		return strings.Contains(said, what)
	})
}

// serveTCP serves connections to an address of the loopback interface.
func serveTCP(t *testing.T, handle func(*net.TCPConn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn.(*net.TCPConn))
			}()
		}
	}()
	return ln.Addr().String()
}

func dialTCP(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// fetch reads all that comes from an address.
func fetch(t *testing.T, addr string) (string, error) {
	t.Helper()
	conn := dialTCP(t, addr)
	defer conn.Close()
	got, err := io.ReadAll(conn)
	return string(got), err
}

// An HTTP server behind two forwards: connections are kept and used again, many at a
// time, and may change to another protocol.
func TestForwardHTTP(t *testing.T) {
	w, alice, bob := world(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /length", func(rw http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(rw, n, err)
	})
	mux.HandleFunc("/upgrade", func(rw http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(conn, buf)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	alice.forwards(w, "-r web "+server.Listener.Addr().String())
	addr := bob.forwards(w, "0 web")
	url := "http://" + addr

	transport := &http.Transport{}
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	body := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	results := make(chan string)
	for range 20 {
		go func() {
			for range 3 {
				res, err := client.Post(url+"/length", "", bytes.NewReader(body))
				if err != nil {
					results <- err.Error()
					return
				}
				got, _ := io.ReadAll(res.Body)
				res.Body.Close()
				results <- string(got)
			}
		}()
	}
	for range 60 {
		if got := <-results; got != "1600000 <nil>" {
			t.Fatal(got)
		}
	}
	transport.CloseIdleConnections()

	conn := dialTCP(t, addr)
	fmt.Fprint(conn, "GET /upgrade HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	for range 3 {
		fmt.Fprintln(conn, "over and over")
		if got, err := r.ReadString('\n'); got != "over and over\n" {
			t.Fatal(got, err)
		}
	}
}

func TestForwardEnds(t *testing.T) {
	w, alice, bob := world(t)
	first := make(chan int64, 1)
	server := serveTCP(t, func(conn *net.TCPConn) {
		r := bufio.NewReader(conn)
		switch what, _ := r.ReadString('\n'); what {
		case "count\n": // answers when all has come
			n, err := io.Copy(io.Discard, r)
			fmt.Fprintln(conn, n, err)
		case "first\n": // ends its side first
			fmt.Fprintln(conn, "ready")
			_ = conn.CloseWrite()
			n, _ := io.Copy(io.Discard, r)
			first <- n
		case "reset\n":
			_ = conn.SetLinger(0)
		}
	})
	alice.forwards(w, "-r -v count "+server)
	addr := bob.forwards(w, "-l -v 0 count")

	conn := dialTCP(t, addr)
	fmt.Fprint(conn, "count\n", strings.Repeat("x", 1<<20))
	_ = conn.CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "1048576 <nil>\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	alice.says(w, fmt.Sprintf("forward: %s: closed, 1048582 bytes sent, 14 received\n", bob.peer.ID()))

	conn = dialTCP(t, addr)
	fmt.Fprintln(conn, "first")
	if got, err := io.ReadAll(conn); string(got) != "ready\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	fmt.Fprint(conn, strings.Repeat("x", 1<<20))
	_ = conn.Close()
	if n := <-first; n != 1<<20 {
		t.Errorf("%d bytes came after the other end had ended", n)
	}

	conn = dialTCP(t, addr)
	fmt.Fprintln(conn, "reset")
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("%q", got)
	}
	alice.says(w, fmt.Sprintf("forward: %s: %s: connection reset by peer\n", bob.peer.ID(), server))
	bob.want(`kill %1; wait %1`, "", 143)
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("its port is still open")
	}
}

// When forward ends its connections do, at once; and a connection that ends leaves
// nothing behind.
func TestForwardKilled(t *testing.T) {
	testnet.CheckLeaks(t)
	w, alice, bob := world(t)
	server := serveTCP(t, func(conn *net.TCPConn) { _, _ = io.Copy(conn, conn) })
	alice.forwards(w, "-r echo "+server)
	addr := bob.forwards(w, "0 echo")
	var conns []*net.TCPConn
	for range 10 {
		conn := dialTCP(t, addr)
		fmt.Fprintln(conn, "there?")
		if got, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(got, err)
		}
		conns = append(conns, conn)
	}
	bob.want(`kill %1; wait %1`, "", 143)
	for _, conn := range conns {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client gets %v", err)
		}
	}
	alice.want(`kill %1; wait %1`, "", 143)
}

// Forward ends although nobody reads what it has to send.
func TestForwardKilledAtWork(t *testing.T) {
	w, alice, bob := world(t)
	deaf := make(chan struct{})
	server := serveTCP(t, func(*net.TCPConn) { <-deaf })
	defer close(deaf)
	alice.forwards(w, "-r deaf "+server)
	conn := dialTCP(t, bob.forwards(w, "0 deaf"))
	go func() {
		_, _ = io.Copy(conn, endless{}) // ends with the connection
	}()
	w.Pass(time.Second) // until nothing moves
	begun := time.Now()
	bob.want(`kill %1; wait %1`, "", 143)
	alice.want(`kill %1; wait %1`, "", 143)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// endless is a reader of zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A server that is down, a pipe that nobody offers, and both there again: forward goes
// on.
func TestForwardGoesOn(t *testing.T) {
	w, alice, bob := world(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	ln.Close()
	addr := bob.forwards(w, "-t 500ms 0 time")

	lost := func() {
		t.Helper()
		if got, err := fetch(t, addr); got != "" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%q, %v", got, err)
		}
	}
	lost()
	bob.says(w, ": time: not found: nobody who can be reached has published it\n")
	alice.forwards(w, "-r --json time "+nobody+` | sed -u 's/.*"event":"listening".*/listening on it/'`)
	lost()
	var said string
	w.Until(10*time.Second, "alice reports", func() bool {
		said += alice.errs.take()
		return strings.HasSuffix(said, "\n")
	})
	var h map[string]any
	if err := json.Unmarshal([]byte(said), &h); err != nil || h["event"] != "failed" || h["addr"] != nobody || h["pipe"] != "time" ||
		h["peer"] != bob.peer.ID().String() || h["error"] != nobody+": connection refused: is the server running?" {
		t.Errorf("%q: %v, %v", said, h, err)
	}
	alice.run(`kill %1; wait %1`)
	lost()
	bob.says(w, "time: n")
	up := serveTCP(t, func(conn *net.TCPConn) { fmt.Fprintln(conn, "noon") })
	alice.forwards(w, "-r time "+up)
	if got, err := fetch(t, addr); got != "noon\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestForwardNumber(t *testing.T) {
	w, alice, bob := world(t)
	server := serveTCP(t, func(conn *net.TCPConn) { fmt.Fprintln(conn, "noon") })
	alice.want(`adv = newpipe -n any`, "", 0)
	urn := alice.forwards(w, "-r -n 2 $adv "+server)
	addr := bob.forwards(w, "-n 2 0 "+urn)
	for range 2 {
		if got, err := fetch(t, addr); got != "noon\n" {
			t.Errorf("%q, %v", got, err)
		}
	}
	alice.want(`wait %1`, "", 0)
	bob.want(`wait %1`, "", 0)
	_, _ = fetch(t, bob.forwards(w, "-n 1 -t 300ms 0 nothing"))
	bob.want(`wait %2`, "", 1)

	alice.forwards(w, "-r any "+server)
	conn := dialTCP(t, bob.forwards(w, "-n 1 -w 300ms 0 any")) // which is never closed
	if got, err := io.ReadAll(conn); string(got) != "noon\n" {
		t.Errorf("%q, %v", got, err)
	}
	bob.says(w, "any: nothing has come or gone for 300ms\n")
	bob.want(`wait %3`, "", 1)
}

func TestForwardUsage(t *testing.T) {
	_, alice, bob := world(t)
	alice.want(`b = newpipe -n hers; publish b`, "", 0)
	bob.want(`search -r -q Name=hers`, "adv0\n", 0)
	for src, message := range map[string]string{
		`forward`:                  "two operands are wanted",
		`forward 8080`:             "two operands are wanted",
		`forward web 8080`:         `"web" is no TCP address such as 8080 or 127.0.0.1:8080; the address comes first`,
		`forward -r 8080 web`:      "with -r the pipe comes first",
		`forward 65536 web`:        "forward: 65536: a port is a number up to 65535\nusage",
		`forward -r web [::]:1e9`:  "is no TCP address",
		`forward -r web ::1:99999`: "is no TCP address",
		`forward -r web h:99999`:   "h:99999: a port is a number up to 65535\nusage",
		`forward localhost: web`:   "is no TCP address",
		`forward ::1:80 web`:       "is no TCP address",
		`forward 1:2:3 web`:        "is no TCP address",
		`forward -r web 0`:         "nobody listens at port 0",
		`forward 0 ''`:             "the pipe's name is empty",
		`forward -l -r web 80`:     "exclude each other",
		`forward -n -1 0 web`:      "no negative number",
		`forward 8080 web extra`:   "two operands are wanted",
		`forward -r '' 80`:         "the pipe's name is empty",
	} {
		bob.fails(src, message, 2)
	}
	bob.fails(`forward -r adv0 80`, "it belongs to", 1)
	bob.fails(`forward 192.0.2.1:80 web`, "192.0.2.1:80: cannot assign requested address", 1)
}

// The first line as JSON.
func TestForwardBegins(t *testing.T) {
	w, alice, _ := world(t)
	alice.want(`forward -r --json web [::1]:80 & forward --json :0 web &`, "", 0)
	said := ""
	w.Until(10*time.Second, "both listen", func() bool {
		said += alice.out.take()
		return strings.Count(said, "\n") == 2
	})
	for line := range strings.Lines(said) {
		var h map[string]string
		if err := json.Unmarshal([]byte(line), &h); err != nil || h["event"] != "listening" || h["pipe"] != "web" {
			t.Errorf("%q: %v", line, err)
		}
		if urn := h["id"]; urn != "" && (h["addr"] != "[::1]:80" || !strings.HasPrefix(urn, "urn:jxta:uuid-")) ||
			urn == "" && !strings.HasPrefix(h["addr"], "127.0.0.1:") {
			t.Errorf("%q", line)
		}
	}
	alice.run(`kill %1 %2; wait`)
}
