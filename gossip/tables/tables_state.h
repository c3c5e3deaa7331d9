/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The tables module from inside: one structure, whose parts each have a file of their own.
 *
 *   receive   judges rows, applies them           batch     own rows on their way to the disk
 *   spread    tells new rows to others            snapshot  what the store gets in the background
 *   compare   finds what two nodes hold apart,    floor     collects tombstones
 *   marks     down to the single                  park      rows whose owner is not known yet
 *   pull      fetches it, want by want;           topic     who takes part in what
 *   want      how far one has come                farewell  what one says that leaves
 *   serve     answers those who fetch             adopt     own rows that were forgotten here
 *   repair    with whom to compare, and when      versions  lists of them on the wire
 *   replica   the rows, by key, owner and topic   watermark which of them came
 *   onesided  what one of two has over its cap    load      what comes from the disk
 */
#pragma once

#include "gossip/admission/admission.h"
#include "batch.h"
#include "farewell.h"
#include "floor.h"
#include "park.h"
#include "repair.h"
#include "replica.h"
#include "load.h"
#include "snapshot.h"
#include "spread.h"

/* X(field, name, help): counters that only rise. */
#define TABLE_COUNTS(X)                                                                            \
	X(applied, "rows_applied", "rows and facts that became visible")                           \
	X(repeated, "rows_repeated", "rows that were here already")                                \
	X(outdated, "rows_outdated", "rows older than the one held")                               \
	X(foreign_topic, "rows_foreign_topic", "rows of topics that this node takes no part in")   \
	X(conflicts, "row_conflicts", "different rows of one version: a clone or a restored disk") \
	X(unknown_own, "rows_own_unknown", "rows of this node that it never wrote")                \
	X(capped, "rows_capped", "rows refused because their owner was over a cap")                \
	X(crowded, "rows_crowded", "rows put off because a step had no room")                      \
	X(parked, "rows_parked", "rows that waited for their owner's member row")                  \
	X(told, "rows_told", "rows sent by the fast path")                                         \
	X(filled, "rows_filled", "rows sent in what was left of other datagrams")                  \
	X(pulls, "repair_pulls", "requests for rows")                                              \
	X(pulled, "rows_pulled", "rows that such a request brought")                               \
	X(served, "rows_served", "rows sent because a peer asked for them")                        \
	X(digests, "repair_digests", "comparisons begun")                                          \
	X(synced, "repair_synced", "comparisons that ended with equal tables")                     \
	X(unsynced, "repair_unsynced", "comparisons given up")                                     \
	X(collected, "rows_collected", "tombstones removed below a floor")

struct table_counts {
#define TABLE_COUNT_FIELD_(field, name, help) uint64_t field;
	TABLE_COUNTS(TABLE_COUNT_FIELD_)
#undef TABLE_COUNT_FIELD_
};

struct tables {
	struct core *core;
	struct member_table *members;
	struct admission *admission; /* NULL until tables_set_admission */
	bool started;
	struct farewell farewell;
	struct loads loads;
	struct replica replica;
	struct spread spread;
	struct park park;
	struct batches batches;
	struct snapshot snapshot;
	struct floors floors;
	struct repair repair;
	struct table_counts counts;
};
