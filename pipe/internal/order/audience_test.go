package order

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

var terms = Terms{Window: 1000, Initial: 100, Most: 50, Settle: 500 * time.Millisecond, Grace: 10 * time.Second, Rejoin: 5 * time.Second}

// stage is an audience of names, and a clock.
type stage struct {
	*Audience[string]
	t   *testing.T
	now time.Time
}

func newStage(t *testing.T) *stage {
	now := time.Unix(1000, 0)
	return &stage{NewAudience[string](terms, now), t, now}
}

// pass lets time pass, stopping at each deadline, and returns who left or was left
// behind.
func (s *stage) pass(d time.Duration) (left, behind []string) {
	for end := s.now.Add(d); ; {
		at := s.Deadline()
		done := at.IsZero() || at.After(end)
		if done {
			at = end
		}
		if at.After(s.now) {
			s.now = at
		}
		l, b, _ := s.Advance(s.now)
		left, behind = append(left, l...), append(behind, b...)
		if done {
			return left, behind
		}
		if again := s.Deadline(); !again.IsZero() && !again.After(s.now) {
			s.t.Fatal("a deadline that stays: whoever waits for it would spin")
		}
	}
}

func (s *stage) report(who string, next, taken uint64) {
	s.t.Helper()
	if err := s.Report(who, Standing{Next: next, Heard: next}, taken, s.now); err != nil {
		s.t.Errorf("%s: %v", who, err)
	}
}

func (s *stage) room(want int) {
	s.t.Helper()
	if got := s.Room(s.now); got != want {
		s.t.Errorf("room for %d bytes, want %d", got, want)
	}
}

func TestRoom(t *testing.T) {
	s := newStage(t)
	s.room(100)
	s.Send(60)
	s.room(40)
	s.report("a", 0, 0)
	s.room(940)
	s.Send(500)
	s.report("b", 2, 500)
	s.room(440)
	s.report("a", 3, 560)
	s.room(940)
	if err := s.Report("a", Standing{Next: 9}, 561, s.now); !errors.Is(err, ErrAhead) {
		t.Errorf("ahead: %v", err)
	}
	s.Leave("b")
	s.room(1000)
	s.Leave("a")
	s.room(math.MaxInt)
}

func TestNobodyShowsUp(t *testing.T) {
	s := newStage(t)
	s.Send(100)
	s.Wait(true, s.now)
	s.room(0)
	s.pass(499 * time.Millisecond)
	s.room(0)
	s.pass(time.Millisecond)
	s.room(math.MaxInt)
}

func TestWhoIsStuckIsLeftBehind(t *testing.T) {
	s := newStage(t)
	s.report("stuck", 0, 0)
	s.report("fast", 0, 0)
	s.Send(1000)
	s.report("fast", 10, 1000)
	s.Wait(true, s.now)
	if _, behind := s.pass(terms.Grace - 1); behind != nil {
		t.Errorf("%v left behind too soon", behind)
	}
	if _, behind := s.pass(1); !slices.Equal(behind, []string{"stuck"}) {
		t.Errorf("%v left behind", behind)
	}
	s.room(1000)
	if all, behind := s.Members(); len(all) != 2 || behind != 1 {
		t.Errorf("subscribers %v, %d behind", all, behind)
	}
	taken, lagging, all := s.Taken(10)
	if taken != 1 || !slices.Equal(lagging, []string{"stuck"}) || !all {
		t.Errorf("taken by %d, not by %v, all who count: %v", taken, lagging, all)
	}
	s.report("stuck", 4, 499)
	s.room(1000)
	s.report("stuck", 5, 500) // caught up to half the window
	s.room(500)
}

// Grace is what an author waits, all in all; the clock stands still while it does not.
func TestOnlyWaitingCounts(t *testing.T) {
	s := newStage(t)
	s.report("slow", 0, 0)
	s.Send(1000)
	for i := range 9 {
		s.Wait(true, s.now)
		if _, behind := s.pass(time.Second); behind != nil {
			t.Fatalf("left behind after %d s", i+1)
		}
		s.Wait(false, s.now)
		s.pass(time.Minute)
	}
	s.Wait(true, s.now)
	if _, behind := s.pass(time.Second); len(behind) != 1 {
		t.Error("not left behind")
	}
}

// Who takes little by little gets as much time as who takes nothing; who takes what was
// under way gets another Grace.
func TestProgressCounts(t *testing.T) {
	for _, c := range []struct {
		name  string
		step  int // bytes a second
		stays bool
	}{{"enough", 112, true}, {"too little", 99, false}} {
		s := newStage(t)
		s.report("slow", 0, 0)
		s.Send(1000)
		s.Wait(true, s.now)
		taken, sent := 0, 1000
		stays := true
		for range 60 {
			if _, behind := s.pass(time.Second); behind != nil {
				stays = false
				break
			}
			taken += c.step
			s.report("slow", uint64(taken), uint64(taken))
			s.Wait(false, s.now) // the author fills up what is free
			s.Send(1000 - (sent - taken))
			sent = taken + 1000
			s.Wait(true, s.now)
		}
		if stays != c.stays {
			t.Errorf("%s: stays %v", c.name, stays)
		}
	}
}

func TestCutAndBack(t *testing.T) {
	s := newStage(t)
	for _, who := range []string{"back", "gone"} {
		s.report(who, 0, 0)
	}
	_ = s.Report("gone", Standing{Lost: 3}, 0, s.now)
	s.Send(10)
	s.Cut("back", s.now)
	s.Cut("gone", s.now)
	s.pass(4 * time.Second)
	s.room(990)
	s.report("back", 0, 0)
	if left, _ := s.pass(10 * time.Second); !slices.Equal(left, []string{"gone"}) {
		t.Errorf("%v left", left)
	}
	if s.Lost() != 3 {
		t.Errorf("lost %d", s.Lost())
	}
}

func TestHeardAndLow(t *testing.T) {
	s := newStage(t)
	s.Send(100)
	if !s.Heard(9) || s.Low(9) != 9 {
		t.Error("nobody is there")
	}
	_ = s.Report("a", Standing{Next: 3, Heard: 9}, 0, s.now)
	_ = s.Report("b", Standing{Next: 5, Heard: 8}, 0, s.now)
	if s.Heard(9) || !s.Heard(8) || s.Low(9) != 3 {
		t.Errorf("heard %v %v, low %d", s.Heard(9), s.Heard(8), s.Low(9))
	}
	_ = s.Report("b", Standing{Next: 1, Heard: 1}, 0, s.now) // it was started anew
	if s.Heard(8) || s.Low(9) != 1 {
		t.Errorf("heard %v, low %d", s.Heard(8), s.Low(9))
	}
}

// What a subscriber has lost counts once, however often its stream breaks.
func TestLostOfWhoComesAgain(t *testing.T) {
	s := newStage(t)
	s.Send(1000)
	lose := func(who string, lost, want uint64) {
		t.Helper()
		if err := s.Report(who, Standing{Next: 9, Heard: 9, Lost: lost}, 1000, s.now); err != nil {
			t.Error(err)
		}
		if got := s.Lost(); got != want {
			t.Errorf("%s has lost %d, all together %d, want %d", who, lost, got, want)
		}
	}
	cut := func(who string) {
		s.Cut(who, s.now)
		if left, _ := s.pass(terms.Rejoin); !slices.Equal(left, []string{who}) {
			t.Errorf("left: %v", left)
		}
	}
	lose("a", 5, 5)
	lose("b", 1, 6)
	cut("a")
	lose("a", 5, 6) // the same
	cut("a")
	lose("a", 7, 8) // the same, later
	cut("a")
	lose("a", 0, 8) // it was started anew
	lose("a", 2, 10)
	s.Leave("a") // for good: who comes now is another
	lose("a", 2, 12)
	for i := range 3 * maxGone {
		who := string(rune(0x4e00 + i))
		lose(who, 1, uint64(13+i))
		s.Cut(who, s.now)
		s.pass(terms.Rejoin)
	}
	if len(s.gone) > maxGone {
		t.Errorf("%d of those that have gone are known", len(s.gone))
	}
}
