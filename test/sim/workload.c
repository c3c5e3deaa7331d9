/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What people and fate do: make a cluster, join, make networks, attach and detach, reserve, crash,
 * restart, cut the network, leave, remove. Each step draws one operation by the seed's weights.
 */
#include <string.h>

#include "faults.h"
#include "gossip/base/check.h"
#include "ipamdb/query.h"
#include "mad.h"
#include "network.h"
#include "queue.h"

#define REQUEST_BOUND_MS 40000

static void op_schedule(struct sim *sim)
{
	struct sim_event event = {.kind = SIM_OP};

	event.at =
	    mono_add_ms(sim->now, 1 + (int64_t)sim_draw(sim, (uint64_t)(2 * sim->opt.op_gap_ms)));
	queue_add(sim, &event);
}

static bool is_member(const struct sim_host *host)
{
	return host->running && host->state == HOST_UP && host->joined && !host->stopped;
}

static bool is_fresh(const struct sim_host *host)
{
	return host->state == HOST_FRESH && !host->join_pending;
}

static bool is_down(const struct sim_host *host)
{
	return !host->running && !host->lost &&
	       (host->state == HOST_DOWN || host->state == HOST_REMOVED ||
		host->state == HOST_ASTRAY || host->state == HOST_MAD);
}

static bool has_endpoints(const struct sim_host *host)
{
	return is_member(host) && host->endpoint_count > 0;
}

/* The host that made the cluster signs tokens, is an admin and stays (admins.c: others). */
static bool is_expendable(const struct sim_host *host)
{
	return host->index > 0 && is_member(host);
}

/* --- operations ------------------------------------------------------------------------------- */

static void op_join(struct sim *sim)
{
	(void)workload_join(sim);
}

/* The first host makes the token, again until it has one. */
void workload_token(struct sim *sim)
{
	struct sim_host *host = &sim->hosts[0];
	struct node_request request = {.kind = NODE_TOKEN_CREATE, .ttl_ms = INT64_C(86400000)};

	if (sim->token[0] || !is_member(host))
		return;
	for (size_t i = 0; i < sim->requests.count; i++)
		if (((struct sim_request *)vec_at(&sim->requests, i))->kind == NODE_TOKEN_CREATE)
			return;
	request.addrs = &host->addr;
	request.addr_count = 1;
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

void workload_join_as(struct sim *sim, struct sim_host *host)
{
	struct node_request request = {
	    .kind = NODE_JOIN, .text = sim->token, .flag = host->replaces};

	if (!host->running)
		host_start(sim, host);
	/* It may have been stopped when it had joined and not said so yet. */
	if (!host->running || host->joined)
		return;
	host->join_pending = true;
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

bool workload_join(struct sim *sim)
{
	struct sim_host *host = sim->token[0] ? host_pick(sim, is_fresh) : NULL;

	workload_token(sim);
	if (host)
		workload_join_as(sim, host);
	return host != NULL;
}

static void op_network(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_member);
	struct rec_network network = {.port = 4789};
	struct node_request request = {.kind = NODE_NETWORK_CREATE, .network = &network};

	if (!host || sim->network_count == SIM_NETWORKS_MAX)
		return;
	snprintf(network.name, sizeof(network.name), "net%llu", (unsigned long long)sim->next_tag);
	network.pool_count = 1;
	network.pools[0].subnet.ip =
	    inet_from_v4(0x0a400000u + ((uint32_t)sim->next_tag << 12 & 0x003ff000u));
	network.pools[0].subnet.bits = (uint8_t)(128 - sim->opt.pool_bits);
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

static void attach_at(struct sim *sim, struct sim_host *host)
{
	struct local_endpoint endpoint = {.ifname = "eth0", .netns = "/run/netns/box"};
	struct node_request request = {.kind = NODE_ATTACH, .endpoint = &endpoint, .ttl_ms = 10000};

	if (sim->network_count == 0 || host->endpoint_count == SIM_BOXES_MAX)
		return;
	request.id = sim->networks[sim_draw(sim, sim->network_count)];
	snprintf(endpoint.name, sizeof(endpoint.name), "box%llu",
		 (unsigned long long)sim->next_tag);
	endpoint.netns_inode = sim->next_tag + 1;
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

static void op_attach(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_member);

	if (host)
		attach_at(sim, host);
}

static void op_detach(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, has_endpoints);
	struct node_request request = {.kind = NODE_DETACH};
	size_t which;

	if (!host)
		return;
	which = sim_draw(sim, host->endpoint_count);
	request.id = host->endpoints[which];
	host->endpoints[which] = host->endpoints[--host->endpoint_count];
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

static void op_reserve(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_member);
	struct node_request request = {.kind = NODE_RESERVE, .text = "kept"};

	if (!host || sim->network_count == 0)
		return;
	request.id = sim->networks[sim_draw(sim, sim->network_count)];
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

static void op_crash(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_member);

	if (host)
		host_stop(sim, host, true);
}

static void op_restart(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_down);

	if (host)
		faults_restart(sim, host);
}

static void op_leave(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, is_expendable);
	struct node_request request = {.kind = NODE_LEAVE, .flag = true, .ttl_ms = 10000};

	if (!host || host->leaving || admins_need(sim, host))
		return;
	host->endpoint_count = 0;
	host->leaving = host->was_leaving = true;
	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

static void op_remove(struct sim *sim)
{
	struct sim_host *victim = host_pick(sim, is_expendable), *admin = &sim->hosts[0];
	struct node_request request = {.kind = NODE_REMOVE, .text = "drawn by lot"};

	if (!victim || !is_member(admin) || victim->leaving || admins_need(sim, victim))
		return;
	request.id = victim->id;
	host_request(sim, admin, &request, REQUEST_BOUND_MS);
}

static int fence_visit(void *ctx, const struct write *write)
{
	bool *is_fenced = ctx;

	*is_fenced = *is_fenced || (write->meta == META_FENCE && write->len > 0);
	return 0;
}

/* Fenced as long as it runs, or until it is recovered and so by its disk too: the next start finds
 * its marker and does not wait. */
static bool is_fenced(const struct sim_host *host)
{
	bool is_fenced =
	    host->state == HOST_COPY && gossip_phase(node_gossip(host->node)) == NODE_COPY;

	disk_walk(&host->disk, 1u << WRITE_META, fence_visit, &is_fenced);
	return is_fenced;
}

/* Does it wait for others, where an operator may know that it need not? He must not who does not
 * know whether its disk went back: what that one gives away is given away twice. But whoever is
 * fenced, or was removed, stays so. */
static bool may_be_confirmed(const struct sim_host *host)
{
	return host->running && !host->stopped && ipamdb_is_guarded(node_ipamdb(host->node)) &&
	       ((host->state == HOST_UP && host->joined) || host->state == HOST_REMOVED ||
		((host->state == HOST_ASTRAY || host->state == HOST_COPY) && is_fenced(host)));
}

/* An operator who does not wait: the guard is overridden, and a box attached at once. */
static void op_confirm(struct sim *sim)
{
	struct sim_host *host = host_pick(sim, may_be_confirmed);
	struct node_request request = {.kind = NODE_CONFIRM};
	uint64_t boot;

	if (!host)
		return;
	boot = host->boot;
	host->overridden = true;
	sim->counters[COUNT_CONFIRMED]++;
	sim->counters[COUNT_CONFIRMED_FENCED] += is_fenced(host);
	host_request(sim, host, &request, REQUEST_BOUND_MS);
	if (host->boot != boot)
		return;
	if (ipamdb_is_guarded(node_ipamdb(host->node)))
		sim_fail(sim, "host %zu waits although that was overridden", host->index);
	attach_at(sim, host);
}

void workload_op(struct sim *sim)
{
	const struct {
		uint32_t weight;
		void (*run)(struct sim *sim);
	} ops[] = {
	    {40, op_join},
	    {sim->network_count ? sim->opt.weight_network : 30, op_network},
	    {sim->opt.weight_attach, op_attach},
	    {sim->opt.weight_detach, op_detach},
	    {sim->opt.weight_reserve, op_reserve},
	    {sim->opt.weight_crash, op_crash},
	    {sim->opt.weight_restart, op_restart},
	    {sim->opt.weight_partition, weather_cut},
	    {sim->opt.weight_heal, weather_heal},
	    {sim->opt.weight_leave, op_leave},
	    {sim->opt.weight_remove, op_remove},
	    {sim->opt.weight_stop, fault_stop_point},
	    {sim->opt.weight_mass, fault_mass_restart},
	    {sim->opt.weight_full, fault_disk_full},
	    {sim->opt.weight_stall, fault_disk_stall},
	    {sim->opt.weight_gone, fault_box_gone},
	    {sim->opt.weight_confirm, op_confirm},
	    {sim->opt.weight_admin, admins_op},
	    {sim->opt.weight_misuse, misuse_op},
	    {sim->opt.weight_mad, fault_go_mad},
	    {sim->opt.weight_lost, fault_disk_lost},
	    {2 * sim->opt.weight_back, fault_backup},
	    {sim->opt.weight_back, fault_disk_back},
	    {sim->opt.weight_copied, fault_disk_copied},
	    {sim->opt.weight_anew, fault_begin_anew},
	};
	uint64_t total = 0, drawn;

	if (!sim->chaos)
		return;
	faults_switch_off(sim);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		total += ops[i].weight;
	drawn = sim_draw(sim, total);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (drawn < ops[i].weight) {
			ops[i].run(sim);
			break;
		}
		drawn -= ops[i].weight;
	}
	op_schedule(sim);
}

static void cluster_init(struct sim *sim, struct sim_host *host)
{
	struct node_request request = {.kind = NODE_INIT, .text = "sim"};

	host_request(sim, host, &request, REQUEST_BOUND_MS);
}

void workload_found(struct sim *sim)
{
	host_start(sim, &sim->hosts[0]);
	cluster_init(sim, &sim->hosts[0]);
}

void workload_start(struct sim *sim)
{
	op_schedule(sim);
}

/* The end of chaos: the network is whole again and most of those who were down come back. The first
 * host always does: it is the seed in everybody's token, and who joined through it and was told of
 * nobody before it stopped can meet the others only there. */
void workload_calm(struct sim *sim)
{
	weather_calm(sim);
	faults_calm(sim);
	for (size_t i = 0; i < sim->host_count; i++)
		if (is_down(&sim->hosts[i]) &&
		    (i == 0 || sim_draw(sim, 4) != 0 || admins_need(sim, &sim->hosts[i])))
			faults_restart(sim, &sim->hosts[i]);
}

/* --- answers ---------------------------------------------------------------------------------- */

void workload_answer(struct sim *sim, struct sim_host *host, const struct sim_request *request,
		     const struct node_answer *answer)
{
	bool ok = answer->err.code == 0;

	sim->counters[COUNT_ADDRESS_OPS] +=
	    ok && (request->kind == NODE_ATTACH || request->kind == NODE_DETACH ||
		   request->kind == NODE_RESERVE || request->kind == NODE_RELEASE);
	misuse_answered(sim, host, request, answer);
	if (ok)
		admins_answered(sim, host, request);
	switch (request->kind) {
	case NODE_INIT:
		host->joined = ok;
		if (ok)
			host->state = HOST_UP;
		else if (answer->err.code == WEFT_E_STORE)
			cluster_init(sim, host);
		else
			sim_fail(sim, "init failed: %s", answer->err.message);
		break;
	case NODE_TOKEN_CREATE:
		if (ok)
			snprintf(sim->token, sizeof(sim->token), "%s", answer->text);
		break;
	case NODE_JOIN:
		host->join_pending = false;
		if (ok) {
			host->state = HOST_UP;
			host->joined = true;
			sim->counters[COUNT_JOINS]++;
		}
		break;
	case NODE_NETWORK_CREATE:
		if (ok && sim->network_count < SIM_NETWORKS_MAX)
			sim->networks[sim->network_count++] = answer->id;
		break;
	case NODE_ATTACH:
		sim->counters[ok ? COUNT_ATTACHED : COUNT_ATTACH_REFUSED]++;
		if (ok && host->endpoint_count < SIM_BOXES_MAX)
			host->endpoints[host->endpoint_count++] = answer->id;
		break;
	case NODE_DETACH:
		sim->counters[COUNT_DETACHED] += ok;
		break;
	case NODE_RESERVE:
		sim->counters[COUNT_RESERVED] += ok;
		break;
	case NODE_RECOVER:
		faults_recovered(sim, host, answer);
		break;
	case NODE_LEAVE:
		host->leaving = false;
		host->was_leaving = ok;
		if (ok) {
			host->state = HOST_LEFT;
			sim->counters[COUNT_LEAVES]++;
		}
		break;
	case NODE_REMOVE:
		sim->counters[COUNT_REMOVALS] += ok;
		break;
	default:
		break;
	}
}
