/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "checks_parts.h"

void range_checks_open(struct sim *sim)
{
	(void)sim;
}

void range_checks_close(struct sim *sim)
{
	(void)sim;
}

void ranges_commit(struct sim *sim, struct sim_host *host, const struct sim_commit *commit)
{
	(void)sim;
	(void)host;
	(void)commit;
}

void ranges_second(struct sim *sim)
{
	(void)sim;
}
