package main

import "slices"

// staged is an experiment with the transport that it runs over, which the names
// of its figures tell.
type staged struct {
	Experiment
	transport string
}

// experiments returns all there are, in the order in which they are played.
func experiments(transports []string) []staged {
	all := []staged{{Experiment: processStart}}
	for _, t := range transports {
		for _, e := range []Experiment{start, cold, roundTrips, messageRate, messageRateUnbuffered, streamRate} {
			e.Figures = slices.Clone(e.Figures)
			for i := range e.Figures {
				e.Figures[i].Name += "/" + t
			}
			all = append(all, staged{e, t})
		}
	}
	return all
}
