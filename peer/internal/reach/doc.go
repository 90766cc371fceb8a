// Package reach sees to it that a host can be reached, wherever it is.
//
// A peer begins as if it were behind a NAT, and proves itself public: by an address of its
// own that is, or by what others could dial. Until then it reserves a place at relays, which
// it takes from the peers that it is connected to, or else asks its group for; keeps and
// renews that; and goes to another relay when one is lost. What it is seen as by others,
// over QUIC and over TCP, it tells those who come through a relay, and both dial at once: so
// a hole is punched through both NATs (DCUtR), and whoever came by relay goes on directly.
//
// A public peer is a relay itself, for peers of its groups, and counts what it carries.
package reach
