/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Rows of this node that it never wrote, as others show them to it. */
#pragma once

#include "gossip/core/member.h"

struct tables;

/* Takes in a row of this node's, signed rightly, that is new here, newer than what is here, or
 * another one of its version. Takes the caller's count of blob. from may be NULL. */
void adopt_row(struct tables *tables, const struct member *from, const struct row_view *row,
	       uint32_t blob);

/* A fact by this node came that it never wrote; as a fact it is taken in like any other. */
void adopt_fact(struct tables *tables, const struct member *from);

/* Everything adopted is durable. */
bool adopt_is_stored(const struct tables *tables);

/* Of each network that this node is attached to by its own rows the endpoints are here as well. */
bool adopt_has_networks(const struct tables *tables);
