/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Peers and their sessions, inside the sealing layer.
 *
 * A peer is what is kept of a member for good once it has spoken: the key of its current
 * certificate and, while its session sleeps, the highest counter accepted under it. A session is
 * the heavier rest (pair keys, windows, challenges); it is made when needed and given back when it
 * has been idle and there are many.
 *
 * A certificate can be recorded, shown by anybody and in anybody's name. So the key of one that
 * came by itself is only shown at first: it is used, and when something opens under it its process
 * is sent a challenge. Until that is answered the key that was proved before stands behind it. What
 * opens under that one, a second or more later, puts it back in place, and the shown key is
 * doubted.
 */
#pragma once

#include "gossip/core/limit.h"
#include "keys.h"

struct session {
	struct mono used;
	uint8_t cert[CERT_BYTES]; /* of the current key; zero after a sleep */
	struct peer_key previous;
	uint64_t floor, floor_own; /* of the previous key, as in struct peer */
	uint8_t *behind;           /* certificate of the previous key, to which it falls back when
				    * that speaks on: the current one is only shown; NULL: never */
	struct mono outlived; /* when who has it was last told of the current one, or that came */
	struct pair *pairs[2][2]; /* [own slot][peer slot], made when used */
	struct limit limit;
	uint8_t nonce[NONCE_BYTES]; /* of the challenge under way */
	struct hostport challenged; /* port 0: none */
	struct mono challenged_at;
	size_t heard; /* bytes from there that were not answered yet */
	struct claim *claim;
	struct hostport spoke_from; /* last under the current key; port 0: it did not yet */
	uint8_t *stash;             /* frames that wait for a certificate */
	size_t stash_len;
	struct hostport stash_via;
	struct mono stash_until;
};

struct peer {
	struct member *member;
	struct peer_key current;
	bool shown;         /* that is all: its process has answered nothing yet */
	uint64_t knows;     /* own key id that the peer has spoken to */
	uint64_t floor;     /* counters up to here were seen under ... */
	uint64_t floor_own; /* ... the current key and this own one, before the session slept */
	struct session *session;
	struct doubted *doubted; /* NULL: no key is */
	struct mono asked;       /* when its certificate was last asked for */
	struct mono notified;    /* when it was last told of its removal */
	bool has_asked, has_notified;
	struct limit checks;  /* certificates of its own from where it lives, and ... */
	struct limit answers; /* ... answers there: no stranger uses up a member's share */
	uint64_t cloned;      /* the highest epoch that two of it were proved to have; 0: none */
	struct mono alarmed;  /* when that was told on */
	bool busy;            /* in seal.busy */
};

/* by_key: whose key has this id. */
struct key_slot {
	uint64_t key_id;
	struct peer *peer;
	enum peer_slot slot;
};

/* What sealing remembers of a member: NULL when that is nothing, or made now. */
struct peer *peer_known(const struct seal *seal, const struct member *member);
struct peer *peer_of(struct seal *seal, struct member *member);

/* Its session, made when it sleeps; and put to sleep. */
struct session *session_of(struct seal *seal, struct peer *peer);
void session_sleep(struct seal *seal, struct peer *peer);

/* Gives up what waits for a certificate. */
void stash_free(struct seal *seal, struct session *session);

/* The pair, derived when missing; NULL when it may not be built any more or the point is bad. */
struct pair *pair_of(struct seal *seal, struct peer *peer, int own, enum peer_slot slot);
bool pair_derive(const struct seal *seal, const struct own_key *own, const struct id *peer,
		 const uint8_t *key, struct pair *pair);
/* Makes this the current key. The one that it follows becomes the previous one, unless that was
 * only shown and another than its own process follows. */
enum key_proof {
	KEY_SHOWN,    /* none: somebody showed the certificate, which is newer than any that was */
	KEY_ANSWERED, /* its process answered a challenge */
	KEY_RENEWED,  /* the process of the key in use says so: it is as proved as that */
};
void peer_install(struct seal *seal, struct peer *peer, const struct peer_key *key,
		  const uint8_t cert[CERT_BYTES], enum key_proof proof);

/* The process of the current key has answered a challenge. */
void peer_prove(struct seal *seal, struct peer *peer);

/* The process of the previous key goes on, and who showed the current one has proved nothing. */
void peer_fall_back(struct seal *seal, struct peer *peer);

/* Is there anybody whose key is in use? Also of a failed member that was heard since. */
static inline bool peer_is_there(const struct peer *peer)
{
	const struct member *member = peer->member;

	return member_is_present(member) ||
	       (member->state == MEMBER_FAILED && member->heard.ns > member->state_since.ns);
}

/* The highest epoch of which a process has proved that it is the member's; 0: of none yet. */
uint64_t peer_epoch(const struct peer *peer);
void peer_forget(struct seal *seal, struct peer *peer);
void own_rotated(struct seal *seal);
void peer_mark_busy(struct seal *seal, struct peer *peer);
