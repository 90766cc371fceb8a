// Package membership says who is in a peer group. It is plain state and cryptography:
// no streams, no goroutines, and no clock but the time that it is given.
//
// # Anchors and chains
//
// The ID of a group is a hash of its root key, and only that key signs the group's
// advertisement; so whoever knows the ID knows, in the end, whom to believe. What the
// advertisement says about membership is a [Policy]. In it stand the anchors: the root
// key, and of a group with a password the key that the password becomes.
//
// A [Credential] is what an issuer signs about another key, the subject: that who holds
// it is a member in some role until some day, or may make members. A [Chain] is up to
// four of them, the first signed by an anchor, each other by the subject of the one
// before. One who wants in shows its chain on a connection that has authenticated its
// key; [Policy.Check] needs nothing else, so each member can judge by itself, and the
// root may be in a drawer. Chains are not secret: without the key of its subject a
// chain is worth nothing.
//
// Only the membership of an [Admin] and an invitation carry on a chain. Its links stand
// and fall together: when the membership of an admin expires or is revoked, so has
// that of everybody below.
//
// # Roles
//
// A [Guest] reads. A [Member] publishes, binds and propagates too. An [Admin] issues
// credentials of any role, invites and revokes too. The package tells roles; that
// guests do not publish is for the services to see to ([ErrGuest]).
//
// # Self-issued credentials
//
// Who knows the password, or has the key of an invitation, signs its own membership
// with that key: there is nobody to wait for. Such a membership is the last of its
// chain, and can make no other. The password's key signs just memberships of the role
// that the advertisement gives, never of an admin; an invitation's key, of its role,
// for its life, until it expires, and perhaps for one peer alone.
//
// The signer of such a membership chooses its times itself. So what it says about when
// it was issued is not believed where that would help: a revocation of the peer refuses
// it whatever it says. Who was put out comes back only by a credential that the root
// or an admin issues afterwards. But keys cost nothing: who still knows the password
// comes back as another peer. A password that somebody should not have any more must be
// changed: the root signs an advertisement with another, and all memberships made by
// the old one end ([Ledger.SetPolicy]); an invitation must be revoked by its serial.
//
// Whoever has the advertisement can try passwords at home, at the cost of the [KDF]
// each.
//
// # The ledger
//
// A [Ledger] holds [Record]s: revocations, and redemptions of invitations. Members
// exchange what the other has not. It only grows, so the order in which records come,
// and coming twice, does not matter: two members with the same records ([Ledger.Digest])
// judge everybody alike, and nobody can undo a revocation by showing an old ledger. The
// price is that it has bounds. Of 4,096 revocations 512 are the root's alone, and one
// admin that the root has made can add, with all admins below it, 1,024. Of redemptions
// there is room for 16,384, and of one invitation for twice as many as it allows. A
// full ledger refuses more ([ErrFull]); then the order does matter, and two may differ
// for good. Who exchanges records must not take that for news again and again.
//
// Records are judged by their own time: a revocation counts if its issuer was an admin
// when it says it was issued, a redemption if its chain was good then.
//
// # Effective revocations
//
// A revocation names a peer: then it ends the memberships of that peer which were
// issued up to its time, to the millisecond. Or it names a credential, by serial: then
// it ends it, whatever its time, all that was issued by it, and all that gives it as
// one of its origins: a renewed membership gives all that the one before hung on.
//
// Admins may put each other out, so which revocations count needs a rule that gives
// everybody the same answer. They are gone through in the order of their time, then
// serial, then ID. One counts if the root has issued it, or if no membership in its
// issuer's chain is ended by one that counts already. So what an admin has revoked
// before it was put out stands, what it revokes after that does not. An admin can
// revoke itself, but nothing above itself in the chain that it revokes by: such a
// revocation never counts. Nobody can revoke the root.
//
// Time here is what the issuer says. An admin who is put out can still date a
// revocation before that, and of two admins who put each other out the one with the
// earlier date wins, to whom it was said or not. The root has the last word: it can
// grant again to who was wronged, and a later grant overcomes an earlier revocation.
//
// # Epochs
//
// Each revocation comes with a random secret, to which it is bound by its hash. Members
// exchange revocations with the secrets; who is put out is shown them without
// ([Record.Public]). All secrets together make the key of an epoch ([Ledger.Epoch]), and
// by it members seal what they propagate ([SealKey]). So who was put out cannot read
// what is propagated by who knows of it. It may read what is propagated by who does not
// yet; and a member who hands it the secret defeats this, as it could hand it the
// content. Who joins later gets all secrets, and so could read earlier epochs.
//
// The secret of the group ([NewSecret]) is another thing. By it members recognise each
// other's services, and hide from outside which group they are of. Who was put out
// still knows it.
//
// # Invitations and redemption
//
// An invitation is a credential whose subject is a key made for it. In a [Token] that
// key is a short text, which may be read aloud; the rest, the advertisement and the
// chain and the secret of the group, is found sealed under a name that the token tells
// ([Token.Seal], [Token.Lookup]). Whoever reads the text can join.
//
// [Ledger.Admit] lets in who shows a chain through an invitation if it has used it
// before, or if the invitation has neither expired nor been used up; then it asks for a
// [Record] of the redemption. A peer has used an invitation once, whatever it signs
// with it. How often it was used is what the ledger of whoever admits knows. So within
// the time that members need to tell each other, or on the two sides of a partition, an
// invitation can be used more often than it says; everybody who came in so stays in.
// The number of uses bounds mishaps, it is not a lock; that an invitation is for one
// peer by name is one.
//
// # Clocks
//
// Clocks decide when a membership or an invitation has expired; whether something was
// issued in the future, by more than ten minutes ([Skew]); and, between the clocks of
// issuers, whether a grant is later than a revocation. A clock that is slow takes
// memberships for good that have expired, and refuses new ones; one that is fast, the
// other way around. Nothing else depends on them: revocations and redemptions hold
// whatever the time is.
package membership
