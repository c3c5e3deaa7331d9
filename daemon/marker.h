/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The marker beside the socket, on a file system that a reboot empties. It tells a start whether
 * the store is the one that this boot saw last: each commit carries a fresh marker, and the file
 * holds the last durable one and, while a commit is under way, the one to come. A store whose
 * marker is neither was restored from another time, or the host was rebooted: new leases then wait
 * for a member. Until they need not wait any more the file stays empty, or a second start would
 * find the marker of a run that never met anybody.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gossip/base/addr.h"
#include "gossip/base/err.h"

struct marker {
	int fd;
	struct id current; /* what the store holds */
	struct id next;
	bool withheld; /* from the file, until marker_trust */
};

/* Opens <socket>.marker; *matches says whether it names stored. If not, the file is emptied. */
int marker_open(struct marker *marker, const char *socket, const struct id *stored, bool *matches,
		struct weft_err *err);
void marker_close(struct marker *marker);

/* The store is what others know: from the next commit on the file says so. */
void marker_trust(struct marker *marker);

/* Before a commit: draws the next marker (marker->next) and notes both in the file. */
void marker_begin(struct marker *marker);

/* After it: the commit is durable (then next is what counts) or failed. */
void marker_end(struct marker *marker, bool durable);
