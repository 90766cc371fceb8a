package group

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/group/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

const (
	ledgerService = "ledger"
	syncTimeout   = 10 * time.Second // for one exchange
	syncEvery     = 30 * time.Second // two neighbours compare what they have
	syncFrame     = 128 << 10        // bytes of records in a frame
	maxSyncFrame  = 512 << 10        // bytes of a frame that is read: all the IDs there can be
	maxSyncFrames = 1024             // of one answer
	syncsOfOne    = 4                // exchanges that one neighbour may have under way,
	syncRate      = 2                // and begin in a second;
	syncBurst     = 64               // more are refused: the next comparison makes up for it
	tellAtOnce    = 64               // neighbours that are told news at once
	pastEpochs    = 16               // whose keys a newcomer gets
)

// errSync: a member does not keep to the exchange.
var errSync = errors.New("malformed exchange of the ledger")

// ledgerSync brings the ledgers of the members together: news goes to all neighbours at
// once, and from them to theirs; and any two that meet, and now and then two that are
// connected, compare what they have.
type ledgerSync struct {
	ep   *endpoint.Endpoint
	door *door
	// known is called when the group's advertisement is a newer one, or keys were learned.
	known func(newer bool)

	mu      sync.Mutex // guards what follows
	serving map[id.Peer]*served
}

// served is what one neighbour has of us.
type served struct {
	now   int // exchanges under way
	limit *rate.Limiter
	last  time.Time
}

func newLedgerSync(ep *endpoint.Endpoint, d *door, known func(bool)) *ledgerSync {
	s := &ledgerSync{ep: ep, door: d, known: known, serving: map[id.Peer]*served{}}
	ep.Handle(ledgerService, s.serve)
	return s
}

// run compares ledgers with a neighbour now and then, until ctx ends.
func (s *ledgerSync) run(ctx context.Context) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if near := s.ep.Neighbours(); len(near) > 0 {
			s.compare(ctx, near[rand.IntN(len(near))].Signer())
		}
	}
}

// met compares ledgers with a peer that has come near. Of the two the lower ID begins.
func (s *ledgerSync) met(ctx context.Context, who id.Peer) {
	if id.Compare(s.ep.ID(), who) < 0 {
		s.compare(ctx, who)
	}
}

// tell gives all neighbours what is news: records, or the advertisement.
func (s *ledgerSync) tell(ctx context.Context, records []*membership.Record, newer bool) {
	var telling sync.WaitGroup
	room := make(chan struct{}, tellAtOnce)
	for _, n := range s.ep.Neighbours() {
		room <- struct{}{}
		telling.Go(func() {
			defer func() { <-room }()
			err := s.exchange(ctx, n.Signer(), func(st *endpoint.Stream) error {
				return s.send(st, records, newer, nil)
			})
			if err != nil && ctx.Err() == nil {
				s.door.log.Debug("news of the ledger not told", "peer", n.Signer(), "err", err)
			}
		})
	}
	telling.Wait()
}

// exchange opens a stream to a member, and closes it when it has read what was sent.
func (s *ledgerSync) exchange(ctx context.Context, who id.Peer, talk func(*endpoint.Stream) error) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	st, err := s.ep.Open(ctx, who, ledgerService)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	if err = talk(st); err == nil {
		err = st.CloseWrite()
	}
	if err == nil {
		_, _ = st.Reader().ReadByte() // it closes when it has read all
		return st.Close()
	}
	_ = st.Reset()
	return err
}

// compare brings our ledger and a neighbour's together.
func (s *ledgerSync) compare(ctx context.Context, who id.Peer) {
	err := s.exchange(ctx, who, func(st *endpoint.Stream) error {
		digest, version := s.door.state()
		if err := st.WriteMsg(&wire.Sync{Digest: digest[:], Version: version}); err != nil {
			return err
		}
		var theirs wire.Sync
		if err := st.ReadMsg(&theirs, maxSyncFrame); err != nil {
			return err
		}
		newer := version > theirs.GetVersion()
		if string(theirs.GetDigest()) == string(digest[:]) && version == theirs.GetVersion() {
			return nil
		}
		var give []*membership.Record
		var want [][]byte
		if string(theirs.GetDigest()) != string(digest[:]) {
			var err error
			if give, want, err = s.door.compare(who, theirs.GetIds()); err != nil {
				return err
			}
		}
		if err := s.send(st, give, newer, want); err != nil {
			return err
		}
		return s.receive(st, who)
	})
	if err != nil && ctx.Err() == nil {
		s.door.log.Debug("ledgers not compared", "peer", who, "err", err)
	}
}

// serve is the other side of compare, and of tell.
func (s *ledgerSync) serve(st *endpoint.Stream) {
	who := st.Peer()
	if !s.begin(who) {
		_ = st.Reset()
		return
	}
	defer s.end(who)
	_ = st.SetDeadline(time.Now().Add(syncTimeout))
	var m wire.Sync
	err := st.ReadMsg(&m, maxSyncFrame)
	switch {
	case err != nil:
	case len(m.GetDigest()) > 0:
		err = s.answer(st, &m)
	default:
		err = s.receiveFrom(st, who, &m, nil)
	}
	if err != nil {
		s.door.log.Warn("exchange of the ledger failed", "peer", who, "err", err)
		_ = st.Reset()
	}
}

func (s *ledgerSync) begin(who id.Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, now := s.serving[who], time.Now()
	if one == nil {
		maps.DeleteFunc(s.serving, func(_ id.Peer, o *served) bool { return o.now == 0 && now.Sub(o.last) > syncEvery })
		one = &served{limit: rate.NewLimiter(syncRate, syncBurst)}
		s.serving[who] = one
	}
	if one.last = now; one.now >= syncsOfOne || !one.limit.Allow() {
		return false
	}
	one.now++
	return true
}

func (s *ledgerSync) end(who id.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving[who].now--
}

// answer answers an offer.
func (s *ledgerSync) answer(st *endpoint.Stream, offer *wire.Sync) error {
	digest, version := s.door.state()
	m := &wire.Sync{Digest: digest[:], Version: version}
	same := string(offer.GetDigest()) == string(digest[:])
	if same && offer.GetVersion() == version {
		return st.WriteMsg(m)
	}
	if !same {
		m.Ids = s.door.ids()
	}
	if err := st.WriteMsg(m); err != nil {
		return err
	}
	var want [][]byte
	if err := s.receiveFrom(st, st.Peer(), nil, &want); err != nil {
		return err
	}
	return s.send(st, s.door.records(st.Peer(), want), version > offer.GetVersion(), nil)
}

// send sends records, the advertisement if the other side's is older, the keys of past
// epochs with them, and what we want.
func (s *ledgerSync) send(st *endpoint.Stream, records []*membership.Record, newer bool, want [][]byte) error {
	epochs, err := s.door.epochs(st.Peer(), pastEpochs)
	if err != nil {
		return err
	}
	m := &wire.Sync{Ids: want}
	if newer {
		m.Advertisement = s.door.advertisement().Envelope()
	}
	for _, e := range epochs {
		m.Epochs = append(m.Epochs, &wire.Epoch{Id: e.id[:], Key: e.key})
	}
	size := 0
	for _, r := range records {
		b := r.Bytes()
		if size += len(b); size > syncFrame && len(m.Records) > 0 {
			m.More = true
			if err := st.WriteMsg(m); err != nil {
				return err
			}
			m, size = &wire.Sync{}, len(b)
		}
		m.Records = append(m.Records, b)
	}
	return st.WriteMsg(m)
}

func (s *ledgerSync) receive(st *endpoint.Stream, who id.Peer) error {
	return s.receiveFrom(st, who, nil, nil)
}

// receiveFrom takes what send sends, of which first is the first frame if it was read
// already, and gives what the other side wants.
func (s *ledgerSync) receiveFrom(st *endpoint.Stream, who id.Peer, first *wire.Sync, want *[][]byte) error {
	for n := range maxSyncFrames {
		m := first
		if m == nil {
			m = new(wire.Sync)
			if err := st.ReadMsg(m, maxSyncFrame); err != nil {
				return err
			}
		}
		first = nil
		if n == 0 && want != nil {
			*want = m.GetIds()
		}
		if err := s.take(who, m); err != nil {
			return err
		}
		if !m.GetMore() {
			return nil
		}
	}
	return errSync
}

// take takes up one frame. A member that sends what cannot be is not listened to any more,
// this time; what it has said that is good stays.
func (s *ledgerSync) take(who id.Peer, m *wire.Sync) error {
	var records []*membership.Record
	for _, b := range m.GetRecords() {
		r, err := membership.ParseRecord(b)
		if err != nil {
			return errors.Join(err, s.door.take(records))
		}
		if _, _, used := r.Redemption(); used && s.door.Barred(who) != nil {
			continue // who is a guest has let nobody in
		}
		records = append(records, r)
	}
	keys := false
	for _, e := range m.GetEpochs() {
		if len(e.GetId()) == 8 {
			keys = s.door.keys.learn([8]byte(e.GetId()), slices.Clone(e.GetKey())) || keys
		}
	}
	newer := false
	if env := m.GetAdvertisement(); len(env) > 0 {
		a, err := adv.Open(env)
		if err == nil {
			newer, err = s.door.renew(a)
		}
		if err != nil {
			return err
		}
	}
	err := s.door.take(records)
	if newer || keys {
		s.known(newer)
	}
	return err
}
