/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of admission: whether this node is refused, and what the disk has of that; refusal.c,
 * refusal_note.c and those who call them.
 */
#pragma once

#include "gossip/core/member.h"

struct admission;
struct rejection;

/* Why this node is refused, for the next start. */
struct refusal_note {
	struct id by;      /* who refuses it; zero: nobody */
	struct id removed; /* whose removal he showed */
	bool spoke;        /* he had believed this node in the run in which he did */
	bool untold;       /* see struct refusing */
};

struct refusing {
	struct mono due;      /* when to look whether this node is refused ... */
	struct mono reviewed; /* ... and when it did last */
	int64_t pause_ms;     /* until the look after that one, if nothing changes */
	uint64_t turns;       /* member_table.turns at the last look */
	struct id removed;    /* whose removal was shown; zero: of whoever admitted this node */
	bool untold;          /* heard of the removal and of nobody else, and of nobody since */
	struct refusal_note wanted, stored, on_its_way;
	bool is_storing;
	bool is_unsure; /* a commit failed: what the disk has is not known */
	struct mono store_due;
};

/* Why a newcomer's row is refused for good, when it is the newcomer's: true when it is to be told;
 * is this one in the chain of those who admitted this node; a member showed the removal of this
 * one, and it was handed to the tables. */
bool refusal_make(struct admission *adm, const struct row_view *row, const uint8_t *bytes,
		  const struct id *admitter, struct rejection *why);
bool refusal_is_ours(const struct admission *adm, const struct id *removed);
void refusal_shown(struct admission *adm, struct member *by, const struct id *removed);

/* Somebody was removed, or this node starts: it may be whoever admitted it. */
void refusal_soon(struct admission *adm);
void refusal_tick(struct admission *adm);
struct mono refusal_deadline(const struct admission *adm);

/* refusal_note.c: he refuses this node, and is listened to; NULL: nobody any more. */
void refusal_note(struct admission *adm, const struct member *by);
int refusal_load(struct admission *adm, const uint8_t *bytes, size_t len);
void refusal_durable(struct admission *adm, bool ok);
void refusal_note_tick(struct admission *adm);
struct mono refusal_note_deadline(const struct admission *adm);
