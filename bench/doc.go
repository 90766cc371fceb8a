// Command bench measures juxta beside raw go-libp2p streams, sockets, GossipSub as it
// comes, and NATS, in the same run.
//
//	cd bench && go run .
//
// What it measures, and how, is in internal/load; here is what the product shall not
// depend on. "juxta bench" is the same without NATS.
package main
