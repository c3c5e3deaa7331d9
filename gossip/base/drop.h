/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The one table of why a datagram or frame was not used. Each reason is a counter, and a label of
 * weft_gossip_dropped_total; `weft help metrics` and weft(1) say what they mean.
 */
#pragma once

#define DROP_REASONS(X)                                                                          \
	X(SHORT, "short", "smaller than a header and tag")                                       \
	X(LONG, "long", "larger than a datagram may be")                                         \
	X(VERSION, "version", "a version of the wire that this node does not speak")             \
	X(TYPE, "type", "an unknown kind of datagram")                                           \
	X(NO_CLUSTER, "no_cluster", "this node is in no cluster")                                \
	X(UNKNOWN_KEY, "unknown_key", "the sender's key is not known")                           \
	X(STALE_KEY, "stale_key", "sealed to a key this node no longer has")                     \
	X(REPLAY, "replay", "the counter was seen or is too old")                                \
	X(RATE, "rate", "more than this sender or address may send")                             \
	X(AUTH, "auth", "the seal does not fit")                                                 \
	X(CERT, "cert", "a certificate that is malformed, forged or of no member")               \
	X(OLD_CERT, "old_cert", "a certificate older than the one known")                        \
	X(REMOVED, "removed", "the sender was removed")                                          \
	X(COOKIE, "cookie", "a join with a stale or forged cookie")                              \
	X(JOIN, "join", "a join step that does not fit")                                         \
	X(FRAME, "frame", "a frame that is cut off or malformed")                                \
	X(FRAME_TYPE, "frame_type", "a frame of a kind unknown to this version")                 \
	X(ROW, "row", "a row that is malformed")                                                 \
	X(ROW_SIG, "row_signature", "a row whose signature does not fit its owner")              \
	X(ROW_OWNER, "row_owner", "a row of an owner that is not known yet or may not write it") \
	X(ROW_CAP, "row_cap", "a row over its owner's cap")                                      \
	X(SELF, "self", "sent by this node itself")                                              \
	X(PROVISIONAL, "provisional", "from an address that has not answered a challenge yet")

enum drop_reason {
	DROP_NONE = 0,
#define DROP_ENUM_(sym, name, help) DROP_##sym,
	DROP_REASONS(DROP_ENUM_)
#undef DROP_ENUM_
	    DROP_END_
};

/* The snake_case name and the one-line meaning of a reason (not DROP_NONE); never NULL. */
const char *drop_name(enum drop_reason reason);
const char *drop_help(enum drop_reason reason);
