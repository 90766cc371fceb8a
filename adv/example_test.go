package adv_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// An application's own advertisement is a document under its own name.
func ExampleDocument() {
	doc, err := adv.Marshal(&adv.Document{Name: "News", Children: []*adv.Element{
		{Name: "Title", Text: "It works"},
		{Name: "Topic", Text: "p2p"},
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", doc)
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <!DOCTYPE News>
	// <News xml:space="preserve" xmlns:jxta="http://jxta.org">
	// 	<Title>It works</Title>
	// 	<Topic>p2p</Topic>
	// </News>
}

// A pipe that names its owner cannot be advertised by anybody else.
func ExampleSign() {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	owner := id.PeerOf(id.Net, make([]byte, 32)) // not us
	pipe := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Name: "clock", Owner: owner}
	_, err = adv.Sign(key, pipe, 1)
	fmt.Println(errors.Is(err, adv.ErrForged))
	// Output: true
}
