/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "swim_kit.h"

struct swim *swim_kit_open(struct core_kit *kit, uint8_t last)
{
	struct swim *swim;

	core_kit_open(kit, 1);
	for (uint8_t i = 2; i <= last; i++)
		core_kit_member(kit, i, "n");
	swim = swim_new(&kit->core, &kit->members);
	swim_start(swim);
	swim_durable(swim, swim->reserve_token, true);
	core_kit_unsend(&kit->core.outbox);
	return swim;
}

void swim_kit_close(struct core_kit *kit, struct swim *swim)
{
	swim_check(swim);
	swim_free(swim);
	core_kit_close(kit);
}
