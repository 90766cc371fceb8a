package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
)

// TestMain lets the test binary be its own children.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if err := Serve(context.Background(), os.Args[2:], os.Stdin, os.Stdout, letters); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// newStage is a stage whose children are the test binary.
func newStage(t *testing.T) *Stage {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	st := &Stage{Transport: OverTCP, Rounds: 1, Quick: true, child: []string{self, "serve"}}
	t.Cleanup(st.Close)
	return st
}

// letters is a bus that loses every fourth message of a phase, and brings the others
// twice.
var letters = Bus{
	Name:       "letters",
	Server:     func(context.Context, string) (*Where, io.Closer, error) { return letterServer() },
	Subscribe:  readLetters,
	Author:     newLetterAuthor,
	Deliveries: 4000,
}

// letterServer has nothing to do but to be asked for.
func letterServer() (*Where, io.Closer, error) {
	return &Where{Addrs: []string{"nowhere"}}, io.NopCloser(nil), nil
}

func readLetters(_ context.Context, w *World, heard func(int, []byte)) (*Where, io.Closer, error) {
	if len(w.Server) != 1 || w.Server[0] != "nowhere" {
		return nil, nil, fmt.Errorf("the server is at %v", w.Server)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		body := make([]byte, messageSize)
		for {
			if _, err := io.ReadFull(c, body); err != nil {
				return
			}
			if s, _ := readStamp(body); s.seq%4 == 3 {
				continue
			}
			for i := range 2 * w.Subscribers {
				heard(i/2, body)
			}
		}
	}()
	return &Where{Addrs: []string{ln.Addr().String()}}, ln, nil
}

type letterAuthor struct {
	net.Conn
	out *bufio.Writer
}

func newLetterAuthor(_ context.Context, _ *World, to *Where) (Author, error) {
	c, err := net.Dial("tcp", to.Addrs[0])
	if err != nil {
		return nil, err
	}
	return &letterAuthor{c, bufio.NewWriter(c)}, nil
}

func (a *letterAuthor) Publish(_ context.Context, body []byte) error {
	_, err := a.out.Write(body)
	return err
}

func (a *letterAuthor) Flush(context.Context) error { return a.out.Flush() }
