package cmds_test

import (
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const correct = `JUXTA_PASSWORD='correct horse' `

func TestGroupWithAPassword(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(correct+`mkpgrp -m password -D 'for two' chess`, "group0\n", 0)
	alice.want(`groups | cut -f 1-4`, "group1\tchess\tpassword\tmade\ngroup2\tNetPeerGroup\tnone\tcurrent\n", 0)
	alice.want(`join chess; whoami --json | jq -c '[.group, .role, .until != null]'`, `["chess","admin",true]`+"\n", 0)
	alice.want(`cat stdgroup | grep -c '<Name>chess'; cat rootgroup | grep -c NetPeerGroup`, "1\n1\n", 0)
	alice.want(`a = newpipe -n moves; publish a; in = mkpipe -i a; echo $in`, "in0\n", 0)

	bob.want(`await group chess --json | jq -r .name`, "chess\n", 0)
	bob.want(`groups -r | cut -f 1-4`, "group1\tchess\tpassword\tknown\ngroup2\tNetPeerGroup\tnone\tcurrent\n", 0)
	bob.want(`groups -l -a Name -v 'che*' --json | jq -c '[.method, .description, .parent, .listed, .root[:7]]'`,
		`["password","for two","NetPeerGroup",true,"SHA256:"]`+"\n", 0)
	bob.want(`search -r Name=moves || echo $?`, "4\n", 0)
	bob.fails(`join group0`, "join: Password of chess is wanted: type it at a terminal, set JUXTA_PASSWORD", 1)
	bob.fails(`JUXTA_PASSWORD='wrong horse' join group0`, "join: chess: the password does not fit", 1)
	bob.fails(`echo wrong horse | join chess`, "the password does not fit", 1)
	bob.want(`echo correct horse | join group0 --json | jq -c '[.name, .role, .method, .current]'`, `["chess","member","password",true]`+"\n", 0)
	bob.want(`join | cut -f 1-3`, "NetPeerGroup\tmember\tjoined\nchess\tmember\tcurrent\n", 0)
	bob.want(`await members 2; out = mkpipe -o moves; send out -d e2e4`, "2\n", 0)
	alice.want(`m = recv -t 10s in; get $m data`, "e2e4\n", 0)

	alice.want(`members | cut -f 1-3,5`, "alice\tadmin\tself\tself\nbob\tmember\tpresent\tdirect\n", 0)
	alice.want(`members -l --json | jq -c 'select(.self | not) | [.name, .role, .present, .until != null, .seen != null]'`,
		`["bob","member",true,true,true]`+"\n", 0)
	alice.want(`who | cut -f 1,2,4`, "alice\tadmin\tself\nbob\tmember\tdirect\n", 0)
	alice.want(`whoami -g --json | jq -c '[.name, .method, .parent, .role, .members, .present, .admitted > 0]'`,
		`["chess","password","NetPeerGroup","admin",2,2,true]`+"\n", 0)
	alice.want(`whoami -g -l | grep -e ^members -e ^revoked`, "members\t2 known, 2 there\nrevoked\t0\n", 0)
	alice.want(`creds | cut -f 2-4,7; creds --json | jq -c '[.role, .by]'`, "membership\tadmin\talice\troot\n[\"admin\",\"root\"]\n", 0)
	bob.want(`creds | cut -f 2-4,7`, "membership\tmember\tbob\tpassword\n", 0)

	bob.want(`chpgrp -p; whoami --json | jq -r .group; search -r Name=moves || echo $?; chpgrp chess; search -r -q Name=moves`,
		"NetPeerGroup\n4\nadv0\n", 0)
	bob.want(`leave; whoami --json | jq -r .group; groups -a Name -v chess | cut -f 4`, "NetPeerGroup\nheld\n", 0)
	w.Until(10*time.Second, "alice sees him go", func() bool {
		out, _, _ := alice.run(`members -q`)
		return out == "alice\n" || strings.Contains(firstOf(alice.run(`members --json | jq -r 'select(.name == "bob") | .state'`)), "away")
	})
}

func firstOf(out, _ string, _ int) string { return out }

func TestGroupsPutRight(t *testing.T) {
	_, alice, bob := world(t)
	alice.want(correct+`mkpgrp -m password chess >/dev/null; mkpgrp -m invite cards >/dev/null; mkpgrp -m root kings >/dev/null; newpgrp -n open`, "group3\n", 0)
	alice.want(`mkpgrp -p hidden; a = mkadv -g -n old; groups -a Name -v old | cut -f 2-4`, "group4\nold\tnone\tmade\n", 0)
	bob.want(`groups -r | cut -f 2-4 | sort`, `NetPeerGroup	none	current
cards	invite	known
chess	password	known
kings	root	known
open	none	known
`, 0)
	bob.fails(`join cards`, "join: cards: it is for those who are invited; ask an admin for an invitation, and join -i it", 1)
	bob.fails(`join kings`, "join: kings: it is for those whom its admins let in by name", 1)
	bob.fails(`join hidden`, "join: hidden: no such group was found; see groups -r", 4)
	bob.want(`join open; mkpgrp open; whoami --json | jq -r .group`, "group5\nopen\n", 0)
	bob.fails(`chpgrp -p; join open; chpgrp cards`, "chpgrp: cards: not joined; see join", 4)
	bob.fails(`leave cards`, "leave: cards: not joined", 4)
	bob.fails(`chpgrp rootgroup; leave`, "leave: everybody is in the net group", 1)
	bob.fails(`chpgrp -p`, "chpgrp: the net group is in no other", 1)
	bob.fails(`login`, "login: everybody is in the net group", 1)
	bob.fails(`invite`, "invite: NetPeerGroup: only an admin of the group may", 1)
	bob.fails(`passwd`, "passwd: NetPeerGroup has no password", 1)
	bob.fails(`watch -e -- echo`, "of the net group nothing is told", 1)
	bob.fails(`await members 2`, "nobody keeps a list of the members of the net group; see chpgrp, and await peer", 1)
	bob.fails(`await -t 100ms group nothing`, "await: group nothing: not found in time", 124)

	for src, message := range map[string]string{
		`mkpgrp`:                    "a group has a name",
		`mkpgrp -m king x`:          "-m king: none, password, invite or root is wanted",
		`mkpgrp a b`:                "b: unexpected operand",
		`mkpgrp a/b`:                "without / * ?",
		`mkpgrp -n a b`:             "the name is given twice",
		`join ''`:                   "the operand is empty",
		`join -i JX-040D6 B0 94hrw`: "94hrw: unexpected operand; a group is wanted; an invitation with spaces in it wants quotes",
		`login -i JX-040D6 B0`:      "B0: unexpected operand; an invitation with spaces in it wants quotes",
		`chpgrp -p x`:               "not both",
		`invite -R king`:            "-R king: guest, member or admin is wanted",
		`invite -u 0`:               "-u 0: 1 to",
		`grant bob`:                 "a peer and a role are wanted",
		`grant bob king`:            "king: guest, member or admin is wanted",
		`revoke`:                    "a peer, an invitation or a serial is wanted",
		`await members`:             "takes a number",
		`await members x`:           "takes a number",
		`watch -e nonsense -- echo`: "nonsense: no such event",
		`watch -e -k pipe -- echo`:  "-k, -a and -v are about advertisements",
		`watch --json`:              "--json goes with -e",
		`watch -e --json -- echo`:   "not both",
		`mkadv -g`:                  "-g needs -n",
	} {
		bob.fails(src, message, 2)
	}
	bob.fails(`JUXTA_PASSWORD=short mkpgrp -m password x`, "of 8 characters at least", 1)
	bob.fails(`mkpgrp -m password x`, "Password of x is wanted", 1)
}

func TestTwoGroupsOfOneName(t *testing.T) {
	_, alice, bob := world(t)
	alice.want(`g = mkpgrp chess; cp = mkpgrp -m invite chess`, "", 0)
	_, errs, status := bob.run(`join chess`)
	if status != 1 || !strings.Contains(errs, "several groups bear this name") || strings.Count(errs, "(none)") != 1 || strings.Count(errs, "(invite)") != 1 {
		t.Errorf("%q, status %d", errs, status)
	}
	bob.want(`join $(groups -r --json | jq -r 'select(.method == "none" and .name == "chess") | .id'); join | cut -f 1,3`,
		"NetPeerGroup\tjoined\nchess\tcurrent\n", 0)
	bob.want(`leave`, "", 0)
}

func TestInvitations(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv`, "alice\n", 0)
	alice.want(`g = mkpgrp -p -m invite cards; join cards`, "", 0)
	out, _, _ := alice.run(`invite`)
	token := strings.TrimSpace(out)
	if _, err := membership.ParseToken(token); err != nil {
		t.Fatal(out, err)
	}
	bob.want(`join -i `+token+`; whoami --json | jq -c '[.group, .role]'`, `["cards","member"]`+"\n", 0)
	carol.fails(`join -i `+token, "join: cards: the invitation has been used as often as it may; ask for another one", 1)
	carol.fails(`join -i `+token[:len(token)-7], "this is not an invitation: ", 1)
	carol.fails(`join -i `+strings.Replace(token, token[3:8], "00000", 1), "mistyped: the check characters do not fit; it is the line that invite has printed, whole", 1)
	carol.want(`whoami --json | jq -r .group`, "NetPeerGroup\n", 0)
	bob.fails(`invite`, "invite: cards: only an admin of the group may", 1)

	out, _, _ = alice.run(`invite --json -u 3 -R guest -x 1h | jq -r '.role, .uses, .serial, .token'`)
	fields := strings.Fields(out)
	if len(fields) != 4 || fields[0] != "guest" || fields[1] != "3" {
		t.Fatalf("%q", out)
	}
	carol.want(`echo `+fields[3]+` | join -i - && whoami --json | jq -r .role`, "guest\n", 0)
	carol.fails(`a = newpipe -n x; publish a`, "publish: a: guests may not; an admin can make this peer a member, with grant", 1)
	carol.fails(`mkpipe -i a`, "mkpipe: a: guests may not; an admin", 1)
	carol.fails(`listen x`, "listen: x: guests may not; an admin", 1)
	carol.fails(`join -i `+fields[3]+` cards`, "join: cards: it is joined already; leave it, or use the invitation alone", 1)
	carol.fails(`talk -l carol`, "guests may not", 1)
	carol.want(`leave -k`, "", 0)
	alice.want(`revoke `+fields[3], "", 0)
	carol.fails(`join -i `+fields[3], "join: cards: the invitation was taken back, or this peer was put out", 1)
	carol.fails(`join cards`, "no such group was found", 4)
	expired := membership.NewToken(time.Now().Add(-2 * time.Hour))
	carol.fails(`join -i `+expired.String(), "join: invitation: the invitation has expired; ask for another one", 1)
	unknown := membership.NewToken(time.Now().Add(time.Hour))
	carol.fails(`join -i `+unknown.String(), "join: invitation: nobody who can be reached knows this invitation", 4)
	alice.fails(`revoke JX-00000`, "revoke: invitation: this is not an invitation", 1)
	alice.fails(`revoke nobody`, "revoke: nobody: no such peer was found", 4)
	alice.fails(`revoke deadbeef`, "try its ID; a serial has 32 hexadecimal digits", 4)
}

// Who is invited needs somebody who takes the invitation.
func TestNobodyTakesTheInvitation(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv; g = mkpgrp -p -m invite cards; join cards`, "alice\n", 0)
	token := strings.TrimSpace(firstOf(carol.run(`invite`)))
	carol.end()
	w.Kill(carol.peer)
	bob.fails(`join -t 3s -i `+token, "join: cards: nobody of the group can be reached who could take the invitation", 4)
	bob.want(`join | cut -f 1`, "NetPeerGroup\n", 0)
}

// JXTA's own groups are listed, and cannot be joined: nobody could tell a member.
func TestForeignGroup(t *testing.T) {
	_, alice, bob := world(t)
	gid, err := id.ParseGroup("urn:jxta:uuid-8621929C4C1FC30A89D462B59363E55B02")
	if err != nil {
		t.Fatal(err)
	}
	doc := &adv.Group{GID: gid, MSID: id.SpecStdGroup, Name: "chess"}
	if _, err := alice.peer.Net().Discovery().Publish(t.Context(), doc, 0, 0); err != nil {
		t.Fatal(err)
	}
	bob.want(`groups -r | cut -f 1-4 | head -n 1`, "group0\tchess\tforeign\tknown\n", 0)
	for _, word := range []string{"group0", "chess", doc.GID.String()} {
		bob.fails(`join `+word, ": it is one of JXTA's own, without a root key", 1)
	}
	alice.want(`mkpgrp chess`, "group0\n", 0)
	bob.want(`await group chess --json | jq -r .name; join chess; whoami --json | jq -r .role`, "chess\nmember\n", 0)
}

func TestCompleteGroups(t *testing.T) {
	_, alice, bob := world(t)
	alice.want(`mkpgrp chess; join chess`, "group0\n", 0)
	bob.want(`await group chess >/dev/null; join chess; await members 2`, "2\n", 0)
	for line, want := range map[string]string{
		"join ch": "chess", "join gr": "group0", "chpgrp Net": "NetPeerGroup", "leave c": "chess", "await gro": "group",
		"mkpgrp -m pass": "password", "invite -R ad": "admin", "grant bo": "bob", "grant bob gu": "guest",
		"revoke al": "alice", "watch -e jo": "joined", "invite --for bo": "bob", "newpg": "newpgrp",
	} {
		found := false
		for _, s := range bob.session.Complete(line, len(line)) {
			found = found || s.Text == want
		}
		if !found {
			t.Errorf("%s: %v", line, bob.session.Complete(line, len(line)))
		}
	}
	for _, line := range []string{"leave Net", "join -i "} {
		if got := bob.session.Complete(line, len(line)); len(got) > 0 {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestGrantAndRevoke(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(`g = mkpgrp -m root kings; join kings`, "", 0)
	bob.want(`await group kings -q`, "group0\n", 0)
	alice.want(`grant bob member`, "", 0)
	alice.fails(`grant nobody member`, "grant: nobody: no such peer was found", 4)
	bob.want(`groups -a Name -v kings | cut -f 4; join kings; whoami --json | jq -r .role`, "held\nmember\n", 0)
	alice.want(`await members 2; grant bob admin`, "2\n", 0)
	w.Until(10*time.Second, "bob is an admin", func() bool {
		return firstOf(bob.run(`whoami --json | jq -r .role`)) == "admin\n"
	})
	alice.fails(`revoke alice`, "revoke: alice: this is this peer itself", 1)
	alice.fails(`grant alice guest`, "grant: alice: this is this peer itself", 1)
	bob.fails(`revoke alice`, "revoke: alice stands above this admin: whoever made it one, or somebody above that; only who stands above alice may", 1)
	bob.fails(`grant alice guest`, "grant: alice stands above this admin", 1)
	bob.want(`watch -e -n 1 --json out >ev &`, "", 0)
	alice.want(`revoke -r 'sells our moves' bob; who -q; members -q`, "alice\nalice\n", 0)
	bob.want(`wait %1; jq -r .event ev`, "out\n", 0)
	for _, src := range []string{`search -r`, `newpipe`, `members`, `who`, `publish x`, `groups`} {
		bob.fails(src, "kings: this peer is not a member: the membership has been revoked", 1)
	}
	bob.want(`whoami --json | jq -c '[.group, .role]'; leave; whoami --json | jq -r .group`, `["kings","none"]`+"\nNetPeerGroup\n", 0)
	bob.fails(`join kings`, "join: kings: this peer was put out of the group; only an admin can let it in again, with grant", 1)
	alice.want(`grant $(await peer bob -t 1s -q >/dev/null; chpgrp rootgroup; peers -a Name -v bob --json | jq -r .id; chpgrp kings) guest`, "", 0)
	bob.want(`join kings; whoami --json | jq -r .role`, "guest\n", 0)
}

func TestPasswordIsChanged(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(correct+`mkpgrp --passphrase -m password chess`, "", 1)
	alice.want(`JUXTA_PASSPHRASE='open sesame' `+correct+`mkpgrp --passphrase -m password chess; join chess`, "group0\n", 0)
	bob.want(`await group chess >/dev/null; `+correct+`join chess; await members 2`, "2\n", 0)
	bob.fails(`JUXTA_NEW_PASSWORD='battery staple' passwd`, "only who has the group's root key may", 1)
	alice.fails(`JUXTA_NEW_PASSWORD='battery staple' passwd`, "Passphrase of the root key is wanted", 1)
	alice.fails(`JUXTA_PASSPHRASE=x JUXTA_NEW_PASSWORD='battery staple' passwd`, "passwd: chess: the passphrase does not fit", 1)
	alice.fails(`JUXTA_PASSPHRASE='open sesame' JUXTA_NEW_PASSWORD=short passwd`, "of 8 characters at least", 1)
	alice.want(`(echo open sesame; echo battery staple) | passwd`, "", 0)
	w.Until(10*time.Second, "bob is out", func() bool {
		_, errs, status := bob.run(`who`)
		return status == 1 && strings.Contains(errs, "chess: this peer is not a member: its password was changed; login takes the new one")
	})
	bob.fails(correct+`login`, "login: chess: the password does not fit", 1)
	bob.want(`JUXTA_PASSWORD='battery staple' login; whoami --json | jq -r .role; await members 2`, "member\n2\n", 0)
}

// A group is joined again when the peer starts, without asking.
func TestRemembered(t *testing.T) {
	dir := t.TempDir()
	w, alice, _ := world(t)
	alice.want(correct+`mkpgrp -m password chess; join chess`, "group0\n", 0)
	cfg := &peer.Config{Name: "carol", Dir: dir, Role: rendezvous.Edge, NoDHT: true, Seeds: alice.peer.Addrs()}
	carol := sitConfig(t, w, cfg)
	carol.want(`await group chess >/dev/null; `+correct+`join --remember chess; await members 2`, "2\n", 0)
	carol.end()
	w.Kill(carol.peer)
	carol = sitConfig(t, w, cfg)
	carol.want(`join | cut -f 1,3; chpgrp chess; await members 2`, "NetPeerGroup\tcurrent\nchess\tjoined\n2\n", 0)
	carol.want(`leave; join chess; leave -k; join chess </dev/null || echo $?`, "1\n", 0)
}

// Groups belong to the peer, the current one to the session.
func TestTwoSessionsAtOnePeer(t *testing.T) {
	w, alice, _ := world(t)
	other := sitAt(t, alice.peer)
	alice.want(`mkpgrp chess; join chess; mkpgrp inner; join inner`, "group0\ngroup1\n", 0)
	other.want(`whoami --json | jq -r .group; join chess; chpgrp inner; whoami --json | jq -r .group`, "NetPeerGroup\ninner\n", 0)
	if got := other.session.GroupName(); got != "inner" {
		t.Errorf("%q is the name of the group", got)
	}
	alice.want(`leave; whoami --json | jq -r .group`, "chess\n", 0)
	w.Until(10*time.Second, "the other is told", func() bool {
		return strings.Contains(other.errs.take(), "juxta: inner was left: commands act in chess now\n")
	})
	other.want(`whoami --json | jq -r .group; cat stdgroup | grep -c '<Name>chess'; a = newpipe; in = mkpipe -i a; search -r -q >/dev/null; leave`, "chess\n1\n", 0)
	if got := other.session.GroupName(); got != "" {
		t.Errorf("%q is the name of the net group", got)
	}
	alice.want(`whoami --json | jq -r .group`, "NetPeerGroup\n", 0)
}

func TestWatchEvents(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(`mkpgrp chess; join chess; watch -e joined left -- echo at &`, "group0\n", 0)
	bob.want(`await group chess >/dev/null; join chess; await members 2`, "2\n", 0)
	id := bob.peer.ID().String()
	w.Until(10*time.Second, "he has come", func() bool { return alice.out.take() == "at joined bob "+id+"\n" })
	bob.want(`leave`, "", 0)
	w.Until(10*time.Second, "he has gone", func() bool { return alice.out.take() == "at left bob "+id+"\n" })
	alice.fails(`watch -e -n 1 -t 50ms -- echo`, "0 of 1 have happened in time", 124)
}
