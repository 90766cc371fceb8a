package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/singleflight"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Config is what an endpoint is made of.
type Config struct {
	Host  host.Host   // shared by all groups; the endpoint does not close it
	Group id.Group    // the group whose streams it carries
	Self  *adv.Signed // our peer advertisement in the group; see Introduce
	// Secret is what the members of a closed group know one another by, of
	// [membership.SecretLen] bytes; Switchboard is where the host answers for it. Nil: the
	// group is open, and whoever is connected to the host sees that it is in it.
	Secret      []byte
	Switchboard *Switchboard
	// Admission decides who is let in; nil: every peer is.
	Admission Admission
	// Refused is called when a peer does not let us in, with what proves its reason, if
	// anything does. It must not wait. Nil: nobody is told.
	Refused func(by peer.ID, why error, evidence []byte)
	// Expelled is called, in a goroutine of its own, when a neighbour was put out, and has
	// lost its streams. Nil: nobody is told.
	Expelled func(who id.Peer)
	// Met is called whenever a peer is admitted or introduces itself anew. It
	// must not block for long; calls may be concurrent. Nil: nobody is told.
	Met func(a *adv.Signed, expiration time.Duration)
	// Gone is called, in a goroutine of its own, when a neighbour has left the group, or
	// the last connection to it has ended. Nil: nobody is told.
	Gone func(who id.Peer)
	Log  *slog.Logger // nil: discard
}

// Endpoint is one group's window on the host. Its methods may be called
// concurrently.
type Endpoint struct {
	host      host.Host
	board     *Switchboard
	group     id.Group
	secret    []byte // nil: the group is open
	admission Admission
	met       func(*adv.Signed, time.Duration)
	gone      func(id.Peer)
	refused   func(peer.ID, error, []byte)
	expelled  func(id.Peer)
	log       *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine and stream handler of ours
	flight singleflight.Group
	// unsubscribe ends followLeavers.
	unsubscribe func() error

	mu         sync.Mutex // guards what follows
	closed     bool
	self       *adv.Signed
	neighbours map[peer.ID]*adv.Signed
	near       map[id.Peer]peer.ID // the neighbours' hosts
	hellos     map[peer.ID]int     // that are being heard
	book       *book
	streams    map[*Stream]struct{}
	services   []string
	doors      map[string]network.StreamHandler // of a closed group, by service
	gates      map[*Gate]struct{}
	meters     map[string]*meter  // by service
	carried    map[id.Peer]*meter // through relays, by peer
	count      counts
	complained map[complaint]time.Time // when the log had the last warning
	rechecks   uint64                  // how often neighbours were looked at anew
	handlers   map[string]handler      // by service, for streams to ourselves
	pulses     map[peer.ID]*pulse
	held       map[peer.ID]struct{} // connected peers that were held at any time
}

// New opens a group's window and greets the peers that the host is connected
// to. It returns at once.
func New(cfg *Config) *Endpoint {
	e := &Endpoint{
		host: cfg.Host, board: cfg.Switchboard, group: cfg.Group, secret: cfg.Secret, admission: cfg.Admission,
		met: cfg.Met, gone: cfg.Gone, refused: cfg.Refused, expelled: cfg.Expelled, log: cfg.Log, self: cfg.Self,
		complained: map[complaint]time.Time{}, gates: map[*Gate]struct{}{}, doors: map[string]network.StreamHandler{}, meters: map[string]*meter{}, carried: map[id.Peer]*meter{},
		neighbours: map[peer.ID]*adv.Signed{}, near: map[id.Peer]peer.ID{}, hellos: map[peer.ID]int{}, book: newBook(),
		handlers: map[string]handler{}, streams: map[*Stream]struct{}{}, pulses: map[peer.ID]*pulse{}, held: map[peer.ID]struct{}{},
		unsubscribe: func() error { return nil },
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.met == nil {
		e.met = func(*adv.Signed, time.Duration) {}
	}
	if e.gone == nil {
		e.gone = func(id.Peer) {}
	}
	if e.expelled == nil {
		e.expelled = func(id.Peer) {}
	}
	if e.refused == nil {
		e.refused = func(peer.ID, error, []byte) {}
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.setHandler(helloService, e.serveHello)
	if e.closedGroup() {
		e.setHandler(byeService, e.serveBye)
	}
	e.host.Network().Notify((*notifiee)(e))
	leavers, err := e.host.EventBus().Subscribe(new(event.EvtPeerProtocolsUpdated))
	if err == nil {
		e.unsubscribe = leavers.Close
		e.spawn(func() { e.followLeavers(leavers) })
	} else { // who leaves the group is a neighbour until the connection ends
		e.log.Error("departures are not heard of", "err", err)
	}
	for _, h := range e.host.Network().Peers() {
		e.spawn(func() { _, _ = e.meet(e.ctx, h) })
	}
	return e
}

// Close resets the group's streams, forgets its neighbours, and returns when
// every handler and goroutine has ended. Connections stay: they are the host's.
func (e *Endpoint) Close() error {
	e.flush()
	e.sayBye()
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	clear(e.neighbours)
	clear(e.near)
	services, open := e.services, make([]*Stream, 0, len(e.streams))
	for s := range e.streams {
		open = append(open, s)
	}
	e.mu.Unlock()

	e.host.Network().StopNotify((*notifiee)(e))
	_ = e.unsubscribe()
	for _, service := range services {
		e.unserve(service)
	}
	if e.closedGroup() {
		e.board.remove(e)
	}
	e.cancel()
	for _, s := range open {
		_ = s.Reset()
	}
	e.wg.Wait()
	return nil
}

// Context returns a context that ends when the endpoint is closed: the parent of
// those of its services.
func (e *Endpoint) Context() context.Context { return e.ctx }

// Done returns a channel that is closed when the endpoint is.
func (e *Endpoint) Done() <-chan struct{} { return e.ctx.Done() }

// ID returns our peer ID.
func (e *Endpoint) ID() id.Peer { return e.Self().Signer() }

// Group returns the ID of the group.
func (e *Endpoint) Group() id.Group { return e.group }

// Self returns the peer advertisement that the endpoint shows to others.
func (e *Endpoint) Self() *adv.Signed {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.self
}

// Introduce replaces our peer advertisement, because an address changed, say,
// and shows it to all neighbours.
func (e *Endpoint) Introduce(self *adv.Signed) {
	e.mu.Lock()
	e.self = self
	e.mu.Unlock()
	for _, p := range e.neighbourHosts() {
		e.spawn(func() { e.greetLogged(p) })
	}
}

// Handle serves a service of the group: each stream that an admitted peer opens
// to it is given to serve in a goroutine of its own, and closed when that returns;
// unless it calls [Stream.Keep]. A service is handled once; the name is one path
// element.
//
// A peer admits us before we hear its answer to our greeting, so its first
// stream may overtake that: who is not admitted yet is greeted first, and reset
// if that fails.
func (e *Endpoint) Handle(service string, serve func(*Stream)) {
	h := handler(serve)
	e.mu.Lock()
	e.handlers[service] = h
	e.mu.Unlock()
	e.setHandler(service, func(s network.Stream) {
		who, err := e.admit(e.ctx, s.Conn().RemotePeer())
		if err != nil {
			e.complain(s.Conn().RemotePeer(), "stream of a peer that was not admitted to "+service, err)
			_ = s.Reset()
			return
		}
		st, err := e.newStream(s, who.Signer(), service, true)
		if err != nil {
			_ = s.Reset()
			return
		}
		h.serve(st)
	})
}

// handler serves one stream of a service.
type handler func(*Stream)

func (h handler) serve(st *Stream) {
	h(st)
	if !st.kept {
		_ = st.Close()
	}
}

func (e *Endpoint) setHandler(service string, h network.StreamHandler) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.services = append(e.services, service)
	e.mu.Unlock()
	e.serveAs(service, func(s network.Stream) {
		if !e.enter() {
			_ = s.Reset()
			return
		}
		defer e.wg.Done()
		h(s)
	})
}

// enter counts one more goroutine that Close has to wait for, unless it is too
// late for that.
func (e *Endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.wg.Add(1)
	return true
}

// spawn runs f in a goroutine that Close waits for.
func (e *Endpoint) spawn(f func()) {
	if e.enter() {
		go func() {
			defer e.wg.Done()
			f()
		}()
	}
}

// Open opens a stream to a service of a peer, which it connects to and is
// admitted by where that has not happened; the peer may be ourselves. The context
// bounds the opening, not the stream. The errors are of type [*Error] and wrap [ErrUnknownPeer],
// [ErrUnreachable], [ErrNotAdmitted], the context's, or [net.ErrClosed]; and [ErrNoDirect] or
// [ErrNoRelay] if the context says by which way, see [WithWay].
func (e *Endpoint) Open(ctx context.Context, to id.Peer, service string) (*Stream, error) {
	if to == e.ID() {
		return e.openLoop(service)
	}
	h, err := e.find(to)
	if err != nil {
		return nil, &Error{"open " + service, to, "", err}
	}
	if _, err := e.admit(ctx, h); err != nil {
		return nil, err
	}
	if err := e.clear(ctx, h); err != nil {
		return nil, &Error{"open " + service, to, "", err}
	}
	s, err := e.openAt(network.WithNoDial(ctx, "admitted"), h, service)
	if foreign(err) {
		e.suspect(h)
		return nil, &Error{"open " + service, to, "", ErrNotAdmitted}
	}
	if err != nil {
		return nil, &Error{"open " + service, to, "", unreachable(ctx, err)}
	}
	st, err := e.newStream(s, to, service, false)
	if err != nil {
		_ = s.Reset()
		return nil, &Error{"open " + service, to, "", err}
	}
	return st, nil
}

// Connect connects to a host of which only the address is known, a seed say,
// and makes it a neighbour. Errors as for [Endpoint.Open].
func (e *Endpoint) Connect(ctx context.Context, to peer.AddrInfo) (*adv.Signed, error) {
	if e.ctx.Err() != nil {
		return nil, &Error{"connect", id.Peer{}, addrText(to), net.ErrClosed}
	}
	if _, err := e.connectTo(ctx, to); err != nil {
		err = unreachable(ctx, err)
		if e.ctx.Err() != nil {
			err = net.ErrClosed
		}
		return nil, &Error{"connect", id.Peer{}, addrText(to), err}
	}
	return e.admit(ctx, to.ID)
}

func addrText(to peer.AddrInfo) string {
	if len(to.Addrs) == 0 {
		return to.ID.String()
	}
	return fmt.Sprintf("%s/p2p/%s", to.Addrs[0], to.ID)
}

// unreachable finds the sentinel for an error of the host: the context's own
// error where that is the cause.
func unreachable(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, net.ErrClosed):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, cause(err))
}
