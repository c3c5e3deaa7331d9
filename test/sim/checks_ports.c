/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Ports: what a node has its kernel make for boxes, by what it asks for and what the kernel says.
 *
 *   MAKE -> MADE -> PLUG -> PLUGGING -> (plugged) -> PLUGGED -> UNPLUG, (unplugged) -> none
 *             \-> UNMAKE -> none            \-> (refused) -> none
 *
 * What is made ahead is plugged or taken back, and stands no longer than the attach that it was
 * made for waits for its answer. What is plugged when all is calm is an endpoint of its node, and
 * each endpoint is plugged: a port that stays without one keeps an address that goes to others, and
 * an endpoint without a port one that nobody uses. A node that starts again sweeps what it cannot
 * explain, and hears what is missing.
 */
#include <stdlib.h>

#include "checks_parts.h"

enum port_state { PORT_MADE = 1, PORT_PLUGGING, PORT_PLUGGED };

struct port {
	struct id endpoint;
	enum port_state state;
};

/* Of one host. */
struct ports {
	struct map all;
	size_t made;
};

void ports_checks_open(struct sim *sim)
{
	struct ports *ports = calloc(sim->host_count, sizeof(*ports));

	WEFT_ASSERT(ports != NULL);
	for (size_t i = 0; i < sim->host_count; i++)
		map_init(&ports[i].all, &sim->heap, sizeof(struct id), sizeof(struct port),
			 sim->opt.seed);
	sim->checks->ports = ports;
}

void ports_checks_close(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++)
		map_close(&sim->checks->ports[i].all);
	free(sim->checks->ports);
}

static struct ports *ports_of(struct sim *sim, const struct sim_host *host)
{
	return &sim->checks->ports[host->index];
}

static bool has_endpoint(const struct sim_host *host, const struct id *id)
{
	struct local_endpoint endpoint;

	for (size_t at = 0; node_endpoint_next(host->node, &at, &endpoint);)
		if (id_eq(&endpoint.id, id))
			return true;
	return false;
}

void ports_start(struct sim *sim, struct sim_host *host, bool marker_ok)
{
	struct ports *ports = ports_of(sim, host);
	struct port *port;

	ports->made = 0;
	for (size_t pos = 0; (port = map_next(&ports->all, &pos)) != NULL;) {
		struct id id = port->endpoint;

		if (marker_ok && port->state == PORT_PLUGGED && has_endpoint(host, &id))
			continue;
		map_remove(&ports->all, &id);
		pos = 0; /* removing one moves the others */
	}
}

static void expect(struct sim *sim, const struct sim_host *host, const struct port *port,
		   enum port_state state, const char *asked)
{
	enum port_state is = port != NULL ? port->state : 0;

	check_look(sim, CHECKER_PORTS);
	if (is != state)
		check_fail(sim, CHECKER_PORTS, "host %zu asks to %s a port in state %d",
			   host->index, asked, (int)is);
}

void ports_work(struct sim *sim, struct sim_host *host, const struct node_work *work)
{
	struct ports *ports = ports_of(sim, host);
	const struct id id = work->endpoint.id;
	struct port *port = map_find(&ports->all, &id);

	if (work->endpoint.is_host)
		return;
	switch (work->kind) {
	case WORK_MAKE:
		expect(sim, host, port, 0, "make");
		port = map_insert(&ports->all, &id, NULL);
		port->state = PORT_MADE;
		ports->made++;
		break;
	case WORK_UNMAKE:
		expect(sim, host, port, PORT_MADE, "unmake");
		if (map_remove(&ports->all, &id))
			ports->made--;
		break;
	case WORK_PLUG:
		expect(sim, host, port, PORT_MADE, "plug");
		if (port == NULL)
			return;
		port->state = PORT_PLUGGING;
		ports->made--;
		break;
	default:
		break;
	}
}

void ports_done(struct sim *sim, struct sim_host *host, const struct id *id, bool stands)
{
	struct ports *ports = ports_of(sim, host);
	struct port *port = map_find(&ports->all, id);

	if (port == NULL)
		return; /* the host's own */
	if (!stands) {
		map_remove(&ports->all, id);
		return;
	}
	port->state = PORT_PLUGGED;
	sim->counters[COUNT_PLUGGED_LATE] += !has_endpoint(host, id);
}

bool ports_has(struct sim *sim, const struct sim_host *host, const struct id *id)
{
	return map_find(&ports_of(sim, host)->all, id) != NULL;
}

static size_t attaches_of(const struct sim *sim, const struct sim_host *host)
{
	size_t count = 0;

	for (size_t i = 0; i < sim->requests.count; i++) {
		const struct sim_request *request = vec_at(&sim->requests, i);

		count += request->host == host->index && request->kind == NODE_ATTACH;
	}
	return count;
}

void ports_second(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *host = &sim->hosts[i];
		size_t made = ports_of(sim, host)->made, attaches;

		if (!host->running || made == 0)
			continue;
		check_look(sim, CHECKER_PORTS);
		attaches = attaches_of(sim, host);
		if (made > attaches)
			check_fail(sim, CHECKER_PORTS,
				   "host %zu has made %zu ports ahead of %zu attaches", i, made,
				   attaches);
	}
}

/* A copy touches nothing, nor what it cannot have. */
static bool are_plugged(struct sim *sim, const struct sim_host *host, char *why, size_t why_bytes)
{
	struct local_endpoint endpoint;

	if (host->state == HOST_COPY)
		return true;
	for (size_t at = 0; node_endpoint_next(host->node, &at, &endpoint);) {
		if (endpoint.is_host || ports_has(sim, host, &endpoint.id))
			continue;
		snprintf(why, why_bytes, "host %zu has an endpoint without a port", host->index);
		return false;
	}
	return true;
}

bool ports_agree(struct sim *sim, char *why, size_t why_bytes)
{
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *host = &sim->hosts[i];
		const struct port *port;

		if (!host->running)
			continue;
		if (!are_plugged(sim, host, why, why_bytes))
			return false;
		for (size_t pos = 0; (port = map_next(&ports_of(sim, host)->all, &pos)) != NULL;) {
			if (port->state == PORT_PLUGGED && has_endpoint(host, &port->endpoint))
				continue;
			snprintf(why, why_bytes,
				 "host %zu has a port in state %d that no endpoint explains", i,
				 (int)port->state);
			return false;
		}
	}
	return true;
}
