package message_test

import (
	"fmt"

	"github.com/juxta-p2p/juxta/message"
)

func Example() {
	var m message.Message
	m.Add("greeting", "text/plain", []byte("hello"))
	m.Add("photo", "image/png", []byte{0x89, 'P', 'N', 'G'})

	wire, err := m.AppendBinary(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	received, err := message.Decode(wire)
	if err != nil {
		fmt.Println(err)
		return
	}
	for e := range received.Elements() {
		fmt.Printf("%s %s %q\n", e.Name, e.MIME, e.Data)
	}
	// Output:
	// greeting text/plain "hello"
	// photo image/png "\x89PNG"
}
