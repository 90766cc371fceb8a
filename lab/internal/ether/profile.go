package ether

import (
	"math/rand/v2"
	"time"
)

// Profile is what a line does to each frame, in each direction. The zero value lets
// all pass at once.
type Profile struct {
	Delay  time.Duration // how long a frame is under way
	Jitter time.Duration // up to so much longer; frames stay in order
	Loss   float64       // the share of frames that are lost, 0 to 1
	Rate   float64       // bits a second; 0: as many as there are
}

// longestQueue is how far the frames in front of a line with a rate may reach: then
// the line drops what comes.
const longestQueue = 200 * time.Millisecond

// clock is when the frames of one direction leave a line.
type clock struct {
	free time.Time // the bits of all frames so far have been sent
	last time.Time // the frame before leaves
}

// leave says when a frame of size bytes leaves that comes now, or that it is lost.
func (c *clock) leave(p *Profile, now time.Time, size int) (at time.Time, ok bool) {
	if p.Loss > 0 && rand.Float64() < p.Loss {
		return at, false
	}
	at = now
	if p.Rate > 0 {
		if c.free.Before(now) {
			c.free = now
		}
		if c.free.Sub(now) > longestQueue {
			return at, false
		}
		c.free = c.free.Add(time.Duration(float64(size) * 8 / p.Rate * float64(time.Second)))
		at = c.free
	}
	at = at.Add(p.Delay)
	if p.Jitter > 0 {
		at = at.Add(rand.N(p.Jitter))
	}
	if at.Before(c.last) {
		at = c.last
	}
	c.last = at
	return at, true
}
