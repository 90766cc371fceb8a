package adv

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/juxta-p2p/juxta/id"
)

// TestForeign reads documents of JXTA's own implementations.
func TestForeign(t *testing.T) {
	tests := map[string]func(a Advertisement) bool{
		"pa.xml": func(a Advertisement) bool {
			p := a.(*Peer)
			return p.Name == "alice" && p.GID == id.Net && p.Route.Host == "" && len(p.Route.Addrs) == 0 &&
				len(p.Route.Foreign) == 4 && p.Route.Foreign[0] == "tcp://127.0.0.1:53807"
		},
		"pa-mixed-order.xml": func(a Advertisement) bool {
			p := a.(*Peer)
			return p.Name == "JXTA-C & co <rdv> on <9701>" && p.GID == id.Net && reflect.DeepEqual(p.Route, Route{})
		},
		"pga-line.xml": func(a Advertisement) bool {
			g := a.(*Group)
			return g.Name == "chess" && g.Desc == "created by newpgrp" && g.MSID == id.SpecStdGroup && g.RootKey == nil
		},
		"pga-passwd.xml": func(a Advertisement) bool {
			g := a.(*Group)
			return len(g.Membership) == 2 && g.Membership[0].Text == "alice:FZUH:" && g.RootKey == nil && g.Nonce == nil
		},
		"pipe.xml": func(a Advertisement) bool {
			p := a.(*Pipe)
			return p.Name == "chat" && p.PipeType == Unicast && p.Owner.IsZero() && !p.Shared
		},
		"pipe-line.xml": func(a Advertisement) bool {
			p := a.(*Pipe)
			return p.PipeType == "JxtaMulticastOverPigeon" && p.Name == "" && p.PipeID.Group() == id.Net.UUID()
		},
		"mca.xml": func(a Advertisement) bool {
			m := a.(*ModuleClass)
			return m.MCID == id.ClassDiscovery && m.Name == "JXTAMOD:DISCOVERY" && m.Desc == "Discovery service"
		},
		"msa.xml": func(a Advertisement) bool {
			m := a.(*ModuleSpec)
			return m.Version == "Version 1.0" && m.Pipe.Name == "JXTA-EX1" && m.Parm.Value("limit") == "30"
		},
		"mia.xml": func(a Advertisement) bool {
			d := a.(*Document)
			return d.Type() == "jxta:MIA" && d.Element().Value("Comp", "Efmt") == "JDK1.4.1" && len(d.Index()) == 5
		},
		"rdv.xml": func(a Advertisement) bool {
			r := a.(*Rdv)
			return r.Name == "rdv" && slices.Equal(r.Route.Foreign, []string{"tcp://127.0.0.1:9701"})
		},
	}
	for name, good := range tests {
		t.Run(name, func(t *testing.T) {
			doc, err := os.ReadFile(filepath.Join("testdata", "jxta", name))
			if err != nil {
				t.Fatal(err)
			}
			a, err := Parse(doc)
			if err != nil {
				t.Fatal(err)
			}
			if !good(a) {
				t.Errorf("read as %+v", a)
			}
			again, err := Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := Parse(again); err != nil || !reflect.DeepEqual(back, a) {
				t.Errorf("became %+v, %v in\n%s", back, err, again)
			}
		})
	}
}
