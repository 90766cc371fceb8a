package main

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

// messageRate is how many messages of 1 KiB a second go one way, through a
// message pipe and behind their lengths on a raw stream whose writes are
// buffered.
var messageRate = messageExperiment("messages", Target{Ratio: 0.7}, sendBuffered)

// messageRateUnbuffered is the same beside a raw stream with one write for each
// message, which is how messages are sent when nobody thinks of it.
var messageRateUnbuffered = messageExperiment("messages-unbuffered", Target{}, sendUnbuffered)

func messageExperiment(name string, target Target, send func(duplex, int) error) Experiment {
	return Experiment{
		Figures: []Figure{{Name: name, Unit: "/s", Target: target}},
		Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
			s, err := st.spawnServers(ctx)
			if err != nil {
				return nil, err
			}
			n := st.amount(400_000, 10_000)
			return func(ctx context.Context, side Side) (values []float64, err error) {
				op := byte(opMessages)
				if side == Juxta {
					op = opWait
				}
				err = st.withStream(ctx, side, s, op, func(c *client, d duplex) error {
					var rate float64
					if side == Juxta {
						rate, err = pipeMessages(ctx, c, s[Juxta], d, n)
					} else {
						rate, err = rawMessages(d, n, send)
					}
					values = []float64{rate}
					return err
				})
				return values, err
			}, nil
		},
	}
}

// pipeMessages sends n messages through the server's pipe, which says on d when
// the last has been taken out there, and returns their rate.
func pipeMessages(ctx context.Context, c *client, to *hello, d duplex, n int) (float64, error) {
	owner, err := id.ParsePeer(to.Peer)
	if err != nil {
		return 0, err
	}
	out, err := c.peer.Net().Pipe().Resolve(ctx, messagesTo(owner))
	if err != nil {
		return 0, err
	}
	defer out.Close()
	m := new(message.Message)
	m.Add("data", "", make([]byte, messageSize))
	began := time.Now()
	for i := range n {
		if i == n-1 {
			m.Add(lastElement, "", nil)
		}
		if err := out.Send(ctx, m); err != nil {
			return 0, err
		}
	}
	if err := awaitByte(d); err != nil {
		return 0, err
	}
	return perSecond(n, began), nil
}

// rawMessages does the same on a stream.
func rawMessages(d duplex, n int, send func(duplex, int) error) (float64, error) {
	began := time.Now()
	if err := send(d, n); err != nil {
		return 0, err
	}
	if err := awaitByte(d); err != nil {
		return 0, err
	}
	return perSecond(n, began), nil
}

func sendBuffered(d duplex, n int) error {
	w := bufio.NewWriterSize(d, chunk)
	if err := sendMessages(w, n); err != nil {
		return err
	}
	return w.Flush()
}

func sendUnbuffered(d duplex, n int) error { return sendMessages(d, n) }

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
