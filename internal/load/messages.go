package load

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
)

// messageSize is the bytes of data in a message.
const messageSize = 1 << 10

// messageRate is how many messages of 1 KiB a second go one way, through a message
// pipe; behind their lengths on a raw stream whose writes are buffered, and on one
// with a write for each message, which is how messages are sent when nobody thinks
// of it; and from one to one on the buses.
func messageRate(buses []Bus) Experiment {
	unbuffered := libp2pStreams.side(opMessages, rawMessages(sendMessages))
	unbuffered.Name += "-unbuffered"
	e := Experiment{
		Name:     "messages",
		Measures: []Measure{{Unit: "/s"}},
		Sides: []Side{
			juxta.side(opWait, pipeMessages),
			libp2pStreams.side(opMessages, rawMessages(sendBuffered), Target{Ratio: 0.7}),
			unbuffered,
		},
	}
	for _, b := range buses {
		e.Sides = append(e.Sides, Side{
			Name:    b.Name,
			Targets: []Target{b.OneToOne},
			Prepare: func(_ context.Context, st *Stage) (Sampler, error) {
				return func(ctx context.Context) (values []float64, err error) {
					err = b.withFan(ctx, st, 1, func(f *fan) error {
						rate, _, err := f.flatOut(ctx, messageCount(st))
						values = []float64{rate}
						return err
					})
					return values, err
				}, nil
			},
		})
	}
	return e
}

func messageCount(st *Stage) int { return st.Amount(400_000, 10_000) }

// pipeMessages sends messages through the server's pipe, which says on d when the
// last has been taken out there, and returns their rate.
func pipeMessages(ctx context.Context, st *Stage, to *Where, c *client, d duplex) ([]float64, error) {
	owner, err := id.ParsePeer(to.Peer)
	if err != nil {
		return nil, err
	}
	out, err := c.peer.Net().Pipe().Resolve(ctx, messagesTo(owner))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	m := new(message.Message)
	m.Add("data", "", make([]byte, messageSize))
	n := messageCount(st)
	began := time.Now()
	for i := range n {
		if i == n-1 {
			m.Add(lastElement, "", nil)
		}
		if err := out.Send(ctx, m); err != nil {
			return nil, err
		}
	}
	if err := awaitByte(d); err != nil {
		return nil, err
	}
	return []float64{perSecond(n, began)}, nil
}

// rawMessages does the same on a stream.
func rawMessages(send func(io.Writer, int) error) work {
	return func(_ context.Context, st *Stage, _ *Where, _ *client, d duplex) ([]float64, error) {
		n := messageCount(st)
		began := time.Now()
		if err := send(d, n); err != nil {
			return nil, err
		}
		if err := awaitByte(d); err != nil {
			return nil, err
		}
		return []float64{perSecond(n, began)}, nil
	}
}

func sendBuffered(to io.Writer, n int) error {
	w := bufio.NewWriterSize(to, chunk)
	if err := sendMessages(w, n); err != nil {
		return err
	}
	return w.Flush()
}

// sendMessages writes n messages, and one of length 0 at the end.
func sendMessages(w io.Writer, n int) error {
	b := make([]byte, headerSize+messageSize)
	binary.BigEndian.PutUint32(b, messageSize)
	for range n {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	_, err := w.Write(make([]byte, headerSize))
	return err
}
