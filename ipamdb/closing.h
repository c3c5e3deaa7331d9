/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The closing of one removed node, as closure.c and reclaim.c share it. */
#pragma once

#include "flight.h"

struct closer {
	struct id id;
	uint8_t digest[DIGEST_BYTES];
};

struct late {
	struct id network;
	bool deleted; /* the tombstone of a grant; that of a range is a claim that has ended */
	struct claim claim;
};

struct closing {
	struct id removed;
	bool is_removed; /* its removal was seen, not only somebody's closure */
	bool is_closed;  /* this node's closure is written or on its way */
	bool is_flying;
	bool is_durable;
	bool is_agreed;               /* reclaiming */
	bool has_admitted;            /* rows were admitted since the closure was written */
	uint8_t digest[DIGEST_BYTES]; /* of this node's closure */
	struct vec closers;           /* struct closer, by arrival */
	struct vec late;              /* struct late, by version */
};

struct closing *closing_find(const struct ipamdb *db, const struct id *removed);

/* Digest of the space that a node owns by our view; in how many spans. */
uint32_t closing_digest(struct ipamdb *db, const struct id *node, uint8_t out[DIGEST_BYTES]);

/* Admits waiting rows up to the last version at which another member's digest is met. */
void closing_admit(struct ipamdb *db, struct closing *closing);

/* Writes this node's closure when it is missing or says something else than it should. */
void closing_write(struct ipamdb *db, struct closing *closing);
