/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Errors as people, scripts and the API meet them.
 *
 * Every failure that a person can read is one row of WEFT_CODES: its name on the wire
 * (`error.code`), its HTTP status, the exit code of `weft`, and whether trying the same call again
 * can help. Functions return 0 or one of the negative values; where a person reads the failure the
 * last parameter is a `struct weft_err *`, which holds one line: what, why, what to do.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#define WEFT_ERR_BYTES 512

/* X(constant, name on the wire, HTTP status, exit code, retryable, meaning) */
#define WEFT_CODES(X)                                                                              \
	X(INTERNAL, "internal", 500, 1, 0, "a defect in weft; the log says more")                  \
	X(INVALID, "invalid_argument", 400, 2, 0,                                                  \
	  "an argument is missing, malformed or out of range")                                     \
	X(NOT_FOUND, "not_found", 404, 3, 0, "nothing has this name or id")                        \
	X(AMBIGUOUS, "ambiguous", 409, 4, 0, "the name or prefix fits several objects")            \
	X(EXISTS, "exists", 409, 4, 0, "an object of this name is there already")                  \
	X(IN_USE, "in_use", 409, 4, 0, "endpoints still use it")                                   \
	X(NAME_TAKEN, "name_taken", 409, 4, 0, "another member has this name")                     \
	X(POOL_FULL, "pool_full", 409, 4, 0, "no address is free in the network's pools")          \
	X(POOL_OVERLAP, "pool_overlap", 409, 4, 0,                                                 \
	  "the pool overlaps another network or a host route")                                     \
	X(ADDRESS_IN_USE, "address_in_use", 409, 4, 0,                                             \
	  "the address is leased to another endpoint")                                             \
	X(ADDRESS_OUTSIDE, "address_outside_pool", 400, 2, 0,                                      \
	  "the address belongs to no pool of the network")                                         \
	X(NO_CLUSTER, "no_cluster", 409, 1, 0,                                                     \
	  "this host is in no cluster; use weft init or weft join")                                \
	X(HAS_CLUSTER, "already_member", 409, 4, 0, "this host is in a cluster already")           \
	X(TOKEN_INVALID, "token_invalid", 400, 1, 0,                                               \
	  "the token is damaged or not signed by an admin")                                        \
	X(TOKEN_EXPIRED, "token_expired", 403, 1, 0,                                               \
	  "the token's time is over by the admitter's clock")                                      \
	X(TOKEN_REVOKED, "token_revoked", 403, 1, 0, "an admin revoked the token")                 \
	X(WRONG_CLUSTER, "wrong_cluster", 409, 4, 0, "the other side belongs to another cluster")  \
	X(IS_COPY, "is_copy", 409, 4, 0, "this state directory is a copy of a running member")     \
	X(REMOVED, "removed", 403, 1, 0, "an admin removed this node")                             \
	X(FENCED, "fenced", 409, 1, 0, "this node fenced itself; see weft node recover")           \
	X(GUARDED, "restart_guard", 503, 6, 1,                                                     \
	  "new leases wait for a sync with a member after a reboot")                               \
	X(NO_PEER, "no_peer", 503, 6, 1, "no member could be reached")                             \
	X(TIMEOUT, "timeout", 504, 6, 1, "the answer did not come in time")                        \
	X(BUSY, "busy", 503, 6, 1, "too much is under way; try again")                             \
	X(LIMIT, "limit", 409, 1, 0, "a configured cap is reached")                                \
	X(DENIED, "denied", 403, 1, 0, "the caller may not do this")                               \
	X(STORE, "store_failed", 507, 1, 1, "the state could not be written; nothing was changed") \
	X(STORE_FULL, "store_full", 507, 1, 1,                                                     \
	  "no space is left for this node's state; nothing was changed")                           \
	X(KERNEL, "kernel_failed", 500, 1, 1, "the kernel refused an operation")                   \
	X(UNSUPPORTED, "unsupported", 501, 1, 0, "this build or kernel cannot do it")              \
	X(UNREACHABLE, "daemon_unreachable", 0, 5, 1, "weftd does not answer on its socket")       \
	X(CONFLICT, "conflict", 409, 4, 0, "the object changed or another call owns it")

enum weft_code {
	WEFT_OK = 0,
	WEFT_E_FIRST_ = -1000,
#define WEFT_CODE_ENUM_(sym, name, http, exit, retry, help) WEFT_E_##sym,
	WEFT_CODES(WEFT_CODE_ENUM_)
#undef WEFT_CODE_ENUM_
	    WEFT_E_END_
};

/* What a code means outside; rows never change their meaning once released. */
struct weft_code_info {
	const char *name;
	const char *help;
	int http_status;
	int exit_code;
	int retryable;
};

/* One failure, owned by the caller; code 0 and an empty message mean none. */
struct weft_err {
	int code;
	char message[WEFT_ERR_BYTES];
};

/* Looks a code up; an unknown one is shown as `internal`. Never NULL. */
const struct weft_code_info *weft_code_info(int code);

/* The code with this wire name, or WEFT_E_INTERNAL. */
int weft_code_parse(const char *name);

/* Sets err (may be NULL) to code and a formatted line; returns code, so that it can be returned. */
int weft_err_set(struct weft_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message that err holds; returns err's code. */
int weft_err_wrap(struct weft_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
