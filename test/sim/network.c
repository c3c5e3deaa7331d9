/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The fake network: what becomes of a datagram between the host that sends it and the other. */
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "queue.h"
#include "sim_crypto.h"

struct hostport network_addr(size_t index)
{
	return (struct hostport){inet_from_v4(0x0a000000u + (uint32_t)index + 1), GOSSIP_PORT};
}

static struct sim_host *host_at(struct sim *sim, const struct hostport *addr)
{
	uint32_t index;

	if (!inet_is_v4(&addr->ip))
		return NULL;
	index = inet_v4(&addr->ip) - 0x0a000001u;
	return index < sim->host_count && addr->port == GOSSIP_PORT ? &sim->hosts[index] : NULL;
}

static struct mono network_arrival(struct sim *sim)
{
	int64_t spread = sim->opt.latency_us_max - sim->opt.latency_us_min + 1;
	int64_t us = sim->opt.latency_us_min + (int64_t)sim_draw(sim, (uint64_t)spread);

	if (sim->chaos && sim_chance(sim, sim->opt.reorder_ppm)) {
		sim->counters[COUNT_REORDERED]++;
		us += (int64_t)sim_draw(sim, (uint64_t)(10 * sim->opt.latency_us_max));
	}
	return mono_add_ns(sim->now, us * 1000);
}

void network_send(struct sim *sim, struct sim_host *host, const struct gossip_send *send)
{
	struct sim_host *to = host_at(sim, &send->to);
	int copies = 1;

	sim->counters[COUNT_DATAGRAMS]++;
	WEFT_ASSERT(send->len > 0 && send->len <= DATAGRAM_BYTES_MAX);
	sim_trace_words(sim, "send", host->index, send->len, sim_hash64(send->bytes, send->len, 0));
	if (!to)
		return;
	if (to->island != host->island) {
		sim->counters[COUNT_CUT]++;
		return;
	}
	if (sim->chaos && sim_chance(sim, sim->opt.loss_ppm)) {
		sim->counters[COUNT_LOST]++;
		return;
	}
	if (sim->chaos && sim_chance(sim, sim->opt.duplicate_ppm)) {
		sim->counters[COUNT_DUPLICATED]++;
		copies = 2;
	}
	while (copies-- > 0) {
		struct sim_event event = {.at = network_arrival(sim),
					  .kind = SIM_DATAGRAM,
					  .host = to->index,
					  .from = host->addr,
					  .len = send->len};

		event.bytes = malloc(send->len);
		WEFT_ASSERT(event.bytes != NULL);
		memcpy(event.bytes, send->bytes, send->len);
		queue_add(sim, &event);
	}
}
