package rendezvous

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// GossipSub's own sizes lose messages in a burst without a word; and its IDONTWANT
// costs more than it saves below a megabyte.
const (
	gossipQueue     = 4096
	gossipThreshold = 1 << 20
	noticeTopic     = "peerview"
	bundleTopic     = "propagate"
	maxNotice       = 8 << 10
	waitAgain       = 10 * time.Second // after there was none
	readyWait       = 3 * time.Second  // for another rendezvous to be ready for a message

	// What one rendezvous may pass on to us in a second.
	noticeRate, noticeBurst = 200, 2000
	passRate, passBurst     = 10_000, 20_000
)

// gossip is what the rendezvous of a group tell each other.
type gossip struct {
	srv     *server
	cancel  context.CancelFunc
	gate    *endpoint.Gate
	notices *channel
	bundles *channel
	inVain  atomic.Int64 // when no other rendezvous was ready last, in ns since 1970
	// replicas bound what comes on the other way between rendezvous, package wire's
	// Replicate.
	replicas *limiters[id.Peer]
}

// channel is one of its topics.
type channel struct {
	topic  *pubsub.Topic
	sub    *pubsub.Subscription
	limits *limiters[peer.ID]
}

// newGossip joins the gossip of the group. Only admitted peers take part, under
// protocol names of the group's own.
func newGossip(srv *server) (*gossip, error) {
	ctx, cancel := context.WithCancel(srv.ctx)
	g := &gossip{
		srv: srv, cancel: cancel, gate: srv.s.ep.Gate(), replicas: newLimiters[id.Peer](replicaRate, replicaBurst),
	}
	quiet := slog.New(slog.DiscardHandler) // it warns of what is none of our users' business
	params := pubsub.DefaultGossipSubParams()
	params.IDontWantMessageThreshold = gossipThreshold
	ps, err := pubsub.NewGossipSub(ctx, g.gate,
		pubsub.WithGossipSubProtocols([]protocol.ID{srv.s.ep.Protocol("gossip")}, func(pubsub.GossipSubFeature, protocol.ID) bool { return true }),
		pubsub.WithGossipSubParams(params),
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		// Messages are checked one after the other, so that they stay in order.
		pubsub.WithValidateWorkers(1),
		pubsub.WithPeerOutboundQueueSize(gossipQueue),
		pubsub.WithValidateQueueSize(gossipQueue),
		pubsub.WithMaxMessageSize(gossipThreshold),
		pubsub.WithSubscriptionFilter(pubsub.NewAllowlistSubscriptionFilter(noticeTopic, bundleTopic)),
		pubsub.WithLogger(quiet), pubsub.WithRPCLogger(quiet),
	)
	if err == nil {
		g.notices, err = g.join(ps, noticeTopic, g.checkNotice, rate.Limit(noticeRate), noticeBurst)
	}
	if err == nil {
		g.bundles, err = g.join(ps, bundleTopic, g.checkBundle, rate.Limit(passRate), passBurst)
	}
	if err != nil {
		cancel()
		_ = g.gate.Close()
		return nil, fmt.Errorf("gossip: %w", err)
	}
	return g, nil
}

// messageID is what a message is known by, in all its encodings and whatever is left of
// its hops: nobody makes two of somebody else's.
func messageID(m *pb.Message) string {
	if m.GetTopic() == bundleTopic {
		var b wire.Bundle
		if proto.Unmarshal(m.GetData(), &b) == nil {
			h := bundle.ID(&b)
			return string(h[:])
		}
	}
	h := sha256.Sum256(m.GetData())
	return string(h[:])
}

func (g *gossip) join(ps *pubsub.PubSub, name string, check func(*pubsub.Message) bool, r rate.Limit, burst int) (*channel, error) {
	c := &channel{limits: newLimiters[peer.ID](r, burst)}
	self := g.srv.s.ep.HostID()
	err := ps.RegisterTopicValidator(name, func(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
		switch {
		case from == self: // it was checked where it came from, or made
		case !c.limits.allow(from, time.Now()):
			g.srv.s.count.limited.Add(1)
			return pubsub.ValidationIgnore
		case !check(m):
			g.srv.s.count.refused.Add(1)
			return pubsub.ValidationReject
		}
		return pubsub.ValidationAccept
	}, pubsub.WithValidatorInline(true))
	if err != nil {
		return nil, err
	}
	if c.topic, err = ps.Join(name); err != nil {
		return nil, err
	}
	c.sub, err = c.topic.Subscribe(pubsub.WithBufferSize(gossipQueue))
	return c, err
}

// close leaves the gossip, and returns when nothing of it is served any more.
func (g *gossip) close() {
	g.notices.sub.Cancel()
	g.bundles.sub.Cancel()
	g.cancel()
	_ = g.gate.Close()
}

// notice is one whose signature was found good, if it has one.
type notice struct {
	*wire.Notice
	signed *adv.Signed // nil: it has none
}

// checkNotice checks a notice before it is passed on; whether it is to be believed is
// for those who act on it.
func (g *gossip) checkNotice(m *pubsub.Message) bool {
	var n wire.Notice
	if len(m.GetData()) > maxNotice || proto.Unmarshal(m.GetData(), &n) != nil || n.GetKind() == nil {
		return false
	}
	envelope := n.GetGone()
	if e := n.GetMember(); e != nil {
		envelope = e.GetEnvelope()
	}
	var signed *adv.Signed
	if n.GetMuster() == nil {
		var err error
		if signed, err = adv.Open(envelope); err != nil || g.srv.s.ep.Barred(signed.Signer()) != nil {
			return false
		}
	}
	m.ValidatorData = &notice{&n, signed}
	return true
}

func (g *gossip) checkBundle(m *pubsub.Message) bool {
	var b wire.Bundle
	if proto.Unmarshal(m.GetData(), &b) != nil {
		return false
	}
	o, err := g.srv.s.openBundle(&b)
	if err != nil {
		g.srv.s.log.Warn("propagated message refused", "from", m.ReceivedFrom, "err", err)
		return false
	}
	m.ValidatorData = &passing{&b, o}
	return true
}

// passing is a bundle that was found good.
type passing struct {
	bundle *wire.Bundle
	opened *bundle.Opened
}

// tell sends a notice to all rendezvous.
func (g *gossip) tell(n *wire.Notice) {
	data, err := proto.Marshal(n)
	if err == nil {
		err = g.notices.topic.Publish(g.srv.ctx, data)
	}
	if err != nil && g.srv.ctx.Err() == nil {
		g.srv.s.log.Warn("notice not sent", "err", err)
	}
	g.srv.s.count.notices.Add(1)
}

// waitedInVain is when nobody was ready last.
func (g *gossip) waitedInVain() time.Time { return time.Unix(0, g.inVain.Load()) }

// pass sends a bundle to all rendezvous, when there is one that is ready for it.
func (g *gossip) pass(ctx context.Context, p *bundle.Packed) error {
	data := p.Bundle()
	if len(g.srv.s.members()) > 1 && time.Since(g.waitedInVain()) > waitAgain {
		waiting, cancel := context.WithTimeout(ctx, readyWait)
		defer cancel()
		err := g.bundles.topic.Publish(waiting, data, pubsub.WithReadiness(pubsub.MinTopicSize(1)))
		if err == nil || waiting.Err() == nil || ctx.Err() != nil {
			return err
		}
		// Who is in the peerview and takes no part in the gossip must not hold
		// everybody up each time.
		g.srv.s.log.Info("no other rendezvous is ready for messages")
		g.inVain.Store(time.Now().UnixNano())
	}
	return g.bundles.topic.Publish(ctx, data)
}

// own reports whether a message is one that we have sent.
func (g *gossip) own(m *pubsub.Message) bool { return m.ReceivedFrom == g.srv.s.ep.HostID() }

// readNotices acts on what others say about the peerview.
func (g *gossip) readNotices() {
	for {
		m, err := g.notices.sub.Next(g.srv.ctx)
		if err != nil {
			return
		}
		n, ok := m.ValidatorData.(*notice)
		if !ok || g.own(m) {
			continue
		}
		switch k := n.GetKind().(type) {
		case *wire.Notice_Member:
			g.srv.hearMember(n.signed, k.Member)
		case *wire.Notice_Gone:
			g.srv.hearGone(n.signed)
		case *wire.Notice_Muster:
			g.srv.answerMuster()
		}
	}
}

// readBundles gives our edges, and ourselves, what others propagate.
func (g *gossip) readBundles() {
	for {
		m, err := g.bundles.sub.Next(g.srv.ctx)
		if err != nil {
			return
		}
		if p, ok := m.ValidatorData.(*passing); ok && !g.own(m) {
			g.srv.handOut(p.bundle, p.opened)
		}
	}
}
