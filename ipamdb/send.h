/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Messages about ranges on their way out. */
#pragma once

#include "db.h"
#include "message.h"

/* Asks another node; the tag that its answer will have, 0 when the update has no room. */
uint64_t range_message_send(struct ipamdb *db, const struct id *to,
			    const struct range_message *message);

/* Answers the request with this handle; false when the update has no room. */
bool range_message_reply(struct ipamdb *db, uint64_t handle, const struct range_message *message);
