package group

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/group/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

const (
	presenceHandler = "presence"
	maxPresence     = adv.MaxEnvelope + 1024 // bytes of a message
	maxPresent      = 16384                  // members that are known to be there; of more no list is kept

	// A member says that it is there every beatEvery; where there are many, as much less
	// often that all of them together do so beatShare times a second.
	beatEvery   = 30 * time.Second
	beatShare   = 4
	missedBeats = 3               // until it is taken for gone
	minBeat     = 2 * time.Second // whatever happens
	doubtTime   = 3 * time.Second // for who is said to be gone to say that it is not
	lostPause   = time.Second     // before a rendezvous says so of one that it has lost
	byeTime     = time.Second     // for our farewell to leave
)

// presence knows which members are there now: all say so, now and then, and when they
// come and go.
type presence struct {
	ep       *endpoint.Endpoint
	rdv      *rendezvous.Service
	resolver *resolver.Service
	vet      func(*adv.Signed) error // nil: everybody is a member
	events   *events
	role     func(id.Peer) membership.Role
	log      *slog.Logger
	since    time.Time
	beat     chan struct{} // cap 1: say it now

	mu      sync.Mutex // guards what follows
	present map[id.Peer]*attendance
	changed chan struct{} // closed, and replaced, when somebody comes or goes
}

// attendance is a member that is there.
type attendance struct {
	signed *adv.Signed
	since  time.Time
	heard  time.Time
	doubt  time.Time // not zero: when it is taken for gone, unless it is heard of
}

func newPresence(ep *endpoint.Endpoint, rdv *rendezvous.Service, r *resolver.Service, vet func(*adv.Signed) error, ev *events, log *slog.Logger) *presence {
	p := &presence{
		ep: ep, rdv: rdv, resolver: r, vet: vet, events: ev, log: log, role: func(id.Peer) membership.Role { return membership.Member }, since: time.Now(), beat: make(chan struct{}, 1),
		present: map[id.Peer]*attendance{}, changed: make(chan struct{}),
	}
	r.Handle(presenceHandler, resolver.HandlerFunc(func(w resolver.ResponseWriter, _ *resolver.Query) {
		if body, err := proto.Marshal(p.here()); err == nil {
			_ = w.Respond(body)
		}
	}))
	return p
}

// here is what we say of ourselves.
func (p *presence) here() *wire.Presence {
	return &wire.Presence{
		Kind: wire.Presence_HERE, Advertisement: p.ep.Self().Envelope(), SinceMs: uint64(p.since.UnixMilli()),
	}
}

// say has us say so soon: our advertisement has changed, say.
func (p *presence) say() {
	select {
	case p.beat <- struct{}{}:
	default:
	}
}

// run keeps the list until ctx ends.
func (p *presence) run(ctx context.Context) {
	sub, err := p.rdv.Subscribe(ctx, rendezvous.PresenceTopic, rendezvous.Replay{})
	if err != nil {
		return
	}
	defer sub.Close()
	var hearing sync.WaitGroup
	defer hearing.Wait()
	hearing.Go(func() {
		for {
			m, err := sub.Next(ctx)
			if err != nil {
				return
			}
			p.hear(m)
		}
	})
	p.propagate(ctx, p.here())
	hearing.Go(func() { // those who were there before us
		for range p.ask(ctx) {
		}
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	next := last.Add(p.interval())
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.beat:
			if soon := last.Add(minBeat); soon.Before(next) {
				next = soon
			}
		case now := <-tick.C:
			p.expire(now)
		}
		if now := time.Now(); !now.Before(next) {
			p.propagate(ctx, p.here())
			last, next = now, now.Add(p.interval())
		}
	}
}

// met takes note of a member that has come near. If it is news to us, so may we be to it,
// and to those behind it.
func (p *presence) met(a *adv.Signed) {
	if p.get(a.Signer()) == nil {
		now := time.Now()
		p.add(&attendance{signed: a, since: now, heard: now})
		p.say()
	}
}

// interval is how long we say nothing, more or less.
func (p *presence) interval() time.Duration {
	d := p.usual()
	return d - d/8 + rand.N(d/4)
}

func (p *presence) usual() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(beatEvery, time.Duration(len(p.present))*time.Second/beatShare)
}

func (p *presence) propagate(ctx context.Context, m *wire.Presence) {
	data, err := proto.Marshal(m)
	if err == nil {
		err = p.rdv.Propagate(ctx, rendezvous.PresenceTopic, data)
	}
	if err != nil && ctx.Err() == nil {
		p.log.Debug("presence not told", "err", err)
	}
}

// hear takes what a member says.
func (p *presence) hear(m *rendezvous.Message) {
	var w wire.Presence
	if len(m.Data) > maxPresence || proto.Unmarshal(m.Data, &w) != nil {
		return
	}
	switch w.GetKind() {
	case wire.Presence_HERE:
		p.note(m.Author, &w)
	case wire.Presence_BYE:
		p.remove(m.Author)
	case wire.Presence_LOST:
		v, _ := id.FromBytes(w.GetWho())
		who, ok := v.(id.Peer)
		switch {
		case !ok || !p.rdv.IsRendezvous(m.Author):
		case who == p.ep.ID():
			p.say()
		default:
			p.doubt(who)
		}
	}
}

// note takes up that a member is there, if what it shows proves that it is one.
func (p *presence) note(who id.Peer, w *wire.Presence) *attendance {
	a, err := adv.Open(w.GetAdvertisement())
	if err != nil {
		return nil
	}
	doc, ok := a.Advertisement().(*adv.Peer)
	if !ok || a.Signer() != who && !who.IsZero() || doc.GID != p.ep.Group() || a.Withdrawn() {
		return nil
	}
	if p.vet != nil && a.Signer() != p.ep.ID() {
		if err := p.vet(a); err != nil {
			p.log.Debug("presence of a stranger", "peer", a.Signer(), "err", err)
			return nil
		}
	}
	p.ep.Learn(a, adv.DefaultExpiration)
	at := &attendance{signed: a, since: time.UnixMilli(int64(min(w.GetSinceMs(), 1<<52))), heard: time.Now()}
	p.add(at)
	return at
}

func (p *presence) add(at *attendance) {
	who := at.signed.Signer()
	p.mu.Lock()
	old := p.present[who]
	if old == nil && len(p.present) >= maxPresent {
		p.mu.Unlock()
		return
	}
	if old != nil && old.signed.Seq() > at.signed.Seq() {
		old.heard, old.doubt = at.heard, time.Time{}
		p.mu.Unlock()
		return
	}
	p.present[who] = at
	if old == nil {
		p.changedLocked()
	}
	p.mu.Unlock()
	if old == nil && who != p.ep.ID() {
		p.events.tell(Event{Kind: Joined, Peer: who, Name: nameOf(at.signed), Role: p.role(who)})
	}
}

// name is what a member is called that is there; "" of anybody else.
func (p *presence) name(who id.Peer) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.present[who]; at != nil {
		return nameOf(at.signed)
	}
	return ""
}

func (p *presence) changedLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// remove takes note that a member has gone.
func (p *presence) remove(who id.Peer) {
	p.mu.Lock()
	at := p.present[who]
	if at != nil {
		delete(p.present, who)
		p.changedLocked()
	}
	p.mu.Unlock()
	if at != nil && who != p.ep.ID() {
		p.events.tell(Event{Kind: Left, Peer: who, Name: nameOf(at.signed)})
	}
}

// doubt takes a member for gone that does not say within a short time that it is there.
func (p *presence) doubt(who id.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.present[who]; at != nil && at.doubt.IsZero() {
		at.doubt = time.Now().Add(doubtTime)
	}
}

// expire drops those that were not heard of for long.
func (p *presence) expire(now time.Time) {
	old := now.Add(-missedBeats*p.usual() - doubtTime)
	p.mu.Lock()
	var gone []id.Peer
	for who, at := range p.present {
		if who != p.ep.ID() && (at.heard.Before(old) || !at.doubt.IsZero() && now.After(at.doubt)) {
			gone = append(gone, who)
		}
	}
	p.mu.Unlock()
	for _, who := range gone {
		p.remove(who)
	}
}

// purge drops those that are not members any more.
func (p *presence) purge() {
	p.mu.Lock()
	all := make([]*attendance, 0, len(p.present))
	for _, at := range p.present {
		all = append(all, at)
	}
	p.mu.Unlock()
	for _, at := range all {
		if at.signed.Signer() != p.ep.ID() && p.vet != nil && p.vet(at.signed) != nil {
			p.remove(at.signed.Signer())
		}
	}
}

// lost is called when a neighbour is connected no longer: if we are a rendezvous, the
// others hear of it from us.
func (p *presence) lost(ctx context.Context, who id.Peer) {
	if !p.rdv.IsRendezvous(p.ep.ID()) || p.get(who) == nil {
		return
	}
	select {
	case <-time.After(lostPause):
	case <-ctx.Done():
		return
	}
	if p.ep.Neighbour(who) == nil && p.get(who) != nil {
		p.doubt(who)
		p.propagate(ctx, &wire.Presence{Kind: wire.Presence_LOST, Who: who.Bytes()})
	}
}

func (p *presence) get(who id.Peer) *attendance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.present[who]
}

// bye takes leave of the others.
func (p *presence) bye() {
	ctx, cancel := context.WithTimeout(context.Background(), byeTime)
	defer cancel()
	p.propagate(ctx, &wire.Presence{Kind: wire.Presence_BYE})
}

// list returns who is there, as far as is known, and what tells of a change.
func (p *presence) list() ([]*attendance, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*attendance, 0, len(p.present))
	for _, at := range p.present {
		all = append(all, at)
	}
	return all, p.changed
}
