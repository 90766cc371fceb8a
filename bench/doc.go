// Command bench measures juxta beside a raw go-libp2p stream: the same
// transport, security channel, muxer and limits, in the same run.
//
//	cd bench && go run .
//
// Machines drift by a fifth and more while one measures, so a figure is taken in
// pairs, juxta and the baseline in turn and in alternating order; medians and
// the ratio of each pair are what to look at. A ratio is oriented so that 1 is as
// good as the baseline, and more is better.
//
// Figures that move data take two processes, as one would share its scheduler
// and collector between the ends: bench runs itself as the server, over
// loopback. Nothing else of the network is touched.
package main
