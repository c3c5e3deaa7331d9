/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Trace records: what the pure parts have to say, as values. They name an event and its subjects;
 * the daemon words them for people, the simulator hashes them to prove that a seed repeats.
 */
#pragma once

#include "addr.h"
#include "instant.h"

/* X(constant, level: e w i d, text with %n for node, %o for object, %v for value, %c for
 * the error code in value, %a address; %S and %E: "s" and "es" unless the value is 1) */
#define TRACE_EVENTS(X)                                                                   \
	X(STARTED, 'i', "node %n started with epoch %v")                                  \
	X(CLAIMED, 'i', "epoch %v claimed with member %n")                                \
	X(ALONE, 'w', "no member answers; going on with the stored state")                \
	X(JOINED, 'i', "joined through %a, admitted by %n")                               \
	X(JOIN_REFUSED, 'w', "join through %a refused: %c")                               \
	X(ADMITTED, 'i', "admitted node %n at %a")                                        \
	X(MEMBER_ALIVE, 'i', "member %n is alive at %a")                                  \
	X(MEMBER_SUSPECT, 'i', "member %n is suspected by %o")                            \
	X(MEMBER_FAILED, 'w', "member %n failed")                                         \
	X(MEMBER_LEFT, 'i', "member %n left")                                             \
	X(MEMBER_REMOVED, 'w', "member %n was removed by %o")                             \
	X(REFUTED, 'i', "refuted a suspicion with incarnation %v")                        \
	X(ADMISSION_VOID, 'w', "node %n must join anew: %o admitted it and is removed")   \
	X(ADMISSION_REFUSED, 'e',                                                         \
	  "%n refuses this node, since %o admitted it and is removed: weft reset, then "  \
	  "weft join with a fresh token")                                                 \
	X(ADMISSION_TAKEN, 'i', "this node is refused no more: a member knows it")        \
	X(SELF_REMOVED, 'e', "this node was removed by %o; it leases nothing more")       \
	X(SELF_COPY, 'e', "member %n says that this id lives at %a: this node is a copy") \
	X(SET_BACK, 'e', "the disk of this node went back: %n knows its epoch %v")        \
	X(RAISED, 'w', "epoch raised to %v")                                              \
	X(RECOVERED, 'w', "recovered under epoch %v: this node leases again")             \
	X(CLONE_SEEN, 'e', "node %n speaks with two keys in one epoch")                   \
	X(NAME_SHARED, 'w', "members %n and %o have the same name")                       \
	X(ADDRESS_MOVED, 'i', "member %n moved to %a")                                    \
	X(ISOLATED, 'w', "isolated: no member heard for %v ms")                           \
	X(RECONNECTED, 'i', "no longer isolated: heard %n")                               \
	X(ROW_CONFLICT, 'e', "two different rows of %n with one version in %o")           \
	X(ROW_REFUSED, 'w', "row of %n refused: %c")                                      \
	X(OWNER_CAPPED, 'w', "rows of %n are over its cap of %v")                         \
	X(OWNER_HASTY, 'w', "more rows of %n come than its %v bytes a second")            \
	X(SYNCED, 'd', "synced with %n, %v row%S")                                        \
	X(DROPPED, 'd', "datagram from %a dropped for reason %v")                         \
	X(RANGE_GRANTED, 'i', "granted %v address%E of network %o to %n")                 \
	X(RANGE_RECEIVED, 'i', "received %v address%E of network %o from %n")             \
	X(RANGE_CONFLICT, 'e', "two holders of one generation in network %o, one is %n")  \
	X(RANGE_RECLAIMED, 'i', "reclaimed %v address%E of network %o from %n")           \
	X(NUMBERED, 'w', "network %o changes to VNI %v: two networks were made with one") \
	X(CLOSED, 'i', "takes up no grants of %v removed node%S any more")                \
	X(FENCED, 'e', "this node fenced itself, reason %v")                              \
	X(LEASED, 'd', "leased %a to endpoint %o")                                        \
	X(RELEASED, 'd', "released %a of endpoint %o")

enum trace_event {
	TRACE_NONE = 0,
#define TRACE_ENUM_(sym, level, text) TRACE_##sym,
	TRACE_EVENTS(TRACE_ENUM_)
#undef TRACE_ENUM_
	    TRACE_END_
};

struct trace_record {
	enum trace_event event;
	struct mono at;
	struct id node;
	struct id object;
	struct hostport addr;
	int64_t value;
};

/* Where records go; emit may be NULL. The record is borrowed for the call. */
struct trace_sink {
	void *ctx;
	void (*emit)(void *ctx, const struct trace_record *record);
};

static inline void trace_emit(const struct trace_sink *sink, const struct trace_record *record)
{
	if (sink->emit)
		sink->emit(sink->ctx, record);
}

/* Level letter and text of an event; never NULL. */
const char *trace_text(enum trace_event event, char *level);
