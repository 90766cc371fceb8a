// Package load measures juxta beside others: raw go-libp2p streams, sockets of the
// operating system, GossipSub as it comes, and what a program that uses it adds.
// The command bench and "juxta bench" are that.
//
// Machines drift by a fifth and more while one measures, so a figure is taken in
// rounds, juxta and its baselines in turn and in alternating order; medians, and
// the ratio of each round, are what to look at. A ratio is oriented so that 1 is as
// good as the baseline, and more is better.
//
// Figures that move data take several processes, as one would share its scheduler
// and collector between the ends. The program runs itself as its children, over
// loopback (see [Serve]); nothing else of the network is touched. One that has an
// author and subscribers takes the author here, all subscribers together in one
// child, each with a host and connections of its own, and whatever must stand
// between them in another.
package load
