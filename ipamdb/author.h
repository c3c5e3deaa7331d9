/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the rows of one author cost this node beside those by which somebody owns or grants:
 * networks that nobody made, claims there, ranges that ended. Each has a cap that no author of any
 * sense meets, and what is counted here is asked in no time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gossip/base/row.h"

struct claim;
struct ipamdb;

/* Networks without a fact that an author named first, and his claims in any of these. What comes
 * beyond is passed over and read again from the tables when the fact comes (row.c). */
#define STRANGE_NETS_MAX 256
#define STRANGE_CLAIMS_MAX 4096

/* Ranges of his that ended, in all networks: so many rows are a node's. More are forgotten. */
#define ENDED_MAX 65536

struct author {
	struct id id;
	size_t nets;      /* strange ones that he named first */
	size_t strange;   /* claims in strange ones */
	size_t ended;     /* claims that ended, anywhere */
	bool passed_over; /* rows of his were; the highest generation of these, and of grants: */
	uint64_t top, granted_top;
};

void authors_init(struct ipamdb *db);

/* Counts what is new (positive) or gone (negative). */
void author_count(struct ipamdb *db, const struct id *author, int nets, int strange, int ended);

/* May one more be named, or claimed in a strange network? If not it is noted that it was passed
 * over. Who is removed may do neither. */
bool author_may_name(struct ipamdb *db, const struct id *author);
bool author_may_claim(struct ipamdb *db, const struct id *author);

/* Are so many claims of his remembered as ended that one more is not? Never this node's own. */
bool author_has_enough(const struct ipamdb *db, const struct id *author);

/* Rows of his in strange networks are no longer here. */
void author_passed_over(struct ipamdb *db, const struct id *author);

/* This claim may be one of those that were passed over. */
void author_note(struct ipamdb *db, const struct claim *claim);

/* Nothing that was passed over, by or to anybody who is gone, is above this generation. */
uint64_t authors_top(const struct ipamdb *db);

/* The sums must be these. */
void authors_check(const struct ipamdb *db, size_t nets, size_t strange, size_t ended);
