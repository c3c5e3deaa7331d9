/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who may write what. Facts of admins (admins, tokens, removals) carry their author's path from
 * the cluster key as the last field of their value, so that a reader needs nothing else to believe
 * them, in whatever order rows come:
 *
 *   FACT_ADMIN      [path of the new admin, path of the author]
 *   FACT_ADMIN_END  [path of the author]
 *   FACT_TOKEN      struct rec_token, then the path of the author
 *   FACT_TOKEN_END  [path of the author]
 *   FACT_REMOVAL    struct rec_removal, then the path of the author
 */
#pragma once

#include "gossip/trust/chain.h"
#include "gossip/tables/tables.h"

#define ADMIN_VALUE_MAX (TERMS_VALUE_MAX + PATH_BYTES_MAX)
#define TERMS_VALUE_MAX 680 /* an encoded rec_token, or the path of a new admin, with headers */

/* Writes a value: the record (an encoded array of less than 15 fields, or NULL) and the author's
 * path behind it. The length, or WEFT_E_LIMIT. */
int authority_value(const uint8_t *rec, size_t rec_len, const struct admin_path *author,
		    uint8_t *out, size_t cap);

/* The paths in the value of a fact; subject may be NULL. */
bool authority_paths(const struct row_view *row, struct admin_path *author,
		     struct admin_path *subject);

/* May the author write this row? As admission_may_write. */
enum drop_reason authority_check(const struct chain_ctx *ctx, const struct core *core,
				 const struct member_table *members, const struct row_view *row,
				 uint8_t pub[SIGN_PUB_BYTES]);

/* Is there a fact of this kind about that id, in force? *fact may be NULL. */
bool authority_has_fact(const struct tables *tables, uint16_t kind, const struct id *id,
			struct row_view *fact);

enum introduction {
	INTRODUCTION_STRANGE = 0, /* whoever holds an old token can make a counter-signature */
	INTRODUCTION_VOID,        /* who admitted it is removed, and may have done so afterwards */
	INTRODUCTION_GOOD,        /* by the cluster key, this node, or a member known here */
};

/* Is a node that no member has told of believed on its own word, this member row? by: who admitted
 * it, zero when nobody can be read. */
enum introduction authority_introduction(const struct core *core,
					 const struct member_table *members,
					 const struct row_view *row, struct id *by);
