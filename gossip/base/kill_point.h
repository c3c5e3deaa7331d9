/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Places where the process may die and the next start must not notice: around everything that
 * leaves a trace outside (a commit, a datagram, a change in the kernel, a file that goes). In the
 * build with WEFT_KILL_POINTS (preset `kill`) the process ends itself there when it is told to, see
 * test/kill/kill_point.c; in every other build a point is nothing at all.
 */
#pragma once

/* X(symbol, name in WEFT_KILL_AT) */
#define KILL_POINTS(X)                                                              \
	X(COMMIT_BEFORE, "commit-before")   /* all written, not yet durable */      \
	X(COMMIT_AFTER, "commit-after")     /* durable, nobody knows */             \
	X(SEND_BEFORE, "send-before")       /* before a batch of datagrams */       \
	X(SEND_AFTER, "send-after")         /* after it */                          \
	X(NETLINK_BEFORE, "netlink-before") /* before a call or batch of changes */ \
	X(NETLINK_AFTER, "netlink-after")   /* after it */                          \
	X(MAKE_AFTER, "make-after")         /* a veth stands ahead of its attach */ \
	X(PLUG_BEFORE, "plug-before")       /* the same; its lease is durable */    \
	X(RESTORE, "restore")               /* around each rename of a restore */   \
	X(WIPE, "wipe")                     /* before each file that a reset ends */

#ifdef WEFT_KILL_POINTS

enum kill_point {
#define KILL_POINT_ENUM_(symbol, name) KILL_##symbol,
	KILL_POINTS(KILL_POINT_ENUM_)
#undef KILL_POINT_ENUM_
	    KILL_POINT_COUNT
};

/* Notes a passage and, if this is the one that was asked for, does not return. Any thread. */
void kill_point_pass(enum kill_point point);

#define KILL_POINT(symbol) kill_point_pass(KILL_##symbol)

#else

#define KILL_POINT(symbol) ((void)0)

#endif
