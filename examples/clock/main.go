// Command clock serves HTTP through a pipe at one peer, and fetches it at another
// that knows nothing but the pipe's name and a seed.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/juxta-p2p/juxta/peer"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	seeds, stop, err := serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	return fetch(ctx, seeds, out)
}

var loopback = []string{"/ip4/127.0.0.1/tcp/0"}

// serve is the server: on a machine of its own it would be all of its program.
func serve(ctx context.Context) (addrs []string, stop func() error, err error) {
	p, err := peer.Start(ctx, &peer.Config{Name: "server", Listen: loopback})
	if err != nil {
		return nil, nil, err
	}
	ln, err := p.Net().Pipe().Listen(ctx, "clock")
	if err != nil {
		return nil, p.Close, err
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "It is", time.Now().Format(time.TimeOnly))
	}))
	return p.Addrs(), p.Close, nil
}

// fetch is the client.
func fetch(ctx context.Context, seeds []string, out io.Writer) error {
	p, err := peer.Start(ctx, &peer.Config{Name: "client", Listen: loopback, Seeds: seeds})
	if err != nil {
		return err
	}
	defer p.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: p.Net().Pipe().Dial}}
	defer client.CloseIdleConnections()
	res, err := client.Get("http://clock/")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(out, res.Body)
	return err
}
