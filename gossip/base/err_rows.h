/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The rows of the table of error codes, see err.h. */
#pragma once

/* X(constant, name on the wire, HTTP status, exit code, retryable, meaning, remedy) */
#define WEFT_CODES(X)                                                                              \
	X(INTERNAL, "internal", 500, 1, 0, "a defect in weft; the log says more",                  \
	  "look at the log of weftd, and report what it says")                                     \
	X(INVALID, "invalid_argument", 400, 2, 0,                                                  \
	  "an argument is missing, malformed or out of range",                                     \
	  "the message names the argument and what would be right")                                \
	X(NOT_FOUND, "not_found", 404, 3, 0, "nothing has this name or id",                        \
	  "list what there is with weft network ls, endpoint ls or members")                       \
	X(AMBIGUOUS, "ambiguous", 409, 4, 0, "the name or prefix fits several objects",            \
	  "use the id, or more of its digits")                                                     \
	X(EXISTS, "exists", 409, 4, 0, "an object of this name is there already",                  \
	  "choose another name, or use the object that is there")                                  \
	X(IN_USE, "in_use", 409, 4, 0, "endpoints still use it",                                   \
	  "detach the endpoints that the message counts, or use --force")                          \
	X(NAME_TAKEN, "name_taken", 409, 4, 0, "another member has this name",                     \
	  "give this host another name with --name of weftd, or weft join --replace")              \
	X(POOL_FULL, "pool_full", 409, 4, 0, "no address is free in the network's pools",          \
	  "detach what is not needed, or make a network with a larger subnet; weft ipam ring "     \
	  "shows who holds what")                                                                  \
	X(POOL_OVERLAP, "pool_overlap", 409, 4, 0,                                                 \
	  "the pool overlaps another network or a host route",                                     \
	  "choose another --subnet, or use --force if the overlap is meant")                       \
	X(ADDRESS_IN_USE, "address_in_use", 409, 4, 0,                                             \
	  "the address is leased to another endpoint",                                             \
	  "choose another address; weft endpoint ls shows who has it")                             \
	X(ADDRESS_OUTSIDE, "address_outside_pool", 400, 2, 0,                                      \
	  "the address belongs to no pool of the network",                                         \
	  "choose an address of a pool that weft network inspect shows")                           \
	X(NO_CLUSTER, "no_cluster", 409, 1, 0,                                                     \
	  "this host is in no cluster; use weft init or weft join",                                \
	  "weft init makes a cluster, weft join joins one")                                        \
	X(HAS_CLUSTER, "already_member", 409, 4, 0, "this host is in a cluster already",           \
	  "weft leave and weft reset come before another cluster")                                 \
	X(TOKEN_INVALID, "token_invalid", 400, 1, 0,                                               \
	  "the token is damaged or not signed by an admin",                                        \
	  "copy the whole token again, or make one with weft token create")                        \
	X(TOKEN_EXPIRED, "token_expired", 403, 1, 0,                                               \
	  "the token's time is over by the admitter's clock",                                      \
	  "make one with weft token create, and compare the clocks of both hosts")                 \
	X(TOKEN_REVOKED, "token_revoked", 403, 1, 0, "an admin revoked the token",                 \
	  "ask an admin for another token")                                                        \
	X(WRONG_CLUSTER, "wrong_cluster", 409, 4, 0, "the other side belongs to another cluster",  \
	  "use a token of the cluster that is meant")                                              \
	X(IS_COPY, "is_copy", 409, 4, 0, "this state directory is a copy of a running member",     \
	  "weft reset here, then weft join: the original keeps its identity")                      \
	X(REMOVED, "removed", 403, 1, 0, "an admin removed this node",                             \
	  "weft reset, then weft join with a new token")                                           \
	X(FENCED, "fenced", 409, 1, 0, "this node fenced itself; see weft node recover",           \
	  "weft status says why; weft node recover ends it")                                       \
	X(GUARDED, "restart_guard", 503, 6, 1,                                                     \
	  "new leases wait for a sync with a member after a reboot",                               \
	  "wait until a member is met, or weft ipam confirm")                                      \
	X(NO_PEER, "no_peer", 503, 6, 1, "no member could be reached",                             \
	  "check that gossip passes both ways, by default 7947/udp, then try again")               \
	X(TIMEOUT, "timeout", 504, 6, 1, "the answer did not come in time",                        \
	  "try again; the same --request-id makes that safe")                                      \
	X(BUSY, "busy", 503, 6, 1, "too much is under way; try again", "try again in a moment")    \
	X(LIMIT, "limit", 409, 1, 0, "a configured cap is reached",                                \
	  "the message names the cap; remove what is not needed")                                  \
	X(DENIED, "denied", 403, 1, 0, "the caller may not do this",                               \
	  "be root or in the group of the socket; some calls are for root or an admin only")       \
	X(STORE, "store_failed", 507, 1, 1, "the state could not be written; nothing was changed", \
	  "look at the log and at the disk of the state directory, then try again")                \
	X(STORE_FULL, "store_full", 507, 1, 1,                                                     \
	  "no space is left for this node's state; nothing was changed",                           \
	  "free space where the state directory lies, then try again")                             \
	X(KERNEL, "kernel_failed", 500, 1, 1, "the kernel refused an operation",                   \
	  "weft diag says what the kernel lacks, the log of weftd what it refused")                \
	X(UNSUPPORTED, "unsupported", 501, 1, 0, "this build or kernel cannot do it",              \
	  "install what the message names, or do without")                                         \
	X(UNREACHABLE, "daemon_unreachable", 0, 5, 1, "weftd does not answer on its socket",       \
	  "start weftd, or name its socket with --socket; it is for root and its group")           \
	X(CONFLICT, "conflict", 409, 4, 0, "the object changed or another call owns it",           \
	  "look at the object again, then decide")
