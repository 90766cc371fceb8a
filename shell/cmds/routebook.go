package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

// What route does to what is known of addresses.

// sought finds a peer as why does.
func (r *router) sought(ctx context.Context, word string) (*sought, error) {
	return seek(ctx, r.c, r.p, r.g, word, r.timeout)
}

// hostOf finds the libp2p ID of a peer: for that it need not be known.
func (r *router) hostOf(ctx context.Context, word string) (string, error) {
	if h, err := hostid.Decode(word); err == nil {
		return h.String(), nil
	}
	s, err := r.sought(ctx, word)
	switch {
	case err != nil:
		return "", err
	case s.host == "":
		return "", noSuchPeer(word)
	}
	return s.host, nil
}

func noSuchPeer(word string) error {
	text := fmt.Errorf("%s: no such peer was found; see peers -r, or try its ID", word)
	return &shell.ExitError{Status: shell.StatusUnreachable, Err: text}
}

func (r *router) info(ctx context.Context, word string) error {
	s, err := r.sought(ctx, word)
	switch {
	case err != nil:
		return err
	case s.known == nil:
		return noSuchPeer(word)
	}
	doc := s.known.Advertisement().(*adv.Peer)
	info := report{Found: s.from, Age: max(time.Since(time.UnixMilli(int64(s.known.Seq()))), 0).Milliseconds()}
	text := ""
	if ra := doc.Element().Find("Svc", "Parm", "jxta:RA"); ra != nil { // the endpoint service comes first
		b, err := adv.Marshal((*adv.Document)(ra))
		if err != nil {
			return err
		}
		text = string(b)
	}
	if r.out.JSON {
		return r.c.Rows(r.out).Add(struct {
			Peer     string   `json:"peer"`
			ID       string   `json:"id"`
			Host     string   `json:"host"`
			Found    string   `json:"found"`
			Age      int64    `json:"age_ms"`
			Addrs    []string `json:"addrs"`
			Document string   `json:"document"`
		}{s.name, s.known.Signer().String(), s.host, s.from, info.Age, append([]string{}, doc.Route.Addrs...), text})
	}
	lines := [][]string{{"peer", s.name}, {"id", s.known.Signer().String()}, {"host", s.host}, {"found", info.foundText()}}
	for _, a := range doc.Route.Addrs {
		lines = append(lines, []string{"address", a, transportOf(a), dash(relayNamer(r.p)(relayIn(a)))})
	}
	return errors.Join(table(r.c, r.out, nil, lines), r.c.Printf("\n%s", text))
}

func (r *router) add(ctx context.Context, word string, addrs []string) error {
	host, err := r.hostOf(ctx, word)
	if err != nil {
		return err
	}
	if err := r.p.Teach(host, addrs...); err != nil {
		return plainly(err)
	}
	s, err := r.sought(ctx, host)
	if err != nil || s.known != nil {
		return err
	}
	meeting, cancel := within(ctx, r.c, r.timeout)
	defer cancel()
	_, err = r.p.Meet(meeting, host)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("%w: no answer", group.ErrUnreachable)
	}
	return unreached(ctx, word, err)
}

func (r *router) remove(ctx context.Context, word string, addrs []string) error {
	host, err := r.hostOf(ctx, word)
	if err != nil {
		return err
	}
	n, err := r.p.Forget(host, addrs...)
	if err != nil {
		return plainly(err)
	}
	return r.forgotten(n)
}

func (r *router) flush(ctx context.Context, word string) error {
	if word == "" {
		return r.forgotten(r.p.ForgetAll())
	}
	host, err := r.hostOf(ctx, word)
	if err != nil || len(r.p.Conns(host)) > 0 {
		return errors.Join(err, r.forgotten(0))
	}
	n, err := r.p.Forget(host)
	return errors.Join(err, r.forgotten(n))
}

// way says by which ways a peer may be reached, or shows it if w is empty.
func (r *router) way(ctx context.Context, word string, w pipe.Way) error {
	s, err := r.sought(ctx, word)
	switch {
	case err != nil:
		return err
	case s.known == nil:
		return noSuchPeer(word)
	case w != "":
		return plainly(r.p.SetWay(s.known, w))
	}
	now := r.p.Way(s.known)
	return r.c.Rows(r.out).Stream().Add(struct {
		Peer string   `json:"peer"`
		ID   string   `json:"id"`
		Way  pipe.Way `json:"way"`
	}{s.name, s.known.Signer().String(), now}, string(now))
}

// forgotten says how much was.
func (r *router) forgotten(n int) error {
	if !r.out.JSON {
		return nil
	}
	return r.c.Rows(r.out).Add(map[string]int{"forgotten": n})
}

// plainly is an error of package peer, without its name.
func plainly(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), "peer: "))
}
