package cmds_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

func TestWhy(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv`, "alice\n", 0)
	bob.want(`await peer carol >/dev/null`, "", 0)
	bob.want(`why carol --json | jq -c '[.status, .path, .host == "`+carol.peer.HostID()+`", .other.udp, .self.public, (.rtt_ms > 1), .next]'`,
		`["reached","direct",true,"unknown",false,true,"nothing: the path is direct"]`+"\n", 0)
	bob.want(`why alice | cut -f 1 | uniq`, "peer\nid\nhost\nfound\npath\naddress\nhere\nthere\nconnection\nnext\n", 0)
	bob.want(`why bob | grep '^(found|path)'`, "found\tthis is the peer itself\npath\tself\n", 0)
	bob.want(`why -t 300ms dave --json | jq -c '[.found, .status, .path, .addresses, .other, .id]'`, `["no","not found","none",[],null,null]`+"\n", 0)
	bob.want(`why -t 300ms 12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA >/dev/null`, "", 4)
	bob.fails(`why alice bob`, "one peer is wanted", 2)

	w.Net.Kill(w.Addr(carol.peer)) // without a word
	bob.want(`until why -t 1s carol --json >/dev/null; test $? = 4; do :; done`, "", 0)
	out, errs, status := bob.run(`why -t 300ms carol --json`)
	var r struct {
		Found, Status, Next string
		Addresses           []struct{ Trouble, Cause string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 4 {
		t.Fatal(out, errs, status, err)
	}
	if r.Found == "no" || r.Status != "unreachable" || len(r.Addresses) != 1 || r.Addresses[0].Cause == "" || r.Next == "" {
		t.Errorf("%+v", r)
	}
}

func TestWhyOfAPeerThatIsNotInTheGroup(t *testing.T) {
	_, _, bob := world(t)
	bob.run(`JUXTA_PASSWORD='correct horse' mkpgrp -m password chess; join chess`)
	out, errs, status := bob.run(`why alice`)
	if status != 0 || !strings.Contains(out, "no way into the current group") {
		t.Errorf("%q, %q, status %d", out, errs, status)
	}
	bob.fails(`ping alice`, "alice", 4)
}

func TestWhyIsInterrupted(t *testing.T) {
	_, _, bob := world(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	stopped, stop := context.WithCancel(t.Context())
	context.AfterFunc(ctx, stop)
	begun := time.Now()
	err := bob.session.Run(stopped, `await -t 1m path alice relayed`)
	if shell.StatusOf(err) != shell.StatusInterrupted || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	if err := bob.session.Run(stopped, `why alice`); shell.StatusOf(err) != shell.StatusInterrupted {
		t.Error(err)
	}
}

func TestRouteBook(t *testing.T) {
	_, alice, bob := world(t)
	bob.want(`route alice | cut -f 1,2`, "path\tdirect\nhop\tbob\nhop\talice\n", 0)
	bob.want(`route add alice /ip4/192.0.2.1/tcp/4001; route alice | grep ^known`, "known\t/ip4/192.0.2.1/tcp/4001\ttcp\t-\n", 0)
	bob.want(`route delete alice /ip4/192.0.2.1/tcp/4001 --json; route alice | grep ^known`, "{\"forgotten\":1}\n", 1)
	bob.want(`route add alice /ip4/192.0.2.1/tcp/4001/p2p/`+alice.peer.HostID()+`; route delete alice --json`, "{\"forgotten\":2}\n", 0)
	bob.want(`route flush --json; route flush alice --json`, "{\"forgotten\":0}\n{\"forgotten\":0}\n", 0)
	bob.want(`route info alice | grep -c 'libp2p://'`, "2\n", 0)
	bob.want(`route info alice --json | jq -c '[.peer, .found, (.addrs | length)]'`, `["alice","connected",1]`+"\n", 0)
	bob.want(`route --json | jq -c '[.peer, .path]'`, `["alice","direct"]`+"\n", 0)
	bob.want(`route bob | cut -f 1,2`, "path\tself\nhop\tbob\n", 0)
	bob.want(`route way alice any; route way alice; route way alice --json | jq -r .way`, "any\nany\n", 0)
	bob.fails(`route way alice relay-only`, "only the direct one", 1)
	bob.fails(`route way alice sideways`, "any, direct-only or relay-only", 2)
	bob.fails(`route add alice /ip4/192.0.2.1/tcp/4001/p2p/`+bob.peer.HostID(), "of another peer", 1)
	bob.fails(`route flush a b`, "one peer at most", 2)
	bob.fails(`route delete`, "a peer is wanted", 2)
	bob.fails(`route alice bob`, "one peer is wanted", 2)
	bob.fails(`route -t 100ms nobody`, "no such peer was found", 4)
}

func TestRelayCommands(t *testing.T) {
	_, alice, _ := world(t)
	alice.want(`relaystatus; await -t 50ms relay 2>/dev/null; echo $?`, "relay\tno\nreason\tit is not public, as far as it knows\nplace\tnone\n124\n", 0)
	alice.want(`transports | cut -f 1 | uniq; transports --json | jq -r .kind | uniq`, strings.Repeat("listen\ntold\nnat\n", 2), 0)
	alice.fails(`relayserver on`, "unexpected operand", 2)
	alice.fails(`relayserver --off --auto`, "exclude each other", 2)
	alice.fails(`await relay bob`, "takes nothing else", 2)
	alice.fails(`await path bob sideways`, "await path takes a peer", 2)
}
