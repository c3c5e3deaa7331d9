/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One host: its node, what the node's updates cause (datagrams, commits, kernel work, answers), and
 * starts and crashes. The same glue as the daemon's, over fakes.
 */
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "queue.h"
#include "sim_crypto.h"

void host_open(struct sim *sim, size_t index)
{
	struct sim_host *host = &sim->hosts[index];

	host->index = index;
	host->state = index < sim->opt.hosts ? HOST_FRESH : HOST_SPARE;
	host->addr = network_addr(index);
	host->commits_end = &host->commits;
	host->wall_offset_ms = (int64_t)sim_draw(sim, 4000) - 2000;
}

static void commits_forget(struct sim_host *host)
{
	while (host->commits) {
		struct sim_commit *commit = host->commits;

		host->commits = commit->next;
		disk_commit_free(commit);
	}
	host->commits_end = &host->commits;
}

void host_close(struct sim *sim, struct sim_host *host)
{
	if (host->node)
		node_free(host->node);
	host->node = NULL;
	host->running = false;
	commits_forget(host);
	disk_wipe(sim, &host->disk);
}

static struct wall host_wall(const struct sim *sim, const struct sim_host *host)
{
	return (struct wall){INT64_C(1790000000000) + sim->now.ns / NS_PER_MS +
			     host->wall_offset_ms};
}

static void trace_of_node(void *ctx, const struct trace_record *record)
{
	uint64_t node;

	memcpy(&node, record->node.b, sizeof(node));
	sim_trace_words(ctx, "trace", (uint64_t)record->event, (uint64_t)record->value, node);
}

/* --- disk and kernel -------------------------------------------------------------------------- */

static void commit_start(struct sim *sim, struct sim_host *host, const struct node_batch *batch)
{
	struct sim_event event = {.kind = SIM_COMMITTED, .host = host->index, .boot = host->boot};
	int64_t us = 100 + (int64_t)sim_draw(sim, (uint64_t)sim->opt.commit_us_max);
	static const char *const names[] = {"?",      "meta",     "row",       "fact",
					    "row-",   "snap",     "snap-",     "lease",
					    "lease-", "endpoint", "endpoint-", "answer"};

	for (size_t i = 0; i < batch->count; i++)
		sim_trace(sim, "write %zu %s", host->index, names[batch->writes[i].kind]);
	/* A disk commits in order: never before what was handed in earlier. */
	disk_submit(host, batch);
	event.at = mono_add_ns(sim->now, us * 1000);
	if (event.at.ns < host->disk_free_at.ns)
		event.at = host->disk_free_at;
	host->disk_free_at = event.at;
	queue_add(sim, &event);
}

static void kernel_work(struct sim *sim, struct sim_host *host, const struct node_work *work)
{
	struct sim_event event = {.host = host->index, .boot = host->boot};

	event.kind = work->kind == WORK_PLUG ? SIM_PLUGGED : SIM_UNPLUGGED;
	event.id = work->endpoint.id;
	event.at = mono_add_ns(sim->now, 100000 + (int64_t)sim_draw(sim, 900000));
	queue_add(sim, &event);
}

static void kernel_follow(struct sim *sim, struct sim_host *host,
			  const struct gossip_change *change)
{
	struct sim_event event = {.kind = SIM_APPLIED, .host = host->index, .boot = host->boot};

	if (change->kind != CHANGE_ROW || change->row.kind != ROW_ENDPOINT || change->row.deleted ||
	    id_eq(&change->row.owner, &host->id))
		return;
	event.applied = (struct node_applied){.owner = change->row.owner,
					      .network = change->row.topic,
					      .endpoint = row_key_id(&change->row),
					      .epoch = change->row.epoch,
					      .sequence = change->row.sequence};
	event.at = mono_add_ns(sim->now, 200000 + (int64_t)sim_draw(sim, 2000000));
	queue_add(sim, &event);
}

/* --- the step --------------------------------------------------------------------------------- */

static void answer_take(struct sim *sim, struct sim_host *host, const struct node_answer *answer)
{
	for (size_t i = 0; i < sim->requests.count; i++) {
		struct sim_request request = *(struct sim_request *)vec_at(&sim->requests, i);

		if (request.tag != answer->tag || request.host != host->index)
			continue;
		sim_trace(sim, "answer %zu %d %d", host->index, (int)request.kind,
			  answer->err.code);
		vec_remove(&sim->requests, i);
		check_answer(sim, host, &request, answer);
		workload_answer(sim, host, &request, answer);
		return;
	}
	sim_fail(sim, "host %zu answered a request nobody made", host->index);
}

static void host_arm(struct sim *sim, struct sim_host *host)
{
	struct mono due = node_deadline(host->node);
	struct sim_event event = {.kind = SIM_TICK, .host = host->index, .boot = host->boot};

	if (due.ns <= sim->now.ns)
		due = mono_add_ns(sim->now, 1000);
	if (due.ns >= MONO_NEVER.ns || due.ns == host->tick_at.ns)
		return;
	/* Only the newest agenda entry counts; older ones are passed over when they come up. */
	host->tick_at = due;
	event.at = due;
	queue_add(sim, &event);
}

static void host_apply(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	check_update(sim, host, update);
	for (size_t i = 0; i < update->send_count; i++)
		network_send(sim, host, &update->sends[i]);
	for (size_t i = 0; i < update->batch_count; i++)
		commit_start(sim, host, &update->batches[i]);
	for (size_t i = 0; i < update->work_count; i++)
		kernel_work(sim, host, &update->works[i]);
	for (size_t i = 0; i < update->change_count; i++)
		kernel_follow(sim, host, &update->changes[i]);
	host->id = gossip_self(node_gossip(host->node));
	for (size_t i = 0; i < update->answer_count && !sim->failed; i++)
		answer_take(sim, host, &update->answers[i]);
	sim->counters[COUNT_STEPS]++;
	check_step(sim, host);
	host_arm(sim, host);
}

void host_event(struct sim *sim, struct sim_host *host, struct node_event *event)
{
	event->now = sim->now;
	event->wall = host_wall(sim, host);
	check_event(sim, host, event);
	host_apply(sim, host, node_step(host->node, event));
}

void host_request(struct sim *sim, struct sim_host *host, struct node_request *request,
		  int64_t bound_ms)
{
	struct sim_request entry = {.tag = ++sim->next_tag,
				    .host = host->index,
				    .boot = host->boot,
				    .kind = request->kind,
				    .subject = request->id,
				    .bound = mono_add_ms(sim->now, bound_ms)};
	struct node_event event = {.kind = NODE_EV_REQUEST, .request = request};

	request->tag = entry.tag;
	vec_push(&sim->requests, &entry);
	sim_trace(sim, "request %zu %d", host->index, (int)request->kind);
	host_event(sim, host, &event);
}

/* --- life and death --------------------------------------------------------------------------- */

static int load_one(void *ctx, const struct write *write)
{
	return node_load(ctx, write);
}

void host_start(struct sim *sim, struct sim_host *host)
{
	struct node_config config = {
	    .gossip = {.crypto = sim_crypto_table(sim->crypto),
		       .pages = sim->pages,
		       .blobs = &sim->blobs,
		       .seed = sim->opt.seed * 1000003u + host->index * 7919u + host->boot,
		       .profile = PROFILE_LAN,
		       .advertise = host->addr,
		       .vtep = host->addr.ip,
		       .trace = {sim, trace_of_node}},
	    .cooldown_ms = 60000,
	    .guard = GUARD_ONE,
	    .ack_wait_ms = 50,
	    .sync_wait_ms = 5000,
	    .mtu_bytes = 1450,
	    .vxlan_port = 4789,
	};
	bool marker_ok;

	WEFT_ASSERT(!host->node);
	host->boot++;
	config.boot.b[0] = (uint8_t)host->index;
	config.boot.b[1] = 1;
	snprintf(config.gossip.name, sizeof(config.gossip.name), "host%zu", host->index);
	host->node = node_new(&config);
	host->running = true;
	host->tick_at = (struct mono){-1};
	host->disk_free_at = sim->now;
	if (disk_load(&host->disk, load_one, host->node) != 0)
		sim_fail(sim, "host %zu cannot load what it stored", host->index);
	/* The runtime directory survives a crash of the daemon alone, but not one of its host. */
	marker_ok = host->boot == 1 || sim_draw(sim, 4) != 0;
	sim->counters[COUNT_REBOOTS] += !marker_ok;
	check_start(sim, host);
	host_apply(sim, host, node_start(host->node, sim->now, host_wall(sim, host), marker_ok));
	/* A crash may come between the end of a membership and its answer. */
	if (gossip_phase(node_gossip(host->node)) != NODE_LEFT)
		return;
	if (!host->leaving)
		sim_fail(sim, "host %zu left although nobody asked it to", host->index);
	host->leaving = false;
	host->state = HOST_LEFT;
}

void host_crash(struct sim *sim, struct sim_host *host)
{
	uint64_t landed;
	size_t waiting = 0;

	WEFT_ASSERT(host->node != NULL);
	for (struct sim_commit *commit = host->commits; commit; commit = commit->next)
		waiting++;
	/* What was on its way to the disk may have reached it, in order, or not. */
	landed = sim_draw(sim, waiting + 1);
	for (struct sim_commit *commit = host->commits; commit && landed > 0; landed--) {
		disk_apply(sim, host, commit);
		commit = commit->next;
	}
	commits_forget(host);
	for (size_t i = sim->requests.count; i-- > 0;) {
		const struct sim_request *request = vec_at(&sim->requests, i);

		if (request->host == host->index)
			vec_remove(&sim->requests, i);
	}
	node_free(host->node);
	host->node = NULL;
	host->running = false;
	host->boot++;
}
