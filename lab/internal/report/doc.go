// Package report tells what happened in a run of a world: as JSON lines for
// programs, as a story, a table and plots for people, and as one page of HTML with
// all of that in it.
//
// # Statistics
//
// A quantile is R's type 7, which NumPy, Excel and Julia use as well: with the n
// values in order as x[0] to x[n-1], the q-quantile is at h = (n-1)q, and between two
// values on the straight line from one to the other. The median is the 0.5-quantile.
// So of few values the p95 lies close to the largest, and says little.
//
// Measurements of the unit [Success] are 1 where something worked and 0 where it did
// not: of them, the rate counts, in percent.
//
// # What is hostile
//
// What peers print is theirs, and may be anything. In the page it is escaped, which
// has no scripts and forbids them; in the texts, control characters, those that turn
// the direction of writing included, become U+FFFD.
package report
