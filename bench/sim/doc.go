// Command sim measures the rendezvous overlay with hundreds and thousands of whole
// peers in one process, on a network in memory and in virtual time.
//
//	cd bench && go run ./sim peerview -n 580
//	go run ./sim search -n 100,1000
//	go run ./sim failover
//	go run ./sim all -quick
//
// Every figure in seconds is one of the network alone: what a processor takes is
// nothing in virtual time, so neither the machine nor its load changes a figure, and
// those of a peer's own work are package bench's to measure. Searches are measured
// beside kad-dht, on the same network in the same run.
package main
