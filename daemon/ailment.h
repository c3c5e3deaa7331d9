/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A disk that fails, as one state that begins and ends instead of an error for each commit: what
 * weft status and /healthz show, and a few lines of the log however long it lasts.
 */
#pragma once

#include "daemon/log.h"
#include "gossip/base/err.h"
#include "gossip/base/instant.h"

#define AILMENT_SAY_EVERY_MS 60000

struct ailment {
	struct weft_err err; /* of the last commit that the disk refused; code 0: it takes them */
	uint64_t failed;     /* since it began */
	struct mono said_at;
};

/* What became of a commit: err is NULL when it is durable. The beginning is logged, then a reminder
 * a minute, then the end. A batch that was refused for what it says is logged and is no ailment. */
void ailment_note(struct ailment *ailment, struct log *log, struct mono now,
		  const struct weft_err *err);
