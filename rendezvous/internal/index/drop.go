package index

import "github.com/juxta-p2p/juxta/id"

// DropSigner drops all that one signer has in the index, and returns how many entries
// that were.
func (x *Index) DropSigner(who id.Peer) int {
	var all []*item
	for _, it := range x.items {
		if it.identity.signer == who {
			all = append(all, it)
		}
	}
	for _, it := range all {
		x.remove(it)
	}
	return len(all)
}
