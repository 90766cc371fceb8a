package cmds_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

// inVirtualTime runs f with alice, a rendezvous, and bob and carol, edges. No process may
// be waited for in it, and no pipe of the operating system be read that is empty.
func inVirtualTime(t *testing.T, f func(t *testing.T, w *testnet.World, alice, bob, carol *user)) {
	t.Helper()
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		alice := sit(t, w, "alice", rendezvous.Rendezvous)
		bob := sit(t, w, "bob", rendezvous.Edge, alice)
		carol := sit(t, w, "carol", rendezvous.Edge, alice)
		w.Settle(alice.peer, bob.peer, carol.peer)
		f(t, w, alice, bob, carol)
	})
}

// offers makes a pipe, publishes it and binds it as in.
func (u *user) offers(flags string) {
	u.t.Helper()
	u.want(`set -e; a = newpipe -n moves `+flags+`; publish a; in = mkpipe -i a; set +e`, "", 0)
}

func TestReceipt(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, _ *testnet.World, alice, bob, _ *user) {
		alice.offers("")
		bob.want(`out = mkpipe -o moves; send out -d hello; send -r out -d hi & jobs | cut -f 2`, "running\n", 0)
		alice.want(`recv -e data in`, "hello\n", 0)
		bob.want(`jobs | cut -f 2`, "running\n", 0)
		alice.want(`recv -e data in`, "hi\n", 0)
		bob.want(`wait %1; echo $?`, "1\n0\n", 0)

		bob.fails(`send -r -t 2s out -d late`, "send: out: not taken in 2s by alice\n", 124)
		row := `{"acknowledged":0,"lagging":[{"name":"alice","id":"` + alice.peer.ID().String() + `"}]}` + "\n"
		bob.want(`send -r --json -t 2s out -d later`, row, 124)
		got, _, _ := alice.run(`recv -n 0 -e data in &`) // it may have begun by then
		bob.want(`send --json -r out -d last`, `{"acknowledged":1,"lagging":[]}`+"\n", 0)
		if got += alice.out.take(); got != "late\nlater\nlast\n" {
			t.Errorf("%q", got)
		}
		bob.fails(`send --json out -d x`, "--json goes with -r", 2)
		bob.fails(`send out`, "an output pipe and one message are wanted: a handle, - for standard input, or -d TEXT", 2)
		bob.fails(`request out </dev/null`, "a handle, - for standard input, or -d TEXT", 2)
		bob.fails(`send -r out x y`, "an output pipe and one message are wanted", 2)
	})
}

func TestSendLines(t *testing.T) {
	inVirtualTime(t, func(_ *testing.T, _ *testnet.World, alice, bob, _ *user) {
		alice.offers("")
		bob.want(`out = mkpipe -o moves; printf 'a\n\n b\r\nlast' | send -L out`, "", 0)
		alice.want(`recv -n 2 -e data in; recv -n 2 -e data in | wc -c`, "a\n\n9\n", 0)
		alice.want(`recv -n 3 -e data in &`, "", 0)
		bob.want(`printf 'one\ntwo\n' | send -L -r out`, "1\n1\n", 0)
		bob.fails(`printf '1\n2\n3\n' | send -r -t 1s -L out`, "send: line 2: out: not taken in 1s by alice\n", 124)
		bob.fails(`send -L out msg`, "on standard input", 2)
		bob.fails(`send -L out -d x`, "on standard input", 2)
	})
}

func TestRequests(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *testnet.World, alice, bob, carol *user) {
		alice.offers("")
		alice.want(`while m = recv in; do reply $m -d "got $(get $m data)"; close $m; done &`, "", 0)
		bob.want(`out = mkpipe -o moves; request -e data out -d hi`, "got hi\n", 0)
		bob.want(`m = mkmsg; put m data two; r = request out m; get $r data; cat $r | head -n 1`,
			"got two\nFrom: "+alice.peer.ID().String()+"\n", 0)
		bob.want(`request --json out -d hi`, `{"from":"`+alice.peer.ID().String()+
			`","elements":[{"name":"data","mime":"text/plain","size":6,"text":"got hi"}]}`+"\n", 0)
		bob.fails(`request -e other out -d hi`, "other: the reply has no such element", 1)
		alice.want(`kill %1`, "", 0)

		bob.fails(`request -t 1s out -d slow`, "request: out: no reply in 1s: recv and reply have to run at the other end", 124)
		alice.want(`m = recv in; get -l $m | wc -l; cat $m | sed -n 2p; reply $m -d late`, "1\nRequest: a reply is wanted\n", 0)
		alice.fails(`reply $m -d again`, "it was replied to already", 1)
		bob.want(`send out $m`, "", 0)
		alice.fails(`m = recv in; reply $m -d x`, "its sender waits for no reply", 1)
		alice.fails(`reply $m`, "a request and one message are wanted", 2)

		bob.want(`request -t 5m out -d x &`, "", 0)
		out, _, _ := alice.run(`recv --json in`)
		handle, rest, ok := strings.Cut(strings.TrimPrefix(out, `{"handle":"`), `"`)
		if want := `,"from":"` + bob.peer.ID().String() + `","elements":[{"name":"data","mime":"text/plain","size":1,"text":"x"}]}` + "\n"; !ok || rest != want {
			t.Errorf("%s\nnot %s", out, want)
		}
		w.Kill(bob.peer)
		carol.run(`sleep 2m`)
		alice.fails(`reply `+handle+` -d x`, "its sender is gone", 4)
	})
}

// What a person reads when the receiver is killed.
func TestReceiverGone(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *testnet.World, alice, bob, carol *user) {
		carol.offers("")
		bob.want(`out = mkpipe -o moves; send out -d hello`, "", 0)
		w.Kill(carol.peer)
		bob.fails(`send -r -t 1s out -d x`, "send: out: not taken in 1s by carol", 124)
		const gone = ": out: the other end is gone: it has closed the pipe or ended, or could not be reached for too long (see --patience). What was sent last may not have arrived"
		bob.fails(`send -r -t 5m out -d x`, "send"+gone, 4)
		bob.fails(`send -t 2s out -d x`, "send: out: nobody who can be reached has its input end", 4)
		bob.fails(`request -t 2s out -d x`, "request: out: nobody who can be reached has its input end", 4)
		bob.fails(`close out`, "", 0)
		bob.want(`out = mkpipe -o -t 200ms moves`, "", 4)

		alice.offers("")
		bob.want(`out = mkpipe -o moves; send out -d hello`, "", 0)
		alice.want(`recv -e data in; close in; sleep 1`, "hello\n", 0)
		bob.fails(`send -r out -d x`, "send"+gone, 4)
		bob.fails(`send -r -t 1s out -d x`, "send: out: nobody who can be reached", 4)
	})
}

func TestPropagatePipe(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *testnet.World, alice, bob, carol *user) {
		bob.want(`a = newpipe -p -n news; publish a; out = mkpipe -o a`, "", 0)
		bob.fails(`send -r out -d nobody`, "send: out: no subscriber has acknowledged it: there is none, or it has only just begun", 4)
		bob.want(`send -r --json out -d nobody`, `{"acknowledged":0,"lagging":[]}`+"\n", 4)
		alice.want(`sleep 1; in = mkpipe -i news; recv -n 0 -e data in &`, "", 0)
		carol.want(`in = mkpipe -i news; sleep 1`, "", 0)
		bob.want(`close out; out = mkpipe -o news`, "", 0) // one that they have the time to answer
		bob.fails(`send -r -t 3s out -d one`, "send: out: not taken in 3s by carol; 1 have taken it", 124)
		carol.want(`recv -e data in; recv -n 0 -e data in &`, "one\n", 0)
		bob.want(`send -r out -d two`, "2\n", 0)
		if a, c := alice.out.take(), carol.out.take(); a != "one\ntwo\n" || c != "two\n" {
			t.Errorf("alice has %q, carol %q", a, c)
		}
		dave := sit(t, w, "dave", rendezvous.Edge, alice)
		w.Settle(dave.peer)
		dave.want(`in = mkpipe -i --replay 2 news; recv -t 10s -n 2 -e data in; recv -t 1s -n 2 -e data in; close in`, "one\ntwo\n", 0)
		dave.want(`in = mkpipe -i --replay-age 5m news; recv -t 10s -n 4 -e data in; recv -l in; recv --json -l in`,
			"nobody\nnobody\none\ntwo\n0\n"+`{"lost":0}`+"\n", 0)

		bob.fails(`request out -d x`, "request: out: refused: a propagate pipe carries no requests; any other pipe does", 1)
		bob.fails(`connect news`, "a propagate pipe carries messages to all, not a stream; see mkpipe -o, and send", 1)
		bob.fails(`mkpipe -o --round-robin news`, "--round-robin is for shared pipes", 1)
		bob.fails(`mkpipe -i --grace 1s news`, "--grace goes with -o", 2)
		bob.fails(`mkpipe -o --replay 1 news`, "--replay goes with -i", 2)
		bob.fails(`mkpipe -i --replay -1 news`, "no negative number", 2)
		bob.fails(`mkpipe -io news`, "-i or -o is wanted, not both", 2)
		bob.fails(`mkpipe -o --best-effort --grace 1s news`, "exclude each other", 2)
		bob.fails(`newpipe -p --shared`, "any peer may bind a propagate pipe", 2)
		alice.fails(`mkpipe -i news`, "already bound at this peer: close its handle first, see env", 1)
	})
}

// A best-effort sender waits for nobody, and a subscriber that is slow says what it lost.
func TestBestEffortPipe(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, _ *testnet.World, alice, bob, _ *user) {
		bob.want(`a = newpipe -p -n news; publish a; out = mkpipe -o --best-effort news`, "", 0)
		alice.want(`in = mkpipe -i news`, "", 0)
		bob.want(`m = mkmsg; put m big "$(printf %60000d 1)"; put m data x
i=0; while test $i -lt 1000; do send -t 10s out m || break; i=$((i + 1)); done; echo $i`, "1000\n", 0)
		out, errs, _ := alice.run(`recv -t 30s -n 1000 -e data in`)
		if n := strings.Count(out, "x\n"); n == 0 || n == 1000 {
			t.Fatalf("%d have come: %q", n, errs)
		}
		if !strings.Contains(errs, "messages were lost to this end") {
			t.Errorf("%q", errs)
		}
	})
}

func TestSharedPipe(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *testnet.World, alice, bob, carol *user) {
		alice.offers("--shared")
		carol.want(`in = mkpipe -i moves; recv -n 0 -e data in &`, "", 0)
		alice.want(`recv -n 0 -e data in &`, "", 0)
		bob.want(`out = mkpipe -o --json --round-robin moves`, "", 0)
		bob.want(`out = mkpipe -o --round-robin moves; for i in 1 2 3 4 5 6; do send -r out -d $i; done`, strings.Repeat("1\n", 6), 0)
		a, c := alice.out.take(), carol.out.take()
		if strings.Count(a, "\n") != 3 || strings.Count(c, "\n") != 3 {
			t.Errorf("alice has %q, carol %q", a, c)
		}
		w.Kill(carol.peer)
		bob.want(`for i in 7 8; do send -r -t 2m out -d $i; done`, "1\n1\n", 0)
		if got := alice.out.take(); got != "7\n8\n" && got != "8\n7\n" {
			t.Errorf("alice has %q", got)
		}
		bob.fails(`b = newpipe -n own; publish b; mkpipe -o --round-robin own`, "only a shared pipe has several input ends; see newpipe --shared", 1)
		bob.fails(`mkpipe -o --best-effort moves`, "--best-effort is for propagate pipes, see newpipe -p: this one is of type JxtaUnicast", 1)
		alice.fails(`mkpipe -i own`, "mkpipe: own: only its owner, bob, can bind its input end; see newpipe --shared", 1)
	})
}

func TestKindsOfPipes(t *testing.T) {
	inVirtualTime(t, func(_ *testing.T, _ *testnet.World, alice, bob, _ *user) {
		alice.want(`a = newpipe -s -n safe; publish a; in = mkpipe -i a`, "", 0)
		bob.want(`out = mkpipe -o safe; send out -d hello`, "", 0)
		alice.want(`recv -e data in`, "hello\n", 0)
		alice.want(`b = mkadv -p -n all -f Type=JxtaPropagate -f Desc=x; c = mkadv -p -n jobs -f Shared=true; publish b; publish c; in2 = mkpipe -i b`, "", 0)
		bob.want(`out2 = mkpipe -o all; send out2 -d hi; in = mkpipe -i jobs`, "", 0)
		alice.want(`recv -e data in2`, "hi\n", 0)
		for src, message := range map[string]string{
			`mkadv -p -f Type=Other`:                        "a pipe is of one of the types",
			`mkadv -p -f Owner=me`:                          "of a pipe Type=TYPE, Desc=TEXT and Shared=true",
			`mkadv -p -f Type=JxtaPropagate -f Shared=true`: "any peer may bind",
			`mkadv -g -n x -f Desc=y`:                       "-f goes with -t, and with -p",
		} {
			alice.fails(src, message, 2)
		}
		bob.fails(`connect -t 2s safe`, "not a stream; see mkpipe -o, and send", 1)
	})
}

func TestRecv(t *testing.T) {
	inVirtualTime(t, func(_ *testing.T, _ *testnet.World, alice, bob, _ *user) {
		alice.offers("")
		bob.want(`out = mkpipe -o moves; m = mkmsg; printf '\xff\x00' | put m bin; put m empty ''; put m text 'e2 <e4>'
send out m; send out -d plain; send out m; send out m; printf 'no\nlf' | send out -`, "", 0)
		alice.want(`recv --json in`, `{"from":"`+bob.peer.ID().String()+`","elements":[`+
			`{"name":"bin","mime":"application/octet-stream","size":2,"base64":"/wA="},`+
			`{"name":"empty","mime":"text/plain","size":0,"text":""},`+
			`{"name":"text","mime":"text/plain","size":7,"text":"e2 <e4>"}]}`+"\n", 0)
		alice.want(`env -o | grep -c msg`, "0\n", 1)
		alice.fails(`recv -e text in`, "text: the message that came has no such element", 1)
		bob.want(`send out -d plain`, "", 0)
		alice.want(`recv -n 2 -e text in; echo $?`, "e2 <e4>\ne2 <e4>\n0\n", 0)
		alice.want(`recv -e data in; echo; recv -n 1 -e text in; echo $?`, "no\nlf\n1\n", 0)
		bob.want(`send out m; send out -d plain; send out m`, "", 0)
		alice.want(`recv -n 3 -t 10s -e text in; echo $?`, "e2 <e4>\ne2 <e4>\n1\n", 0)
		bob.want(`send out m; send out m`, "", 0)
		alice.want(`recv -n 0 -t 10s in; echo $?`, "msg0\nmsg1\n124\n", 0)
		alice.fails(`recv -t 1500ms in`, "recv: in: no message in 1.5s\n", 124)
		bob.want(`{ sleep 1; send out -d one; sleep 1; send out -d two; } &`, "", 0)
		alice.fails(`recv -n 100 -t 2s -e data in`, "recv: in: no message in 2s, after 2\n", 124)
		alice.want(`cat msg1 | tail -n 1; recv -l in`, "e2 <e4>\n0\n", 0)
		alice.fails(`recv -n -1 in`, "no negative number", 2)
		alice.fails(`recv --json -e x in`, "does not go with -e", 2)
		alice.fails(`recv out`, "no such object", 1)
		bob.want(`big = mkmsg; put big x "$(printf %1000000d 1)"`, "", 0)
		bob.fails(`while send -t 1s out big; do :; done`, "send: out: not sent in 1s: the receiver does not take what was sent before, or cannot be reached\n", 0)
		alice.fails(`close in; recv in`, "no such object", 1)
	})
}

// Closing waits for a receiver that is gone, and says in one line what may be lost; an
// interrupt ends that at once.
func TestCloseUndelivered(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *testnet.World, _, bob, carol *user) {
		carol.offers("")
		bob.want(`for i in 0 1 2 3; do mkpipe -o moves; done`, "out0\nout1\nout2\nout3\n", 0)
		w.Kill(carol.peer)
		bob.want(`for i in 0 1 2 3; do send out$i -d lost; done`, "", 0)
		// after runs f, whose context ends in a second, and compares how long it took.
		after := func(want time.Duration, f func(context.Context) error) error {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			defer time.AfterFunc(time.Second, cancel).Stop()
			began := time.Now()
			err := f(ctx)
			if took := time.Since(began); took != want {
				t.Errorf("it took %v, want %v", took, want)
			}
			return err
		}
		err := after(10*time.Second, func(context.Context) error {
			bob.fails(`close out0`, "close: out0: what was sent last to moves may not have arrived: the other end is gone, or does not take it\n", 4)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		bob.fails(`close out0`, "no such object", 1)
		err = after(time.Second, func(ctx context.Context) error { return bob.session.Run(ctx, `close out1`) })
		if errs := bob.errs.take(); shell.StatusOf(err) != shell.StatusInterrupted || errs != "" {
			t.Errorf("%v, %q", err, errs)
		}
		if err := after(time.Second, bob.session.Shutdown); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// The end of a session says the same, of each pipe.
func TestEndUndelivered(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, w *testnet.World, _, bob, carol *user) {
		carol.offers("")
		bob.want(`mkpipe -o moves`, "out0\n", 0)
		w.Kill(carol.peer)
		bob.want(`send out0 -d lost`, "", 0)
		err := bob.session.Close()
		if want := "out0: what was sent last to moves may not have arrived: the other end is gone, or does not take it"; err == nil || err.Error() != want {
			t.Error(err)
		}
		if status := shell.StatusOf(err); status != shell.StatusUnreachable {
			t.Errorf("status %d", status)
		}
	})
}

// A script that is run again makes the same pipes.
func TestSamePipes(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, _ *testnet.World, alice, bob, _ *user) {
		seen := map[string]string{}
		for _, src := range []string{
			`newpipe -n x`, `newpipe -s -n x`, `newpipe -p -n x`, `newpipe --shared -n x`, `newpipe --shared -s -n x`,
			`newpipe -n y`, `newpipe`, `newpipe -p`, `mkadv -p`,
		} {
			made := func(u *user, src string) string {
				out, errs, status := u.run(src + ` --json`)
				var a struct{ ID string }
				if err := json.Unmarshal([]byte(out), &a); err != nil || status != 0 {
					t.Fatalf("%s: %q, %q, %v", src, out, errs, err)
				}
				return a.ID
			}
			first := made(alice, src)
			if same := made(alice, src) == first; same != strings.Contains(src, "-n") {
				t.Errorf("%s: the same again: %v", src, same)
			}
			for _, id := range []string{first, made(bob, src)} {
				if was, ok := seen[id]; ok {
					t.Errorf("%s makes the pipe of %s", src, was)
				}
				seen[id] = src
			}
		}
		alice.want(`a = newpipe -p -n x; b = mkadv -p -n x -f Desc=again -f Type=JxtaPropagate
test "$(cat $a | grep '<Id>')" = "$(cat $b | grep '<Id>')" && echo same`, "same\n", 0)

		alice.want(`c = newpipe -n z; publish c; in = mkpipe -i c; d = newpipe -n z; publish d`, "", 0)
		alice.fails(`mkpipe -i d`, "already bound at this peer", 1)
		bob.want(`search -q -r -k pipe -a Name -v z; out = mkpipe -o z; send out -d hi`, "adv9\n", 0)
		alice.want(`recv -e data in; close in; unpublish d; e = newpipe -n z; publish e; in = mkpipe -i e`, "hi\n", 0)
		bob.want(`out2 = mkpipe -o z; send -r out2 -d again &`, "", 0)
		alice.want(`recv -e data in`, "again\n", 0)
	})
}
