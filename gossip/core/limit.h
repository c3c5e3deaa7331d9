/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Rate limits in eight bytes each: the theoretical arrival time of the generic cell rate algorithm
 * (ITU-T I.371). Zeroed memory is a limit that nothing has used yet.
 */
#pragma once

#include "gossip/base/instant.h"

struct limit {
	int64_t due_ns; /* when all that was let through would have arrived at the even rate */
};

/* Counts one event and says whether it conforms: one per interval, with bursts. */
static inline bool limit_pass(struct limit *limit, struct mono now, int64_t interval_ns,
			      int64_t burst)
{
	int64_t due = limit->due_ns > now.ns ? limit->due_ns : now.ns;

	if (due - now.ns > (burst - 1) * interval_ns)
		return false;
	limit->due_ns = due + interval_ns;
	return true;
}

/* For events that cost differently: does this one still fit? */
static inline bool limit_has(const struct limit *limit, struct mono now, int64_t cost_ns,
			     int64_t burst_ns)
{
	return (limit->due_ns > now.ns ? limit->due_ns - now.ns : 0) + cost_ns <= burst_ns;
}

/* For events whose cost is known afterwards: is there anything left, at most burst_ns in debt ...
 */
static inline bool limit_is_open(const struct limit *limit, struct mono now, int64_t burst_ns)
{
	return limit->due_ns - now.ns < burst_ns;
}

/* ... and takes what one event did cost. */
static inline void limit_charge(struct limit *limit, struct mono now, int64_t cost_ns)
{
	limit->due_ns = (limit->due_ns > now.ns ? limit->due_ns : now.ns) + cost_ns;
}
