/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One thing that is being fetched: how far it has come, and what follows when it is there. pull.c
 * talks to the peer about it.
 */
#pragma once

#include "repair.h"

struct origin;
struct tables;

/* The origin that a want is about; NONE while nothing of it is here. */
uint32_t want_origin(const struct tables *tables, const struct want *want);

/* Begins anew, from what is held now. */
void want_begin(struct tables *tables, struct want *want, bool whole);

/* The peer's list of versions, rising, from after to through: notes which are missing here. texts:
 * which text each has there, for another one is missing as well; or NULL. */
void want_list(struct tables *tables, struct want *want, const struct version *versions,
	       const uint64_t *texts, size_t count);

/* Was this origin compared with the peer as a whole and by texts a moment ago, and nothing came? */
bool want_is_vain(const struct tables *tables, const struct origin *origin, const struct id *peer);

/* A version came, or will never come: true when it was missing. */
bool want_came(struct want *want, struct version version);

/* All that was listed is here: true when the want is done, false when it goes on or has to wait
 * for room in the update. */
bool want_advance(struct tables *tables, struct want *want, const struct id *peer);
void want_close(struct tables *tables, struct want *want);
