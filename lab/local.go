package lab

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
)

// localStage has its peers in this process.
type localStage struct {
	log  *slog.Logger
	errs io.Writer

	mu    sync.Mutex // guards seats
	seats []*seat
}

// listenAddrs keep a world on its machine.
var listenAddrs = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}

func (st *localStage) start(ctx context.Context, s *spec) (actor, error) {
	if s.site != "" {
		return nil, errors.New("--at needs the stage netns, and the site a nat before")
	}
	cfg := s.config()
	cfg.Log, cfg.PortMap = st.log.With("node", s.Name), false // no router needs to know
	if cfg.Listen == nil {
		cfg.Listen = listenAddrs
	}
	seat, err := takeSeat(ctx, cfg, st.errs)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.seats = append(st.seats, seat)
	return seat, nil
}

// reset closes the peers, the last one first.
func (st *localStage) reset(<-chan struct{}) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	var errs []error
	for i := len(st.seats) - 1; i >= 0; i-- {
		errs = append(errs, st.seats[i].close())
	}
	st.seats = nil
	return errors.Join(errs...)
}

func (st *localStage) close(hurry <-chan struct{}) error { return st.reset(hurry) }
