// Package order is what a propagate pipe decides without a network: [Tracker] puts
// what a subscriber gets back into order, [History] keeps what an author may be asked
// for again, and [Audience] says how fast the author may go, and whom it leaves behind.
//
// All of it is plain state: no goroutines, no locks, and the time is an argument.
package order
