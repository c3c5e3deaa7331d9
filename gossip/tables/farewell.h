/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a node that leaves still says of its tables, and to whom that means what. See farewell.c.
 */
#pragma once

#include "gossip/base/map.h"
#include "gossip/base/row.h"

struct core;
struct member;
struct tables;

enum farewell_stage {
	FAREWELL_NONE, /* this node stays */
	FAREWELL_MUTE, /* its leave is on its way to the disk: it compares with nobody */
	FAREWELL_TELLS /* it has left: it compares with who asks for that */
};

struct farewell {
	enum farewell_stage stage;
	struct vec named; /* struct id: whom this node named when it left, by id */
};

void farewell_init(struct farewell *farewell, struct core *core);
void farewell_close(struct farewell *farewell);

/* FAREWELL_NONE to _MUTE ends every comparison, _NONE again takes the leave back. */
void farewell_set(struct tables *tables, enum farewell_stage stage);

/* A row became visible: another part of the list of those whom this node named, perhaps. */
void farewell_note(struct tables *tables, const struct row_view *row);

/* May others learn from this node what this owner wrote? */
bool farewell_shows(const struct tables *tables, const struct id *owner);

/* The tables of this member equalled these, or never will; NULL: of nobody. It has nothing more to
 * tell if it has left. */
void farewell_heard(struct tables *tables, struct member *member);
