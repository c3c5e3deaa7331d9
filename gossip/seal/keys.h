/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The keys that the sealing layer holds: its own, those of peers, and those that peers claim. */
#pragma once

#include "seal.h"
#include "window.h"

#define NONCE_BYTES 8
#define DOUBTED_MAX 8

enum { OWN_CURRENT = 0, OWN_PREVIOUS = 1 };
enum peer_slot { PEER_CURRENT = 0, PEER_PREVIOUS = 1, PEER_CLAIM = 2, PEER_RIVAL = 3 };

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
	struct hostport home; /* where the member lived when it began */
	bool late;            /* its epoch was reached already: it may be refused, never accepted */
	bool asked;           /* a FRAME_CLAIM came under it */
	bool spoke;           /* anything else did: whoever it is does not wait for an answer */
	bool doubted;         /* its key was not taken before: it has to answer the nonce itself */
	bool answered;        /* which it did, here or as a rival */
	uint64_t before;      /* id of the key that claimed before it did; 0: it is the first */
	struct pair pair;     /* with the current own key */
	uint64_t own;         /* its key id */
	uint8_t nonce[NONCE_BYTES];     /* for the old process */
	uint8_t own_nonce[NONCE_BYTES]; /* for the one that claims: it is doubted, has a rival */
	unsigned probes;
	unsigned begun;       /* how often the questions began anew, since the old process spoke */
	struct mono due;      /* of the next probe or the end */
	struct mono asked_at; /* when it was last sent that; 0: never */
	size_t heard;         /* bytes that opened, from this address: no more goes back there */
	struct hostport spoke_from; /* something opened under it, last; port 0: nothing did */
	struct rival *rival;        /* NULL: none was shown */
};

/* Another certificate that came from elsewhere while a claim was undecided (seal_rival.c). */
struct rival {
	struct peer_key key;
	uint8_t cert[CERT_BYTES];
	struct pair pair; /* with the own key that the claim is made to */
	struct hostport from;
	size_t heard;               /* bytes that opened, from there: no more goes back there */
	uint8_t nonce[NONCE_BYTES]; /* for its process, there */
	bool spoke;                 /* something opened under it, first at ... */
	struct mono spoke_at;
	bool asks;     /* a FRAME_CLAIM did */
	bool answered; /* its process did, from there */
	bool asked;    /* it was sent the nonce, at ... */
	struct mono asked_at;
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
