/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Peers and their sessions, inside the sealing layer.
 *
 * A peer is what is kept of a member for good once it has spoken: the key of its current
 * certificate and, while its session sleeps, the highest counter accepted under it. A session is
 * the heavier rest (pair keys, windows, challenges); it is made when needed and given back when it
 * has been idle and there are many.
 */
#pragma once

#include "gossip/trust/cert.h"
#include "gossip/core/limit.h"
#include "seal.h"
#include "window.h"

#define NONCE_BYTES 8
#define DOUBTED_MAX 8

enum { OWN_CURRENT = 0, OWN_PREVIOUS = 1 };
enum peer_slot { PEER_CURRENT = 0, PEER_PREVIOUS = 1, PEER_CLAIM = 2 };

struct own_key {
	uint64_t key_id; /* 0: none */
	uint8_t pub[KX_PUB_BYTES];
	uint8_t sec[KX_SEC_BYTES];
	uint8_t cert[CERT_BYTES];
	struct mono made;
};

struct peer_key {
	uint64_t key_id; /* 0: none */
	uint64_t epoch;
	uint8_t key[KX_PUB_BYTES];
};

/* Keys of both directions between one own key and one of the peer's. */
struct pair {
	uint8_t rx[AEAD_KEY_BYTES];
	uint8_t tx[AEAD_KEY_BYTES];
	uint64_t tx_next;
	struct window window;
};

/* A newer certificate from an address where the member does not live, so far as known. */
struct claim {
	enum claim_state state;
	struct peer_key key;
	uint8_t cert[CERT_BYTES];
	struct hostport from;
	bool late;        /* its epoch was reached already: it may be refused, never accepted */
	bool asked;       /* a FRAME_CLAIM came under it */
	bool spoke;       /* anything else did: whoever it is does not wait for an answer */
	bool doubted;     /* its key was not taken before: it has to answer the nonce itself */
	struct pair pair; /* with the current own key */
	uint64_t own;     /* its key id */
	uint8_t nonce[NONCE_BYTES];     /* for the old process */
	uint8_t own_nonce[NONCE_BYTES]; /* for the one that claims, where it is doubted */
	unsigned probes;
	unsigned begun;       /* how often the questions began anew, since the old process spoke */
	struct mono due;      /* of the next probe or the end */
	struct mono asked_at; /* when one that is doubted was last sent the nonce */
	size_t heard;         /* bytes that opened, from this address: no more goes back there */
	struct hostport spoke_from; /* something opened under it, last; port 0: nothing did */
};

/* Keys that were claimed and not taken, the oldest first (seal_doubt.c). */
struct doubted {
	uint64_t below; /* keys up to this epoch all are: there were too many to name */
	size_t count;
	struct doubted_key {
		uint64_t key_id, epoch;
		uint64_t floor, floor_own; /* as in struct peer */
		bool given_up;             /* else what is kept is the floor alone */
	} at[DOUBTED_MAX];
};

struct session {
	struct mono used;
	uint8_t cert[CERT_BYTES]; /* of the current key; zero after a sleep */
	struct peer_key previous;
	uint64_t floor, floor_own; /* of the previous key, as in struct peer */
	struct mono outlived;      /* when who has it was last told of the current one */
	struct pair *pairs[2][2];  /* [own slot][peer slot], made when used */
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
void peer_install(struct seal *seal, struct peer *peer, const struct peer_key *key,
		  const uint8_t cert[CERT_BYTES]);
void peer_forget(struct seal *seal, struct peer *peer);
void own_rotated(struct seal *seal);
void peer_mark_busy(struct seal *seal, struct peer *peer);
