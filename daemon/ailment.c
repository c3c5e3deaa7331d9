/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/ailment.h"

#include "gossip/base/check.h"

static void begin_or_go_on(struct ailment *ailment, struct log *log, struct mono now,
			   const struct weft_err *err)
{
	bool fresh = ailment->err.code != err->code;

	ailment->err = *err;
	ailment->failed++;
	if (!fresh && mono_diff_ms(now, ailment->said_at) < AILMENT_SAY_EVERY_MS)
		return;
	ailment->said_at = now;
	if (ailment->failed == 1)
		log_line(log, LOG_LEVEL_ERROR, "a commit failed: %s", err->message);
	else
		log_line(log, LOG_LEVEL_ERROR, "%llu commits failed so far; the last one: %s",
			 (unsigned long long)ailment->failed, err->message);
}

static void end(struct ailment *ailment, struct log *log)
{
	WEFT_ASSERT(ailment->failed > 0);
	log_line(log, LOG_LEVEL_INFO, "the state can be written again; %llu commit%s failed",
		 (unsigned long long)ailment->failed, ailment->failed == 1 ? "" : "s");
	ailment->err.code = 0;
	ailment->failed = 0;
}

void ailment_note(struct ailment *ailment, struct log *log, struct mono now,
		  const struct weft_err *err)
{
	if (!err && ailment->err.code != 0)
		end(ailment, log);
	else if (err && (err->code == WEFT_E_STORE || err->code == WEFT_E_STORE_FULL))
		begin_or_go_on(ailment, log, now, err);
	else if (err)
		log_line(log, LOG_LEVEL_ERROR, "a commit was refused: %s", err->message);
}
