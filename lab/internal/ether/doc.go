// Package ether is a wire between two Ethernet ports that keeps frames back, loses
// some and lets through so many a second: what netem does, for kernels without it.
package ether
