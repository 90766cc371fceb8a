// Package memnet is an internet in memory for tests and simulations: many
// addresses in one process, links with latency and bandwidth, firewalls,
// partitions, and peers that die. Everything above the byte stream is real:
// [Network.Options] gives libp2p.New a host whose only transport is the network.
//
// Nothing here opens a socket or owns a goroutine, and whoever waits does so on
// a channel or a timer. So a whole overlay runs in virtual time in a bubble of
// testing/synctest, as well as in real time outside.
//
// # Time
//
// Dial returns after a round trip. What is written arrives after what the link's
// bandwidth makes of it and the latency; at most Link.Window bytes are under way
// and unread. An end of stream and a reset travel like data. A cut link stops the
// clock of its connections, and they give up after 150 seconds.
//
// # Hosts in a bubble
//
// Make the Network in the bubble, because its channels belong there. All options
// of libp2p work but those that look outside: no NATPortMap, no mDNS, no listening
// on 0.0.0.0 or [::], no DNS addresses.
//
// Close every host before the bubble's function returns (t.Cleanup is in time),
// then let virtual time pass, which costs nothing: time.Sleep(3 * time.Minute) is
// always enough. A host at rest ends at once. A dial under way lasts as long as
// the answer takes, or 5 seconds without one (15 to a public address). Closing
// a host in the middle of a handshake that was cut off takes those 150 seconds,
// because the handshake of libp2p.NoSecurity has no deadline.
//
// One host left open keeps the bubble alive for ever: its timers drive virtual
// time on, and instead of a report of a deadlock there is a busy processor. Run
// such tests with a short -timeout.
//
// Three more habits of libp2p show in virtual time. A connection that is cut dies
// of yamux's keep-alive after 30 to 70 seconds, before it dies of ours. A failed
// dial is not repeated for 5 seconds, then longer: Connect fails at once with
// "dial backoff". And 10.0.0.0/8 and the like are private addresses to it, which
// AutoNAT and the DHT pass over: give public peers public addresses.
package memnet
