/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Where this node asked to be let in: kept by a join, asked when nobody is there or somebody is
 * missed (seeds.c). For the files of admission only.
 */
#pragma once

#include "joining.h"

struct seeds {
	size_t count, next;
	struct hostport at[TARGETS_MAX];
	struct mono due;   /* not before: the next question */
	struct mono since; /* when it was first asked for want of anybody; 0: somebody is there */
	size_t asked;      /* so often since then */
	struct mono throw_due; /* of the die, while others are there; 0: nobody was missed */
	struct mono threw;     /* when it knocked by that; 0: never */
};

/* Keeps the addresses of a join and adds them to the persist group opened last. */
void seeds_write(struct admission *adm, const struct join *join);

/* What was stored: 0 or WEFT_E_INVALID. */
int seeds_load(struct admission *adm, const uint8_t *bytes, size_t len);
void seeds_heard(struct admission *adm); /* a member was */
void seeds_tick(struct admission *adm);

/* It has just asked although others are there: who answers may know none of them either. */
bool seeds_ask_for_others(const struct admission *adm);
struct mono seeds_deadline(const struct admission *adm);
