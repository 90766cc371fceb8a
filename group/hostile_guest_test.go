package group_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

// modified is a peer whose services do not ask whether it may: what it is allowed, the
// others have to see to.
type modified struct {
	*endpoint.Endpoint
	host host.Host
	rdv  *rendezvous.Service
	disc *discovery.Service
	pipe *pipe.Service
}

// modified starts one, an edge, with a credential of the root's.
func (s *siege) modified(name string, role membership.Role) *modified {
	s.t.Helper()
	m := s.modifiedAs(name, role, rendezvous.Edge, nil)
	s.w.Until(30*time.Second, name+" has a lease", func() bool { return m.rdv.Status().Lease != nil })
	return m
}

func (s *siege) modifiedAs(name string, role membership.Role, as rendezvous.Role, c rendezvous.Cipher) *modified {
	s.t.Helper()
	h := s.w.Host()
	board := endpoint.NewSwitchboard(h)
	var rdv atomic.Pointer[rendezvous.Service]
	m := &modified{host: h, Endpoint: endpoint.New(&endpoint.Config{
		Host: h, Group: s.ga.ID(), Self: s.shown(h, name, s.grant(h, role)), Secret: s.secret, Switchboard: board,
		Met: func(a *adv.Signed, _ time.Duration) {
			if r := rdv.Load(); r != nil {
				r.Met(a)
			}
		},
	})}
	key := s.w.Key(h)
	m.rdv = rendezvous.New(&rendezvous.Config{Key: key, Endpoint: m.Endpoint, Name: name, Role: as, Cipher: c})
	rdv.Store(m.rdv)
	asks := resolver.New(&resolver.Config{Endpoint: m.Endpoint, Rendezvous: m.rdv})
	var err error
	if m.disc, err = discovery.New(&discovery.Config{Key: key, Endpoint: m.Endpoint, Rendezvous: m.rdv, Resolver: asks}); err != nil {
		s.t.Fatal(err)
	}
	m.pipe = pipe.New(&pipe.Config{Endpoint: m.Endpoint, Rendezvous: m.rdv, Resolver: asks, Discovery: m.disc})
	s.closers = append(s.closers, board, m.Endpoint, m.rdv, m.pipe)
	if _, err := m.Connect(s.t.Context(), s.w.Info(s.alice)); err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	return m
}

// publish puts a document into the index, past the caches.
func (s *siege) publish(m *modified, a adv.Advertisement) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	_, err := m.disc.Publish(ctx, a, 0, 0)
	return err
}

// A guest whose own peer lets it do anything may read, and no more; what a member may, the
// same test shows of a member.
func TestModifiedGuest(t *testing.T) {
	for role, may := range map[membership.Role]bool{membership.Guest: false, membership.Member: true} {
		t.Run(role.String(), func(t *testing.T) {
			besiege(t, func(t *testing.T, s *siege) {
				m := s.modified("carol", role)
				s.guestPublishes(t, m, may)
				s.guestPropagates(t, m, may)
				s.guestBinds(t, m, may)
				s.guestReads(t, m)
				s.unharmed("guest")
			})
		})
	}
}

// refusals is how many entries and messages the group's rendezvous have refused.
func (s *siege) refusals() uint64 {
	return s.ga.Stats().Propagated.Refused + s.gb.Stats().Propagated.Refused
}

func (s *siege) guestPublishes(t *testing.T, m *modified, may bool) {
	before := s.refusals()
	news := &adv.Document{Name: "News", Children: []*adv.Element{{Name: "Id", Text: id.NewCodat(id.Net).String()}}}
	if err := s.publish(m, news); (err == nil) != may {
		t.Errorf("publish: %v", err)
	}
	own := &adv.Pipe{PipeID: id.NewPipe(s.ga.ID()), PipeType: adv.Unicast, Name: "carols", Owner: m.ID()}
	if err := s.publish(m, own); (err == nil) != may {
		t.Errorf("publish a pipe: %v", err)
	}
	if found := len(searchAll(t, s.gb, discovery.Query{Kind: "News"})) > 0; found != may {
		t.Errorf("found: %v", found)
	}
	if counted := s.refusals() > before; counted == may {
		t.Errorf("refused: %d, before %d", s.refusals(), before)
	}
	if !may && !s.journal.says("refused", m.ID().String(), membership.ErrGuest.Error()) {
		t.Error("not logged with peer and reason")
	}
}

func (s *siege) guestPropagates(t *testing.T, m *modified, may bool) {
	before := s.refusals()
	sub, err := s.gb.Rendezvous().Subscribe(t.Context(), "news", rendezvous.Replay{})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	s.w.Pass(time.Second)
	if err := m.rdv.Propagate(t.Context(), "news", []byte("spam")); err != nil && may {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := sub.Next(ctx); (err == nil) != may {
		t.Errorf("bob hears %+v, %v", got, err)
	}
	if counted := s.refusals() > before; counted == may {
		t.Errorf("refused: %d, before %d", s.refusals(), before)
	}
}

// guestBinds a pipe that is anybody's to bind, and says so when it is asked.
func (s *siege) guestBinds(t *testing.T, m *modified, may bool) {
	shared := &adv.Pipe{PipeID: id.NewPipe(s.ga.ID()), PipeType: adv.Unicast, Name: "shared", Shared: true}
	ln, err := m.pipe.ListenOn(shared)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := s.gb.Pipe().DialPipe(ctx, shared)
	if (err == nil) != may {
		t.Errorf("dial: %v", err)
	}
	if err == nil {
		_ = c.Close()
	}
}

// guestReads what the group says.
func (s *siege) guestReads(t *testing.T, m *modified) {
	s.w.Until(30*time.Second, "a lease", func() bool { return m.rdv.Status().Lease != nil })
	sub, err := m.rdv.Subscribe(t.Context(), "answers", rendezvous.Replay{})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	s.w.Pass(time.Second)
	if err := s.ga.Rendezvous().Propagate(t.Context(), "answers", []byte("42")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if got, err := sub.Next(ctx); err != nil || string(got.Data) != "42" {
		t.Errorf("%+v, %v", got, err)
	}
	c, err := m.pipe.Dial(ctx, "pipe", "moves")
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	_ = c.Close()
}
