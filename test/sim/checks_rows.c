/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "checks_parts.h"

void rows_checks_open(struct sim *sim)
{
	(void)sim;
}

void rows_checks_close(struct sim *sim)
{
	(void)sim;
}

void rows_start(struct sim *sim, struct sim_host *host)
{
	(void)sim;
	(void)host;
}

void rows_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	(void)sim;
	(void)host;
	(void)update;
}

void rows_write(struct sim *sim, struct sim_host *host, const struct write *write)
{
	(void)sim;
	(void)host;
	(void)write;
}
