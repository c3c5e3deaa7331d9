/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "checks_parts.h"

void members_checks_open(struct sim *sim)
{
	(void)sim;
}

void members_checks_close(struct sim *sim)
{
	(void)sim;
}

void members_start(struct sim *sim, struct sim_host *host)
{
	(void)sim;
	(void)host;
}

void members_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	(void)sim;
	(void)host;
	(void)update;
}

void members_write(struct sim *sim, struct sim_host *host, const struct write *write)
{
	(void)sim;
	(void)host;
	(void)write;
}

void members_second(struct sim *sim)
{
	(void)sim;
}
