package pipe

import (
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
)

// place is where a stream is followed from. Subscribers know it of those that they have
// left, so that nothing comes twice or is taken for lost if they go on there.
type place struct {
	next    uint64 // the first pack that is wanted
	at, all uint64 // as in incoming
	begun   bool   // as there
	last    time.Time
}

// placeOf says from where to follow a stream that is not followed, of which this pack
// was heard; false: there is nothing to come.
func (u *subscriber) placeOf(key streamKey, p *pack.Pack, replayed bool, now time.Time) (from place, ok bool) {
	if from, ok = u.past[key]; ok {
		ended := p.GetLast() && p.GetNumber() == from.next && p.GetFirst() <= from.all
		return from, p.GetNumber() >= from.next && !ended
	}
	if !replayed && now.Sub(u.since) > ageOf(p) {
		// It began after we subscribed, or as long before as this pack was under way: we
		// have missed its beginning.
		return place{begun: true}, true
	}
	n := p.GetNumber()
	return place{next: n, at: n, all: p.GetFirst(), begun: n == 0}, !p.GetLast()
}

// follow begins to follow a stream, of which this pack was heard first. It returns nil
// if there is no need to, or there are too many that are alive.
func (u *subscriber) follow(key streamKey, p *pack.Pack, replayed bool, now time.Time) *incoming {
	from, ok := u.placeOf(key, p, replayed, now)
	if !ok || !u.makeRoom(key.author, now) {
		return nil
	}
	delete(u.past, key)
	in := newIncoming(u, key, from, p.GetBestEffort())
	u.streams[key] = in
	u.of[key.author]++
	u.following.Store(int64(len(u.streams)))
	u.wg.Go(in.link.run)
	return in
}

// makeRoom forgets the stream that was silent for the longest, if that is needed for
// one of an author's.
func (u *subscriber) makeRoom(author id.Peer, now time.Time) bool {
	own := u.of[author] >= maxStreams
	if !own && len(u.streams) < maxAllStreams {
		return true
	}
	var quietest *incoming
	for key, in := range u.streams {
		if (!own || key.author == author) && (quietest == nil || in.last.Before(quietest.last)) {
			quietest = in
		}
	}
	if now.Sub(quietest.last) < minIdle {
		return false
	}
	quietest.giveUp()
	u.forget(quietest)
	return true
}

// forget ends a stream, all but where it was.
func (u *subscriber) forget(in *incoming) {
	key := in.link.key
	delete(u.streams, key)
	u.following.Store(int64(len(u.streams)))
	if u.of[key.author]--; u.of[key.author] == 0 {
		delete(u.of, key.author)
	}
	u.early -= in.tracker.Bytes()
	in.dropLong()
	in.setGap(time.Time{})
	in.link.cancel()
	u.remember(key, place{next: in.tracker.Next(), at: in.at, all: in.all, begun: in.begun, last: in.last})
}

// remember knows where a stream was left, in place of the one that was silent for the
// longest if there are too many: of its author, or of all.
func (u *subscriber) remember(key streamKey, at place) {
	oldest := func(which func(streamKey) bool) (who streamKey, count int) {
		for k, p := range u.past {
			if which(k) {
				if count++; count == 1 || p.last.Before(u.past[who].last) {
					who = k
				}
			}
		}
		return who, count
	}
	if who, n := oldest(func(k streamKey) bool { return k.author == key.author }); n >= maxOwnPast {
		delete(u.past, who)
	} else if len(u.past) >= maxPast {
		who, _ = oldest(func(streamKey) bool { return true })
		delete(u.past, who)
	}
	u.past[key] = at
}
