package peer

// What the tests of the finder, in peer_test, need of it.
type (
	Finder    = finder
	Announcer = announcer
)

var (
	NewAnnouncer   = newAnnouncer
	NewFinder      = newFinder
	RendezvousKey  = rendezvousKey
	NewRecordStore = newRecordStore
)

const (
	AnnounceDelay   = announceDelay
	DHTProtocol     = dhtProtocol
	SearchTimeout   = searchTimeout
	ProvideInterval = provideInterval
	RecordLife      = recordLife
	MaxRecords      = maxRecords
	MaxRecordsOfOne = maxRecordsOfOne
)
