package rendezvous_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// mallory is an admitted peer that speaks the wire format: the test is its services.
type mallory struct {
	*endpoint.Endpoint
	t    *testing.T
	w    *testnet.World
	host host.Host
	at   *peer.Peer // the rendezvous that it is at
}

func newMallory(t *testing.T, w *testnet.World, at *peer.Peer) *mallory {
	t.Helper()
	e, h := w.Endpoint("mallory")
	if _, err := e.Connect(t.Context(), w.Info(at)); err != nil {
		t.Fatal(err)
	}
	return &mallory{e, t, w, h, at}
}

func (m *mallory) open(service string) *endpoint.Stream {
	m.t.Helper()
	st, err := m.Open(m.t.Context(), m.at.ID(), service)
	if err != nil {
		m.t.Fatal(err)
	}
	return st
}

// lease gets one.
func (m *mallory) lease() *endpoint.Stream {
	m.t.Helper()
	st := m.open("lease")
	var g wire.ToEdge
	err := st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Ask{Ask: &wire.Ask{}}})
	if err == nil {
		err = st.ReadMsg(&g, 1<<20)
	}
	if err != nil || g.GetGrant() == nil {
		m.t.Fatalf("no lease: %v, %v", err, &g)
	}
	return st
}

// publish sends entries, and returns what is refused; the error is that of a lease
// that was ended.
func (m *mallory) publish(st *endpoint.Stream, entries ...*wire.Entry) ([]*wire.Refused, error) {
	err := st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Publish{Publish: &wire.Publish{Number: 7, Entries: entries}}})
	for err == nil {
		var a wire.ToEdge
		if err = st.ReadMsg(&a, 1<<20); err == nil && a.GetPublished() != nil {
			return a.GetPublished().GetRefused(), nil
		}
	}
	return nil, err
}

func (m *mallory) entry(a adv.Advertisement) *wire.Entry {
	return &wire.Entry{Envelope: m.w.Sign(m.host, a).Envelope(), ExpirationMs: 3_600_000}
}

// ended fails the test unless the other side ends the stream within d.
func ended(t *testing.T, what string, st *endpoint.Stream, d time.Duration) {
	t.Helper()
	_ = st.SetReadDeadline(time.Now().Add(d))
	_, err := io.Copy(io.Discard, st)
	if e := (interface{ Timeout() bool })(nil); errors.As(err, &e) && e.Timeout() {
		t.Errorf("%s: it goes on", what)
	}
}

// unharmed fails the test unless honest peers search and publish as quickly as ever.
func (x *world) unharmed(t *testing.T, what string) {
	t.Helper()
	e, other := x.edges[0], x.edges[1]
	begun := time.Now()
	publish(t, e, news(900), 0, 0)
	if d := time.Since(begun); d > 5*latency {
		t.Errorf("%s: publishing took %v", what, d)
	}
	if got, r := explain(t, other, named("news-900")); len(got) != 1 || r.Elapsed > 5*latency {
		t.Errorf("%s: %q, %+v", what, got, r)
	}
	if got, r := explain(t, other, named("news-0*")); len(got) != x.count || r.Elapsed > 8*latency {
		t.Errorf("%s: %q, %+v", what, got, r)
	}
}

func TestGarbageOnALease(t *testing.T) {
	siege(t, 1, func(t *testing.T, x *world, m *mallory) {
		long := bytes.Repeat([]byte("long"), 100_000)
		for what, b := range map[string][]byte{
			"garbage":         []byte("\x0bno protobuf"),
			"a large frame":   append([]byte{0xff, 0xff, 0xff, 0x7f}, long...),
			"an endless size": bytes.Repeat([]byte{0xff}, 100),
			"no kind":         {2, 0x7a, 0},
			"nothing":         {0},
		} {
			for name, st := range map[string]*endpoint.Stream{"first": m.open("lease"), "later": m.lease()} {
				_, _ = st.Write(b)
				if name == "first" || what != "no kind" && what != "nothing" { // a later version may have more kinds
					ended(t, what+", "+name, st, 15*time.Second)
				}
				_ = st.Reset()
			}
		}
		silent := m.open("lease")
		ended(t, "silent", silent, 15*time.Second)
		time.Sleep(time.Second)
		if n := len(status(x.seed).Clients) + len(status(x.rdvs[1]).Clients); n != len(x.edges) {
			t.Errorf("%d clients", n)
		}
	})
}

func TestPublishingWhatIsNotOnesOwn(t *testing.T) {
	siege(t, 1, func(t *testing.T, x *world, m *mallory) {
		before := status(m.at).Traffic.Refused
		theirs := x.edges[2].Net().Self()
		_, somebody := m.w.Endpoint("somebody")
		good := m.entry(news(500))
		damaged := &wire.Entry{Envelope: bytes.Clone(good.GetEnvelope()), ExpirationMs: 1000}
		damaged.Envelope[len(damaged.Envelope)/2] ^= 1
		withdrawn, err := adv.Withdraw(m.w.Key(m.host), theirs.Advertisement(), theirs.Seq()+1000)
		if err == nil {
			t.Error("somebody else's advertisement was taken back")
		}
		_ = withdrawn
		refused, err := m.publish(m.lease(),
			&wire.Entry{Envelope: theirs.Envelope(), ExpirationMs: 1000},
			&wire.Entry{Envelope: m.w.Sign(somebody, news(501)).Envelope(), ExpirationMs: 1000},
			damaged, &wire.Entry{}, &wire.Entry{Envelope: make([]byte, 1000)}, good)
		if err != nil || len(refused) != 5 || slices.ContainsFunc(refused, func(r *wire.Refused) bool {
			return r.GetReason() != wire.Refused_INVALID || r.GetEntry() > 4
		}) {
			t.Errorf("%v, %v", refused, err)
		}
		if n := status(m.at).Traffic.Refused - before; n != 5 {
			t.Errorf("%d counted", n)
		}
		if got, _ := explain(t, x.edges[1], named("news-5*")); !slices.Equal(got, []string{"news-500"}) {
			t.Errorf("%q", got)
		}
		many := make([]*wire.Entry, 10_000)
		for i := range many {
			many[i] = &wire.Entry{Envelope: []byte{1}}
		}
		if _, err := m.publish(m.lease(), many...); err == nil {
			t.Error("10,000 entries in one frame were taken")
		}
	})
}

func TestFloodOfPublicationsIsHeldBack(t *testing.T) {
	siege(t, 2, func(t *testing.T, x *world, m *mallory) {
		st := m.lease()
		flooded := make(chan time.Duration)
		go func() {
			begun := time.Now()
			for n := 0; n < 6000; n += 200 {
				var entries []*wire.Entry
				for i := range 200 {
					entries = append(entries, m.entry(&adv.Document{Name: "Flood", Children: []*adv.Element{{Name: "Name", Text: fmt.Sprint(n + i)}}}))
				}
				if err := st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Publish{Publish: &wire.Publish{Number: 7, Entries: entries}}}); err != nil {
					t.Error(err)
				}
			}
			_, _ = m.publish(st)
			for range 29 {
				_ = st.ReadMsg(new(wire.ToEdge), 1<<20)
			}
			flooded <- time.Since(begun)
		}()
		for range 5 {
			time.Sleep(time.Second)
			x.unharmed(t, "under way")
		}
		if d := <-flooded; d < 7*time.Second {
			t.Errorf("6,000 entries were taken in %v", d)
		}
	})
}

func TestFloodOfSearchesIsLimited(t *testing.T) {
	siege(t, 2, func(t *testing.T, x *world, m *mallory) {
		for what, follow := range map[string]bool{"silent": false, "following": true} {
			var streams []*endpoint.Stream
			busy := 0
			for range 400 {
				st := m.open("search")
				streams = append(streams, st)
				v := make([]byte, 16)
				_, _ = rand.Read(v)
				if follow {
					_ = st.WriteMsg(&wire.Search{Id: v, Attr: "Name", Value: "*", Follow: true})
				} else {
					_, _ = st.Write([]byte{40}) // the rest never comes
				}
			}
			for _, st := range streams {
				_ = st.SetReadDeadline(time.Now().Add(10 * latency))
				for {
					var a wire.Answer
					if st.ReadMsg(&a, 1<<20) != nil {
						break
					}
					if a.GetEnd().GetFailure() == wire.End_BUSY {
						busy++
					}
				}
				if busy > 0 && len(streams) > 0 {
					break
				}
			}
			if busy == 0 {
				t.Errorf("%s: nothing was refused", what)
			}
			x.unharmed(t, what)
			for _, st := range streams {
				_ = st.Reset()
			}
			time.Sleep(time.Second)
		}
		if status(m.at).Traffic.Limited == 0 {
			t.Error("nothing was counted")
		}
	})
}

func TestMalformedSearches(t *testing.T) {
	siege(t, 3, func(t *testing.T, x *world, m *mallory) {
		v := func() []byte { return []byte(fmt.Sprintf("%016d", time.Now().UnixNano()%1e15))[:16] }
		arc := func(after, before []byte) *wire.Search {
			time.Sleep(time.Millisecond)
			return &wire.Search{Id: v(), Attr: "Name", Value: "news-0*", Scope: &wire.Search_Arc{Arc: &wire.Arc{After: after, Before: before}}}
		}
		self, other := m.at.ID().Bytes(), x.edges[0].ID().Bytes()
		group := id.Net.Bytes()
		for what, c := range map[string]struct {
			m    *wire.Search
			want wire.End_Failure
		}{
			"no ID":             {&wire.Search{Attr: "Name", Value: "x"}, wire.End_MALFORMED},
			"a short ID":        {&wire.Search{Id: make([]byte, 15)}, wire.End_MALFORMED},
			"a value alone":     {&wire.Search{Id: v(), Value: "x"}, wire.End_MALFORMED},
			"an empty range":    {&wire.Search{Id: v(), Attr: "N", Range: &wire.Range{Min: 2, Max: 1}}, wire.End_MALFORMED},
			"an arc of garbage": {arc([]byte("garbage"), []byte("more")), wire.End_NONE},
			"an arc of nothing": {arc(nil, nil), wire.End_NONE},
			"a group's ID":      {arc(group, group), wire.End_NONE},
			"an arc from us":    {arc(self, self), wire.End_NONE},
			"from somewhere":    {arc(other, self), wire.End_NONE},
			"the other way":     {arc(self, other), wire.End_NONE},
		} {
			st := m.open("search")
			_ = st.WriteMsg(c.m)
			_ = st.SetReadDeadline(time.Now().Add(time.Second))
			var a wire.Answer
			n := 0
			for a.GetEnd() == nil {
				a.Reset()
				if err := st.ReadMsg(&a, 1<<20); err != nil {
					t.Errorf("%s: %v", what, err)
					break
				}
				n++
			}
			if a.GetEnd().GetFailure() != c.want || n > x.count+2 {
				t.Errorf("%s: %v after %d", what, &a, n)
			}
			_ = st.Reset()
		}
		st := m.open("search")
		_ = st.WriteMsg(&wire.Search{Id: v(), Attr: "Name", Value: string(make([]byte, 5000))})
		ended(t, "a long value", st, time.Second)
	})
}

func TestTooManyTopicsEndTheLease(t *testing.T) {
	siege(t, 0, func(t *testing.T, x *world, m *mallory) {
		st := m.lease()
		for n := 0; n < 100_000; n += 1000 {
			topics := &wire.Topics{}
			for i := range 1000 {
				topics.Add = append(topics.Add, fmt.Sprint("topic", n+i))
			}
			if st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Topics{Topics: topics}}) != nil {
				break
			}
		}
		ended(t, "topics", st, time.Second)
		if n := len(status(m.at).Clients); n != len(x.edges) {
			t.Errorf("%d clients", n)
		}
	})
}

func TestForgedBundles(t *testing.T) {
	siege(t, 1, func(t *testing.T, x *world, m *mallory) {
		var all []*listener
		for _, p := range append(x.edges[:4:4], x.rdvs...) {
			all = append(all, listen(t, p, "topic"))
		}
		time.Sleep(10 * latency)
		_, somebody := m.w.Endpoint("somebody")
		seq := uint64(time.Now().UnixNano())
		seal := func(h host.Host, g id.Group, hops uint32) *wire.Bundle {
			seq++
			b, err := bundle.Seal(m.w.Key(h), g, "topic", seq, [][]byte{[]byte("forged")}, hops)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		altered := seal(m.host, id.Net, 2)
		altered.Messages[0] = []byte("altered")
		other := id.GroupOf(make([]byte, 32), "another", nil)
		for what, b := range map[string]*wire.Bundle{
			"altered": altered, "another author's": seal(somebody, id.Net, 2), "another group's": seal(m.host, other, 2), "empty": {},
		} {
			st := m.lease()
			_ = st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Bundle{Bundle: b}})
			ended(t, what, st, time.Second)
		}
		time.Sleep(time.Second)
		for _, l := range all {
			l.wants(t, "forged")
		}
		replayed := seal(m.host, id.Net, 2)
		st := m.lease()
		for hops := range uint32(50) {
			replayed.Hops = 50 - hops
			_ = st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Bundle{Bundle: replayed}})
		}
		time.Sleep(time.Second)
		for _, l := range all {
			l.wants(t, "replayed", "forged")
		}
		if tr := status(m.at).Traffic; tr.Duplicates != 49 || tr.Refused < 4 {
			t.Errorf("%+v", tr)
		}
	})
}

func TestReplicateWhatDoesNotConcernIt(t *testing.T) {
	siege(t, 11, func(t *testing.T, x *world, m *mallory) {
		idle := m.open("index")
		ended(t, "no rendezvous, and replicates", idle, time.Second)
		stop := m.poses()
		defer stop()
		st := m.open("index")
		var entries []*wire.Entry
		for i := range 200 {
			entries = append(entries, m.entry(&adv.Document{Name: "Flood", Children: []*adv.Element{{Name: "Name", Text: fmt.Sprint(i)}}}))
		}
		entries = append(entries, &wire.Entry{Envelope: []byte("garbage")})
		before := status(m.at).Index.Entries
		var a wire.Published
		_ = st.WriteMsg(&wire.Replicate{Number: 3, Entries: entries})
		if err := st.ReadMsg(&a, 1<<20); err != nil || a.GetNumber() != 3 {
			t.Fatalf("%v, %v", &a, err)
		}
		if taken := status(m.at).Index.Entries - before; taken+len(a.GetRefused()) != 201 || len(a.GetRefused()) < 20 || taken == 0 {
			t.Errorf("%d taken, %d refused", taken, len(a.GetRefused()))
		}
		if got, _ := explain(t, x.edges[1], rendezvous.Query{Pattern: adv.Pattern{Kind: "Flood"}}); len(got) > 0 {
			t.Errorf("a walk found %d of nobody's home", len(got))
		}
	})
}

func TestReplicationIsLimited(t *testing.T) {
	siege(t, 0, func(t *testing.T, x *world, m *mallory) {
		stop := m.poses()
		defer stop()
		begun := time.Now()
		var sending sync.WaitGroup
		for range 4 { // more streams do not help
			st := m.open("index")
			sending.Go(func() {
				for range 40 {
					entries := make([]*wire.Entry, 500)
					for i := range entries {
						entries[i] = &wire.Entry{Envelope: []byte("garbage")}
					}
					_ = st.WriteMsg(&wire.Replicate{Entries: entries})
					if err := st.ReadMsg(new(wire.Published), 1<<20); err != nil {
						t.Error(err)
					}
				}
			})
		}
		sending.Wait()
		if d := time.Since(begun); d < 10*time.Second {
			t.Errorf("80,000 entries were taken in %v", d)
		}
	})
}
