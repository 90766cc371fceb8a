package cmds

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// report is what why prints with --json.
type report struct {
	Peer        string          `json:"peer"`
	ID          string          `json:"id,omitempty"`
	Host        string          `json:"host,omitempty"`
	Found       string          `json:"found"`
	Age         int64           `json:"age_ms,omitempty"` // of its advertisement
	Status      string          `json:"status"`
	Path        string          `json:"path"`
	Via         string          `json:"via,omitempty"`
	RTT         float64         `json:"rtt_ms,omitempty"`
	Error       string          `json:"error,omitempty"`
	Addresses   []tried         `json:"addresses"`
	Self        peer.Situation  `json:"self"`
	Other       *peer.Situation `json:"other"`
	Timeline    []attempt       `json:"timeline"`
	Connections []connection    `json:"connections"`
	Next        string          `json:"next"`
}

type tried struct {
	Addr    string  `json:"addr"`
	Kind    string  `json:"kind"`
	Relay   string  `json:"relay,omitempty"`
	OK      bool    `json:"ok"`
	Took    float64 `json:"took_ms"`
	Trouble string  `json:"trouble,omitempty"`
	Cause   string  `json:"cause,omitempty"`
}

type attempt struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Took float64   `json:"took_ms,omitempty"`
	Note string    `json:"note,omitempty"`
}

type connection struct {
	Addr      string    `json:"addr"`
	Direction string    `json:"direction"` // in or out
	Relayed   bool      `json:"relayed"`
	Via       string    `json:"via,omitempty"`
	Since     time.Time `json:"since"`
}

func span(ms float64) string {
	return time.Duration(ms * float64(time.Millisecond)).Round(10 * time.Microsecond).String()
}

func newReport(s *sought, in *outlook, name func(host string) string) *report {
	w := in.Why
	r := &report{
		Peer: s.name, Host: s.host, Found: s.from, Age: in.age.Milliseconds(), Status: "unreachable", Path: cmp.Or(w.Path, "none"),
		Via: name(w.Via), RTT: millis(w.RTT), Addresses: []tried{}, Self: w.Here, Other: w.There,
		Timeline: []attempt{}, Connections: []connection{}, Next: nextStep(in),
	}
	if s.known != nil {
		r.ID = s.known.Signer().String()
	}
	switch {
	case w.Path != "":
		r.Status = "reached"
	case !in.found:
		r.Status = "not found"
	}
	if w.Err != nil {
		r.Error = plainError(w.Err, s.host)
	}
	for _, a := range w.Trials {
		r.Addresses = append(r.Addresses, tried{a.Addr, a.Kind, name(a.Relay), a.OK, millis(a.Took), string(a.Why), a.Cause})
	}
	for _, a := range w.Attempts {
		r.Timeline = append(r.Timeline, attempt{a.At, a.What, millis(a.Took), a.Note})
	}
	for _, x := range w.Conns {
		r.Connections = append(r.Connections, newConnection(x, name))
	}
	return r
}

// plainError is the text of an error on the way to a host, without saying again which.
func plainError(err error, host string) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	text := err.Error()
	if _, rest, ok := strings.Cut(text, host+": "); ok {
		return rest
	}
	return text
}

func newConnection(x peer.Conn, name func(string) string) connection {
	direction := "in"
	if x.Outbound {
		direction = "out"
	}
	return connection{x.Addr, direction, x.Relay != "", name(x.Relay), x.Since}
}

func (r *report) print(c *shell.Call, out *shell.Output) error {
	if out.JSON {
		return c.Rows(out).Add(r)
	}
	lines := [][]string{{"peer", r.Peer}}
	if r.ID != "" {
		lines = append(lines, []string{"id", r.ID})
	}
	if r.Host != "" {
		lines = append(lines, []string{"host", r.Host})
	}
	lines = append(lines, []string{"found", r.foundText()}, []string{"path", r.pathText()})
	var addresses, attempts, conns [][]string
	for _, a := range r.Addresses {
		addresses = append(addresses, []string{"address", a.Addr, a.Kind, a.text()})
	}
	ends := [][]string{append([]string{"here"}, situationCells(&r.Self)...)}
	if r.Path != "self" && r.Status != "not found" {
		ends = append(ends, append([]string{"there"}, situationCells(r.Other)...))
	}
	for _, a := range r.Timeline {
		took := "-"
		if a.Took > 0 {
			took = span(a.Took)
		}
		attempts = append(attempts, []string{"attempt", ago(a.At), a.What, took, a.Note})
	}
	for _, x := range r.Connections {
		conns = append(conns, []string{"connection", x.Direction, x.Addr, x.path(), "since " + roughly(time.Since(x.Since))})
	}
	// Each part has columns of its own.
	for _, part := range [][][]string{lines, addresses, ends, attempts, conns, {{"next", r.Next}}} {
		if err := table(c, out, nil, part); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) pathText() string {
	text := r.Path
	if r.Via != "" {
		text += " via " + r.Via
	}
	if r.RTT > 0 {
		text += ", " + span(r.RTT)
	}
	if r.Error != "" {
		text += ": " + r.Error
	}
	return text
}

func (x *connection) path() string {
	if x.Relayed {
		return "relayed via " + x.Via
	}
	return "direct"
}

func (a *tried) text() string {
	if !a.OK {
		return a.Cause
	}
	if a.Cause != "" {
		return a.Cause
	}
	return "answers in " + span(a.Took)
}
