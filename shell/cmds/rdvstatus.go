package cmds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

// standing is what rdvstatus prints with --json.
type standing struct {
	Role       string    `json:"role"`
	Rendezvous bool      `json:"rendezvous"`
	Reason     string    `json:"reason"`
	Since      time.Time `json:"since"`
	Lease      *tenancy  `json:"lease,omitempty"`
	Members    []member  `json:"members"`
	Clients    []client  `json:"clients"`
	Index      *indexed  `json:"index,omitempty"`
	Published  int       `json:"published"`
	Topics     []string  `json:"topics"`
	Traffic    traffic   `json:"traffic"`
}

// named is a peer by its ID, and its name if that is known.
type named struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

type tenancy struct {
	named
	Since      time.Time `json:"since"`
	Left       int64     `json:"left_ms"`
	Successors []named   `json:"successors"`
}

type member struct {
	named
	Self      bool  `json:"self"`
	Fixed     bool  `json:"fixed"`
	Connected bool  `json:"connected"`
	Left      int64 `json:"left_ms"`
}

type client struct {
	named
	Since   time.Time `json:"since"`
	Topics  int       `json:"topics"`
	Dropped uint64    `json:"dropped"`
}

type indexed struct {
	Entries  int    `json:"entries"`
	Home     int    `json:"home"`
	Replicas int    `json:"replicas"`
	Orphans  int    `json:"orphans"`
	Bytes    int    `json:"bytes"`
	Evicted  uint64 `json:"evicted"`
	Expired  uint64 `json:"expired"`
}

type traffic struct {
	Refused    uint64 `json:"refused"`
	Limited    uint64 `json:"limited"`
	Notices    uint64 `json:"notices"`
	Propagated uint64 `json:"propagated"`
	Duplicates uint64 `json:"duplicates"`
	Dropped    uint64 `json:"dropped"`
}

var rdvstatus = shell.Command{
	Name:  "rdvstatus",
	Topic: topicRendezvous,
	Short: "show this peer's place among the rendezvous",
	Long: `Waits until this peer has found its place in the group, or cannot for now, and shows what it was
told to be and what it is, why and since when; of an edge its lease and
how long that has left; of a rendezvous the edges that have a lease with it and the size of its
part of the index. With -l it also lists the peerview (fixed are those that were told to be
rendezvous), the successors and the edges, and counts what went over the wire:

 orphans     entries whose home is gone
 refused     entries and messages that were forged, expired, oversized or another group's
 limited     what was too much of one peer
 notices     news of the peerview that were sent
 propagated  messages that came by
 duplicates  of them, those that came twice
 dropped     messages that a subscriber was too slow for

With --json it is an object with all of that: role, rendezvous, reason, since, lease, members,
clients, index, published, topics and traffic.`,
	Example: `rdvstatus -l
rdvstatus --json | jq -r .lease.name`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		long := fs.BoolP("long", "l", false, "show the peerview, the edges and the counters, too")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			settling, cancel := within(ctx, c, 0)
			defer cancel()
			err = g.Rendezvous().Settle(settling)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) { // that it is still at it can be shown, too
				return err
			}
			s := newStanding(g.Rendezvous().Status(), namer(g))
			if out.JSON {
				return c.Rows(out).Add(s)
			}
			err = s.show(c, out)
			if err == nil && *long {
				err = errors.Join(s.showMembers(c, out), s.showClients(c, out), s.showCounters(c, out))
			}
			return err
		}
	},
}

func newStanding(st *rendezvous.Status, name func(id.Peer) string) *standing {
	s := &standing{
		Role: string(st.Role), Rendezvous: st.Rendezvous, Reason: st.Reason, Since: st.Since,
		Members: []member{}, Clients: []client{}, Published: st.Published,
		Topics: append([]string{}, st.Topics...), Traffic: traffic(st.Traffic),
	}
	if l := st.Lease; l != nil {
		s.Lease = &tenancy{named{name(l.Rendezvous), l.Rendezvous.String()}, l.Since, l.Left.Milliseconds(), []named{}}
		for _, who := range l.Successors {
			s.Lease.Successors = append(s.Lease.Successors, named{name(who), who.String()})
		}
	}
	for _, m := range st.Members {
		s.Members = append(s.Members, member{named{m.Name, m.ID.String()}, m.Self, m.Fixed, m.Connected, m.Left.Milliseconds()})
	}
	for _, c := range st.Clients {
		s.Clients = append(s.Clients, client{named{c.Name, c.ID.String()}, c.Since, c.Topics, c.Dropped})
	}
	if st.Index != nil {
		x := indexed(*st.Index)
		s.Index = &x
	}
	return s
}

// table prints rows of text with their own columns.
func table(c *shell.Call, out *shell.Output, heads []string, lines [][]string) error {
	rows := c.Rows(out, heads...)
	var err error
	for _, l := range lines {
		err = errors.Join(err, rows.Add(nil, l...))
	}
	return errors.Join(err, rows.Close())
}

// section is a table below others: on a terminal a blank line stands before it.
func section(c *shell.Call, out *shell.Output, heads []string, lines [][]string) error {
	if c.Terminal() && len(lines) > 0 {
		if err := c.Printf("\n"); err != nil {
			return err
		}
	}
	return table(c, out, heads, lines)
}

func (s *standing) show(c *shell.Call, out *shell.Output) error {
	is := "edge"
	if s.Rendezvous {
		is = "rendezvous"
	}
	lines := [][]string{
		{"role", s.Role}, {"is", is}, {"reason", s.Reason}, {"since", ago(s.Since)}, {"published", fmt.Sprint(s.Published)},
	}
	switch {
	case s.Lease != nil:
		lines = append(lines, []string{"lease", s.Lease.Name, s.Lease.ID, left(s.Lease.Left)})
	case !s.Rendezvous:
		lines = append(lines, []string{"lease", "none"})
	}
	lines = append(lines, []string{"peerview", fmt.Sprint(len(s.Members))})
	if s.Index != nil {
		lines = append(lines, []string{"clients", fmt.Sprint(len(s.Clients))}, []string{"index", fmt.Sprint(s.Index.Entries)})
	}
	return table(c, out, nil, lines)
}

func (s *standing) showMembers(c *shell.Call, out *shell.Output) error {
	var lines [][]string
	for _, m := range s.Members {
		state, until := "known", left(m.Left)
		switch {
		case m.Self:
			state, until = "self", "-"
		case m.Connected:
			state = "connected"
		}
		fixed := "auto"
		if m.Fixed {
			fixed = "fixed"
		}
		lines = append(lines, []string{"member", m.Name, m.ID, state, fixed, until})
	}
	err := section(c, out, []string{"PEERVIEW", "NAME", "ID", "STATE", "CHOSEN", "LEFT"}, lines)
	if s.Lease == nil || err != nil {
		return err
	}
	lines = nil
	for _, h := range s.Lease.Successors {
		lines = append(lines, []string{"successor", h.Name, h.ID})
	}
	return section(c, out, []string{"SUCCESSORS", "NAME", "ID"}, lines)
}

func (s *standing) showClients(c *shell.Call, out *shell.Output) error {
	var lines [][]string
	for _, e := range s.Clients {
		lines = append(lines, []string{"client", e.Name, e.ID, ago(e.Since), fmt.Sprint(e.Topics), fmt.Sprint(e.Dropped)})
	}
	return section(c, out, []string{"CLIENTS", "NAME", "ID", "SINCE", "TOPICS", "DROPPED"}, lines)
}

func (s *standing) showCounters(c *shell.Call, out *shell.Output) error {
	var lines [][]string
	for _, topic := range s.Topics {
		lines = append(lines, []string{"topic", topic})
	}
	count := func(what, name string, n any) { lines = append(lines, []string{what, name, fmt.Sprint(n)}) }
	if x := s.Index; x != nil {
		count("index", "home", x.Home)
		count("index", "replicas", x.Replicas)
		count("index", "orphans", x.Orphans)
		count("index", "bytes", x.Bytes)
		count("index", "evicted", x.Evicted)
		count("index", "expired", x.Expired)
	}
	t := s.Traffic
	count("traffic", "refused", t.Refused)
	count("traffic", "limited", t.Limited)
	count("traffic", "notices", t.Notices)
	count("traffic", "propagated", t.Propagated)
	count("traffic", "duplicates", t.Duplicates)
	count("traffic", "dropped", t.Dropped)
	return section(c, out, nil, lines)
}

func ago(t time.Time) string { return roughly(time.Since(t)) + " ago" }

func left(ms int64) string { return roughly(time.Duration(ms)*time.Millisecond) + " left" }
