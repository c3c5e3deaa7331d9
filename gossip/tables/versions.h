/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Lists of versions on the wire, strictly rising: an array of runs [epoch, first sequence, steps],
 * where each byte of steps is the distance to the next sequence less one. Rows that were written in
 * a row and not replaced since cost a byte each.
 */
#pragma once

#include "gossip/base/pack.h"
#include "watermark.h"

#define VERSIONS_MAX 1024
#define VERSIONS_LIST_BYTES 3 /* header of the array of runs, at most */
#define VERSIONS_RUN_BYTES 22 /* of a run without its steps, at most */

/* How many of these versions fit into room bytes. */
size_t versions_fit(const struct version *versions, size_t count, size_t room);
void versions_pack(struct pack *pack, const struct version *versions, size_t count);

/* Reads foreign bytes: their number, or SIZE_MAX when they are malformed or more than
 * VERSIONS_MAX. */
size_t versions_read(struct cursor *cursor, struct version out[VERSIONS_MAX]);
