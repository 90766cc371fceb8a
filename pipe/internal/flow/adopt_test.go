package flow

import (
	"errors"
	"testing"
	"testing/synctest"
)

func TestAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moved := errors.New("moved")
		s, r, p := attached(t)
		for _, size := range []int{10, 2*MaxFrame + 100, 20, 30} {
			if _, err := s.Append(t.Context(), text(make([]byte, size)), true); err != nil {
				t.Fatal(err)
			}
		}
		in := &taker{r: r}
		for i, want := range []bool{true, false, false, true, true} { // the large one has three frames
			if _, _, err := in.next(); err != nil {
				t.Fatal(err)
			}
			r.Take(in.pos, true)
			within(t, s, in.pos)
			if at, ok := s.Boundary(); at != in.pos || ok != want {
				t.Errorf("after frame %d: %d, %v; want %d, %v", i, at, ok, in.pos, want)
			}
		}
		waiting := make(chan error)
		go func() { waiting <- s.Await(t.Context(), in.pos+1) }()
		synctest.Wait()

		heir := NewSender(in.pos, p.lost)
		if heir.Adopt(s, moved) {
			t.Error("of one that is attached")
		}
		p.detach()
		if NewSender(in.pos-1, p.lost).Adopt(s, moved) {
			t.Error("by one that begins elsewhere")
		}
		s.End()
		if !heir.Adopt(s, moved) {
			t.Fatal("not adopted")
		}
		if err := <-waiting; err != moved || s.Err() != moved {
			t.Error(err, s.Err())
		}
		if heir.Adopt(s, moved) {
			t.Error("twice")
		}

		p.s, p.r = heir, NewReceiver(in.pos, p.lost)
		p.attach(true)
		in = &taker{r: p.r, pos: in.pos}
		if m, _, err := in.message(); len(m) != 30 || err != nil {
			t.Error(len(m), err)
		}
		if _, end, err := in.message(); !end || err != nil {
			t.Error(end, err)
		}
		p.r.End()
		<-heir.Done()
		if at, done := heir.Acked(); at != in.pos || !done || heir.Err() != nil {
			t.Error(at, done, heir.Err())
		}
	})
}

// What a Receiver leaves when it closes is not the end of a Sender that may go on with
// another one.
func TestOutlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newSession(0, 1000)
		p.s.Outlive = true
		p.attach(true)
		if _, err := p.s.Append(t.Context(), text(make([]byte, 5000)), false); err != nil {
			t.Fatal(err)
		}
		p.r.Close()
		<-p.losses
		if !p.s.Closed() || p.s.Attached() || p.s.Err() != nil {
			t.Error(p.s.Closed(), p.s.Attached(), p.s.Err())
		}
		if at, ok := p.s.Boundary(); at != 0 || !ok {
			t.Error(at, ok)
		}
		p.detach()
	})
}
