/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Sealing: one-way datagrams between members under signed ephemeral keys. Owns this node's current
 * key and certificate, the certificates and pair keys of the others, counters, replay windows,
 * rate limits and provisional addresses. Frames 1 to 3, 6 and 7 are its own.
 */
#pragma once

#include "gossip/core/member.h"
#include "gossip/trust/cert.h"

struct seal;

/* Why a newcomer's own word is not believed. */
struct rejection {
	uint8_t pub[SIGN_PUB_BYTES]; /* of the newcomer, by its row */
	const uint8_t *fact;         /* the removal of who admitted it, borrowed for the step */
	size_t len;
};

/* What sealing asks of admission; all are given. */
struct seal_hooks {
	void *ctx;
	/* A node that is no member yet but was admitted here: its member, interned with the key
	 * that it was admitted by, for it shows its certificate now. NULL when unknown. */
	struct member *(*vouch)(void *ctx, const struct id *node);
	/* The removal fact of a member, borrowed for the step; NULL when there is none. */
	const uint8_t *(*removal)(void *ctx, const struct id *node, size_t *len);
	/* A removal fact shown to us by a member: our own, or that of who admitted us. */
	void (*shown_removal)(void *ctx, struct member *by, const uint8_t *bytes, size_t len);
	/* Two certificates of one node and epoch exist; this node itself may be the one. */
	void (*clone)(void *ctx, const struct id *node);
	/* A row that an unknown node showed, of itself or of who admitted it; once its own is
	 * believed the node is a member.
	 * True when the row is the node's and yet refused for good: why is filled in, to be told.
	 * May be NULL: then nobody introduces himself. */
	bool (*introduce)(void *ctx, const struct id *node, const uint8_t *row, size_t len,
			  struct rejection *why);
	/* This node's own member row, or another without which nobody believes it, borrowed for
	 * the step; NULL when there is none yet. May be NULL itself: then this node does not
	 * introduce itself. */
	const uint8_t *(*own_row)(void *ctx, const struct member *to, size_t *len);
	/* The same for one that is told that it is removed or refused here. */
	const uint8_t *(*refuser_row)(void *ctx, size_t *len);
	/* Does this node claim its epoch now, which nobody has agreed to? May be NULL: never. */
	bool (*claims)(void *ctx);
};

/* How the claim of a newer certificate from another address stands. */
enum claim_state {
	CLAIM_NONE = 0, /* the certificate in use is the newest one shown */
	CLAIM_CHECKING, /* the old address is being asked */
	CLAIM_REFUSED,  /* the old address answered under the old key: the claimer is a copy */
	CLAIM_SET_BACK, /* it is older than the one in use, and nobody else is there */
	CLAIM_UNPROVEN, /* nobody else is there, but it was refused before and has to answer */
};

/* Frames of an opened datagram, borrowed until the next call of seal_open. */
struct opened {
	struct member *from;
	const uint8_t *frames;
	size_t len;
	bool provisional;       /* from an address not confirmed yet: answer, but do not follow */
	bool claiming;          /* its claim is not decided: only FRAME_CLAIM is in it */
	uint64_t epoch;         /* of the sender's certificate */
	struct member *renewed; /* whose newer certificate was taken just now; NULL: nobody's */
};

struct seal *seal_new(struct core *core, struct member_table *members);
void seal_free(struct seal *seal);
void seal_set_hooks(struct seal *seal, const struct seal_hooks *hooks);

/* Makes a fresh key and certificate for core->self.epoch; called at start, join and every 24 h. */
void seal_renew(struct seal *seal);

/* Judges a datagram of type SEALED, CERT_SEALED or CERT: DROP_NONE with *out filled (len 0 when
 * there was nothing inside), or the reason, already counted. Certificates are answered here. */
enum drop_reason seal_open(struct seal *seal, const struct hostport *from, const uint8_t *bytes,
			   size_t len, struct opened *out);

/* Seals frames to a member and adds the datagram to the update's sends; via may be NULL. Without a
 * key for the member it asks for its certificate, keeps these frames (a few datagrams a member) and
 * sends them when the certificate comes. Without frames (len 0) the datagram only makes the member
 * answer. 0, or WEFT_E_LIMIT when the update is full. */
int seal_send(struct seal *seal, struct member *to, const struct hostport *via,
	      const uint8_t *frames, size_t len);

/* Asks whoever of the cluster is at an address to meet this node, in a datagram as long as his
 * answer may be. One such question is open at a time. */
void seal_knock(struct seal *seal, const struct hostport *to);

/* A frame of the sealing layer from an opened datagram. */
enum drop_reason seal_frame(struct seal *seal, const struct opened *in, const struct hostport *from,
			    uint8_t type, const uint8_t *body, size_t len);

/* Forgets keys of a member that was removed. */
void seal_forget(struct seal *seal, struct member *member);
void seal_tick(struct seal *seal);
struct mono seal_deadline(struct seal *seal);

/* Payload bytes that fit one datagram to this member now (a certificate takes room). */
size_t seal_room(const struct seal *seal, const struct member *to);

/* Something opened under the certificate of this member that is in use, as far as is remembered. */
bool seal_has_spoken(const struct seal *seal, const struct member *member);

/* The state of a member's claim, for the answer to its FRAME_CLAIM. */
enum claim_state seal_claim(const struct seal *seal, const struct member *member);

/* Seals frames to a claimer under its undecided certificate, in no more bytes than it sent. */
void seal_answer_claim(struct seal *seal, const struct member *member, const struct hostport *to,
		       const uint8_t *frames, size_t len);

/* May so many bytes of frames go to a member where it spoke from? Always, once it has answered a
 * challenge there; before, no more than came from there: then they are taken from that. */
bool seal_may_answer_at(struct seal *seal, const struct member *member, const struct hostport *to,
			size_t len);

/* May one more signature be checked that this member shows us in a frame which no allowance of rows
 * pays for? Counts as one. */
bool seal_may_check(struct seal *seal, struct member *member);

/* Own certificate in use (CERT_BYTES), NULL before seal_renew; borrowed until the next renewal. */
const uint8_t *seal_own_cert(const struct seal *seal);

/* Is this the public half of a key of this process? */
bool seal_is_own_key(const struct seal *seal, const uint8_t pub[KX_PUB_BYTES]);

/* A member, who pays for the check, shows this node a certificate of its own below the epoch in
 * use. Under another key than it had in that epoch it proves a clone: the hook is called. */
enum drop_reason seal_shown_past(struct seal *seal, struct member *by, const uint8_t *cert);

/* The node was recovered: what happened before proves nothing any more. */
void seal_forget_past(struct seal *seal);

/* X25519 between the own key with this hint and a stranger's (the join handshake): false without
 * such a key. own_pub gets the public half of the own key. */
bool seal_stranger(const struct seal *seal, const uint8_t hint[3], const uint8_t pub[KX_PUB_BYTES],
		   uint8_t shared[32], uint8_t own_pub[KX_PUB_BYTES]);

/* May this source address be answered at all now? Counts as one answer. */
bool seal_may_answer(struct seal *seal, const struct hostport *from);

/* Adds a plain datagram to the update; false when it is full. The bytes are copied. */
bool seal_send_plain(struct seal *seal, const struct hostport *to, const uint8_t *bytes,
		     size_t len);

/* Walks every structure and asserts its invariants. */
void seal_check(const struct seal *seal);
