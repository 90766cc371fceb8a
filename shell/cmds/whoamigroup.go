package cmds

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// surroundings is what whoami -g prints of the group.
type surroundings struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"`
	Spec       string            `json:"spec"`
	Method     string            `json:"method"`
	Parent     string            `json:"parent,omitempty"`
	Role       string            `json:"role"`
	Until      string            `json:"until,omitempty"`
	Members    int               `json:"members"` // that are known, this peer among them
	Present    int               `json:"present"` // of them
	Version    uint64            `json:"version"`
	Neighbours int               `json:"neighbours"`
	Admitted   uint64            `json:"admitted"`
	Refused    uint64            `json:"refused"`
	Expelled   uint64            `json:"expelled"`
	Reasons    map[string]uint64 `json:"reasons"`
	Revoked    int               `json:"revoked"`
	Epoch      string            `json:"epoch,omitempty"`
	Traffic    []carried         `json:"traffic"`
}

// carried is what a service of the group has carried.
type carried struct {
	Service  string `json:"service"`
	In       uint64 `json:"streams_in"`
	Out      uint64 `json:"streams_out"`
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
}

func surroundingsOf(g *group.Group) *surroundings {
	a, st := g.Advertisement(), g.Stats()
	s := &surroundings{
		Name: a.Name, ID: a.GID.String(), Spec: a.MSID.String(), Method: methodOf(a),
		Neighbours: st.Neighbours, Admitted: st.Admitted, Refused: st.Refused, Expelled: st.Expelled,
		Reasons: st.Reasons, Revoked: st.Revoked, Epoch: st.Epoch, Traffic: []carried{},
	}
	s.Role, s.Until = standingOf(g)
	if g.Parent() != nil {
		s.Parent = g.Parent().Name()
	}
	if g.Signed() != nil {
		s.Version = g.Signed().Seq()
	}
	for _, m := range g.Members() {
		s.Members++
		if m.Present || m.Self {
			s.Present++
		}
	}
	for _, t := range st.Traffic {
		s.Traffic = append(s.Traffic, carried{t.Service, t.StreamsIn, t.StreamsOut, t.BytesIn, t.BytesOut})
	}
	return s
}

func showGroup(ctx context.Context, c *shell.Call, out *shell.Output, long bool) error {
	g, err := c.Session.Current(ctx)
	if err != nil {
		return err
	}
	s := surroundingsOf(g)
	rows := c.Rows(out)
	if out.JSON {
		return rows.Add(s)
	}
	lines := [][]string{{"name", s.Name}, {"id", s.ID}, {"spec", s.Spec}, {"method", s.Method}}
	if g.Parent() != nil {
		lines = append(lines, []string{"parent", s.Parent})
	}
	lines = append(lines, []string{"role", s.Role})
	if s.Until != "" {
		lines = append(lines, []string{"until", s.Until})
	}
	lines = append(lines, []string{"members", fmt.Sprintf("%d known, %d there", s.Members, s.Present)})
	if s.Version > 0 {
		lines = append(lines, []string{"version", strconv.FormatUint(s.Version, 10)})
	}
	if long {
		lines = append(lines, s.ledger()...)
	}
	for _, l := range lines {
		if err := rows.Add(nil, l...); err != nil {
			return err
		}
	}
	return rows.Close()
}

// ledger is what the group has decided and carried, line by line.
func (s *surroundings) ledger() [][]string {
	lines := [][]string{
		{"neighbours", strconv.Itoa(s.Neighbours)},
		{"admitted", strconv.FormatUint(s.Admitted, 10)},
		{"refused", strconv.FormatUint(s.Refused, 10)},
	}
	for _, why := range slices.Sorted(maps.Keys(s.Reasons)) {
		lines = append(lines, []string{"  " + why, strconv.FormatUint(s.Reasons[why], 10)})
	}
	lines = append(lines,
		[]string{"expelled", strconv.FormatUint(s.Expelled, 10)},
		[]string{"revoked", strconv.Itoa(s.Revoked)},
	)
	if s.Epoch != "" {
		lines = append(lines, []string{"epoch", s.Epoch})
	}
	for _, t := range s.Traffic {
		lines = append(lines, []string{"traffic", t.Service, fmt.Sprintf("%d B in, %d B out", t.BytesIn, t.BytesOut)})
	}
	return lines
}
