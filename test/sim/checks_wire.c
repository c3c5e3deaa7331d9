/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "checks_parts.h"

void wire_checks_open(struct sim *sim)
{
	(void)sim;
}

void wire_checks_close(struct sim *sim)
{
	(void)sim;
}

void wire_event(struct sim *sim, struct sim_host *host, const struct node_event *event)
{
	(void)sim;
	(void)host;
	(void)event;
}

void wire_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	(void)sim;
	(void)host;
	(void)update;
}

void wire_second(struct sim *sim)
{
	(void)sim;
}
