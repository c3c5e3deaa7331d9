/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The repair path: with whom to compare tables, when, and what is under way with whom. compare.h
 * finds the differences, pull.h fetches them.
 */
#pragma once

#include "gossip/core/member.h"
#include "watermark.h"

#define REPAIR_SESSIONS 4
#define REPAIR_FRAME_BYTES 1160 /* the most that a frame of this path holds */

struct tables;

enum want_mode {
	WANT_ROWS = 0,    /* all rows beyond a version */
	WANT_LIST = 1,    /* only their versions; what is missing is asked for then */
	WANT_MISSING = 2, /* these versions */
	WANT_TEXTS = 3,   /* their versions, and which text each has */
};

/* Something that a peer has and this node has not. */
struct want {
	bool is_fact;
	bool asked;  /* a request is on its way */
	bool listed; /* the answer's list is here, its rows may not be */
	bool whole;  /* from the very beginning, whatever the watermark says */
	bool fresh;  /* nothing of it was here when it began */
	bool took;   /* something of it came that was not here */
	bool texts;  /* what it lists is texts */
	bool more;
	bool failed; /* a row was refused: the answer completes nothing */
	uint8_t tries;
	enum want_mode mode;
	uint64_t place; /* of a fact */
	struct id owner;
	uint32_t topic;
	struct version after;    /* all up to here was listed and came */
	struct version through;  /* where the list ends */
	struct version claim;    /* the peer was complete up to here at every answer */
	struct version *missing; /* rising */
	size_t missing_count, missing_cap;
	size_t expected; /* so many of the first missing ones were asked for */
	size_t unlisted; /* so many rows may still come before their list */
};

struct session {
	bool used;
	bool report;           /* somebody waits for CHANGE_SYNCED */
	bool worked;           /* something differed */
	bool answered;         /* the peer showed what it has, in the last comparison */
	bool asked_incomplete; /* origins below their floor were asked for */
	bool fetched;          /* a row that was new, since the last comparison */
	uint8_t tries, tries_max;
	uint8_t stalled;  /* comparisons one after the other that brought nothing */
	uint64_t applied; /* rows, by table_counts, when the last comparison began */
	struct id peer;
	struct mono due;
	struct mono asked;   /* when the time-out began */
	struct vec wants;    /* struct want */
	struct vec onesided; /* struct onesided */
};

struct repair {
	struct session sessions[REPAIR_SESSIONS];
	struct mono due; /* of the next comparison with somebody */
	int64_t interval_ms;
	uint64_t rounds;
	struct id equal_with;   /* the last comparison that ended so, with whom */
	struct mono equal_at;   /* ns 0: none did */
	bool whole;             /* equal to tables that are whole */
	struct mono whole_at;   /* nobody had more to tell for so long */
	struct mono topics_due; /* of topics that were not compared yet */
	struct mono meet_due;   /* of the next member to be met; MONO_NEVER: nobody waits */
	struct id met_last;     /* whose turn it was */
	size_t holes;           /* origins with holes when that was last looked at */
	size_t holes_asked;     /* about how many of them somebody was asked then */
};

void repair_init(struct repair *repair);
void repair_close(struct tables *tables);
void repair_start(struct tables *tables);

/* Nobody is known to have more: these tables equalled whole ones, or nobody had more to tell since
 * the start. Nodes that start together would otherwise take each other's gaps for the truth. */
bool repair_is_whole(const struct tables *tables);

/* Compares everything with a member now. */
void repair_sync(struct tables *tables, const struct member *with);

/* This node takes part in a topic from now on: compares it with somebody attached. */
void repair_topic(struct tables *tables, uint32_t topic);

/* Rows changed: others may lack them, compare within a second or two. */
void repair_changed(struct tables *tables);

/* Somebody waits until this node has compared with every member that is there: those that it has
 * not compared with in this run get their turn, one every MEET_MS. When n are there, all equal and
 * nothing is lost, that is done after n * MEET_MS; one that does not answer holds up the others by
 * a third of the time after which it is given up, 280 ms on a LAN. */
#define MEET_MS 100
void repair_meet(struct tables *tables, bool on);

/* Something is known to be missing. */
void repair_soon(struct tables *tables);

/* What is under way with a peer; NULL when nothing. */
struct session *repair_find(struct tables *tables, const struct id *peer);

/* The same, begun when there is room for one more. */
struct session *repair_open(struct tables *tables, const struct id *peer);

/* The peer did something: time-outs begin anew. */
void repair_progress(struct tables *tables, struct session *session);

/* The peer asks for rows itself. It is there, so patience with it begins anew; but the time-out of
 * what this node asked for does not, or a request that was lost is not missed while it goes on.
 * Somebody who has left may ask for long, or for ever for what it cannot take: that changes
 * nothing, and what it has is looked through meanwhile. */
void repair_asked(struct tables *tables, struct session *session);

/* All that was wanted came: compares again, to see what is left. With somebody who has left the
 * session ends when it was in vain for long. */
void repair_again(struct tables *tables, struct session *session);

/* A comparison with this peer found no difference; topic: in this one, NONE: anywhere. */
void repair_equal(struct tables *tables, const struct id *peer, uint32_t topic);
void repair_tick(struct tables *tables);
struct mono repair_deadline(const struct tables *tables);
