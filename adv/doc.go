// Package adv holds advertisements: the XML documents by which peers tell each
// other what exists.
//
// An advertisement describes one thing that has an ID: a [Peer], a [Group], a
// [Pipe], a [ModuleClass] or [ModuleSpec], a rendezvous peer ([Rdv]), or
// whatever an application defines ([Document]). The schemas are JXTA's own
// (JXTA v2.0 Protocols Specification, "Advertisements"); what we add stands in
// elements and attributes that JXTA ignores. [Parse] reads documents of either
// side, [Marshal] writes them.
//
// What travels is [Signed]: exactly those XML bytes in a libp2p envelope, with
// the signer's key. [Open] accepts only what the signer may say: nobody can
// publish the advertisement of somebody else's peer, group or pipe. There is no
// unsigned form of it. A document that was imported from elsewhere is an
// [Advertisement] from Parse; to publish it, a peer must be able to [Sign] it.
//
// How long an advertisement lives is not part of it; see [DefaultLifetime].
package adv
