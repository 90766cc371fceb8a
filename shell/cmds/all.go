// Package cmds holds the commands of the shell, one a file.
package cmds

import (
	"io"
	"slices"

	"github.com/juxta-p2p/juxta/shell"
)

// Topics of the commands, in the order of help.
const (
	topicSession        = "session"
	topicText           = "text"
	topicPeers          = "peers"
	topicGroups         = "groups"
	topicAdvertisements = "advertisements"
	topicPipes          = "pipes and messages"
	topicResolver       = "resolver"
	topicRendezvous     = "rendezvous"
	topicRelay          = "relay"
)

// All is every command of this package.
func All() []shell.Command {
	return slices.Concat(Session(), Text(), Overlay())
}

// Session is the commands about the shell itself.
func Session() []shell.Command {
	return []shell.Command{
		man, help, env, history, version, sleep, clearScreen, script, jobs, fg, kill,
	}
}

// Text is the commands that read text, from objects, files or standard input.
func Text() []shell.Command {
	return []shell.Command{cat, more, grep, wc}
}

// Overlay is the commands that need a peer.
func Overlay() []shell.Command {
	return []shell.Command{
		await,
		whoami, peers, ping, route, why, transports,
		groups, mkpgrp, join, leave, chpgrp, authenticate, creds, passwd, invite, grant, revoke, members, who,
		search, explain, watch, mkadv, publish, unpublish, info, importfile, exportfile, flush, dumpcm, storehome,
		newpipe, mkpipe, mkmsg, put, get, send, recv, request, replyTo, listen, connect, forward, closeObjects,
		xfer, talk,
		query, answer,
		rdvserver, rdvstatus, rdvcontrol,
		relayserver, relaystatus,
	}
}

// eachInput calls fn with each thing that the words name, or with standard
// input if there are none. A name that cannot be opened is reported and passed
// over; the status is then 1.
func eachInput(c *shell.Call, words []string, fn func(name string, r io.Reader) error) error {
	if len(words) == 0 {
		return fn("-", c.Stdin)
	}
	failed := false
	for _, word := range words {
		r, err := c.Open(word)
		if err != nil {
			c.Warnf("%v", err)
			failed = true
			continue
		}
		err = fn(word, r)
		r.Close() // it was only read
		if err != nil {
			return err
		}
	}
	if failed {
		return &shell.ExitError{Status: shell.StatusFailed}
	}
	return nil
}
