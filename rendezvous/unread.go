package rendezvous

import (
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
)

// Bounds of what cannot be read yet. When there is more, or it takes longer, the oldest is
// lost.
const (
	unreadBundles = 1024
	unreadBytes   = 4 << 20
	unreadTime    = 10 * time.Second
)

// delivery is a bundle on its way to subscriptions of ours.
type delivery struct {
	*bundle.Opened
	subs     []*Subscription
	replayed bool // it was asked for
}

// unread is what waits for its epoch to be known, and what has come behind it of the same
// author, so that the order of one author stays. The zero value is empty. It is plain
// state; whoever owns it brings the lock.
type unread struct {
	queue []unreadDelivery // the oldest first
	bytes int
}

type unreadDelivery struct {
	delivery
	since time.Time
}

// holds reports whether something of an author waits, so that what is newer has to.
func (u *unread) holds(author id.Peer) bool {
	return slices.ContainsFunc(u.queue, func(d unreadDelivery) bool { return d.Author == author })
}

// add has a delivery wait. What is too much then, excess has to take out.
func (u *unread) add(now time.Time, d delivery) {
	u.queue = append(u.queue, unreadDelivery{d, now})
	u.bytes += costOf(d.Opened)
}

// excess takes out what has waited for too long, and of what is too much the oldest. What
// was behind that may be read now.
func (u *unread) excess(now time.Time) (lost []delivery) {
	for _, d := range u.queue {
		if len(u.queue)-len(lost) <= unreadBundles && u.bytes <= unreadBytes && now.Sub(d.since) < unreadTime {
			break
		}
		lost = append(lost, d.delivery)
		u.bytes -= costOf(d.Opened)
	}
	u.queue = slices.Delete(u.queue, 0, len(lost))
	return lost
}

// retry has those of an author read in their order, up to the first that cannot be; read
// reports whether it is done with one. The zero author: those of each.
func (u *unread) retry(author id.Peer, read func(delivery) bool) {
	stuck := map[id.Peer]bool{}
	u.queue = slices.DeleteFunc(u.queue, func(d unreadDelivery) bool {
		if !author.IsZero() && d.Author != author || stuck[d.Author] {
			return false
		}
		if !read(d.delivery) {
			stuck[d.Author] = true
			return false
		}
		u.bytes -= costOf(d.Opened)
		return true
	})
}

// next says when the oldest will have waited for too long, if there is one.
func (u *unread) next() (time.Time, bool) {
	if len(u.queue) == 0 {
		return time.Time{}, false
	}
	return u.queue[0].since.Add(unreadTime), true
}
