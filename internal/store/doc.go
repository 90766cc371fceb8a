// Package store keeps bytes by key in one file, so that they outlive the process.
//
// A [DB] is one file with buckets in it. [Bucket.Put] and [Bucket.Delete] only queue
// what is to be written: one goroutine writes all that waits in one transaction, at
// once when somebody waits in [DB.Flush], else after a tenth of a second. So what is
// on disk is always the state after the first so many calls, in the order in which
// they were made, whichever moment the process or the machine died; and all that a
// Flush vouched for is there.
//
// # When the disk is full
//
// What could not be written stays queued and is tried again, every five seconds and
// at each Flush. Each Flush that waited for the attempt gets its error; the log tells
// of the first failure and of the first success after it. The queue holds
// [MaxQueue] bytes. While the disk works, who finds it full waits; while it does
// not, Put returns the error at once, and what it was given is not queued.
//
// # When the file is damaged
//
// [Open] reads the whole file and accepts it only if its pages hang together as
// they should. It never replaces a file: that is for a person to decide. It does not
// see a change within a value; keep what you would recognize as damaged.
//
// The format is that of bbolt (go.etcd.io/bbolt), with buckets of one level.
package store
