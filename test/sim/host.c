/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One host: its node, what the node's updates cause (datagrams, commits, kernel work, answers), and
 * starts and crashes. The same glue as the daemon's, over fakes.
 */
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "gossip/base/check.h"
#include "mad.h"
#include "network.h"
#include "queue.h"
#include "sim_crypto.h"
#include "ipamdb/query.h"

void host_open(struct sim *sim, size_t index)
{
	struct sim_host *host = &sim->hosts[index];

	host->index = host->machine = index;
	host->state = index < sim->opt.hosts ? HOST_FRESH : HOST_SPARE;
	host->addr = simnet_addr(sim, index);
	host->commits_end = &host->commits;
	clock_open(sim, &host->clock);
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
	mad_free(host->mad);
	host->mad = NULL;
	disk_wipe(sim, &host->disk);
	for (size_t i = 0; i < SIM_BACKUPS; i++)
		disk_wipe(sim, &host->backups[i]);
}

/* Has the moment come in which this host is to be stopped? */
static bool stop_is_due(struct sim *sim, struct sim_host *host, enum sim_stop_at at)
{
	struct sim_stop *stop = &host->stop;

	if (stop->at != at || stop->left == 0 || --stop->left > 0)
		return false;
	sim->counters[COUNT_STOP_BEFORE_COMMIT + at - STOP_BEFORE_COMMIT]++;
	return true;
}

static void trace_of_node(void *ctx, const struct trace_record *record)
{
	uint64_t node;

	memcpy(&node, record->node.b, sizeof(node));
	sim_trace_words(ctx, "trace", (uint64_t)record->event, (uint64_t)record->value, node);
}

/* --- the disk --------------------------------------------------------------------------------- */

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

static bool commit_succeeds(struct sim *sim, const struct sim_host *host)
{
	if (!sim->chaos)
		return true;
	if (host->disk_full_until.ns > sim->now.ns) {
		sim->counters[COUNT_FULL_REFUSED]++;
		return false;
	}
	return !sim_chance(sim, sim->opt.commit_fail_ppm);
}

void host_committed(struct sim *sim, struct sim_host *host)
{
	struct sim_commit *commit = host->commits;
	struct node_event event = {.kind = NODE_EV_COMMITTED};

	WEFT_ASSERT(commit != NULL);
	if (stop_is_due(sim, host, STOP_BEFORE_COMMIT)) {
		host_stop(sim, host, false);
		return;
	}
	host->commits = commit->next;
	if (!host->commits)
		host->commits_end = &host->commits;
	event.token = commit->token;
	event.ok = commit_succeeds(sim, host);
	sim->counters[event.ok ? COUNT_COMMITS : COUNT_COMMIT_FAILED]++;
	if (event.ok)
		disk_apply(sim, host, commit);
	disk_commit_free(commit);
	if (event.ok && stop_is_due(sim, host, STOP_AFTER_COMMIT))
		host_stop(sim, host, true);
	else
		host_event(sim, host, &event);
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

	due = clock_due(&host->clock, due);
	if (due.ns <= sim->now.ns)
		due = mono_add_ns(sim->now, 1000);
	if (due.ns >= MONO_NEVER.ns || due.ns == host->tick_at.ns)
		return;
	/* Only the newest agenda entry counts; older ones are passed over when they come up. */
	host->tick_at = due;
	event.at = due;
	queue_add(sim, &event);
}

/* What is answered may be asked anew at once, and that step makes another update of this one. */
static void answers_take(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	size_t count = update->answer_count;
	struct node_answer *answers;

	if (count == 0)
		return;
	answers = malloc(count * sizeof(*answers));
	WEFT_ASSERT(answers != NULL);
	memcpy(answers, update->answers, count * sizeof(*answers));
	for (size_t i = 0; i < count && !sim->failed; i++)
		answer_take(sim, host, &answers[i]);
	free(answers);
}

static void host_send(struct sim *sim, struct sim_host *host, const struct gossip_send *send)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct gossip_send twisted;

	if (!host->mad) {
		simnet_send(sim, host, send);
		return;
	}
	twisted = mad_twist(sim, host, send, bytes);
	simnet_send(sim, host, &twisted);
}

/* Sends and commits; false when the host was stopped amid it. */
static bool update_emit(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	bool due = false;

	for (size_t i = 0; i < update->send_count && !due; i++) {
		due = stop_is_due(sim, host, STOP_BEFORE_SEND);
		if (!due)
			host_send(sim, host, &update->sends[i]);
		due = due || stop_is_due(sim, host, STOP_AFTER_SEND);
	}
	/* Whether commits are handed in before or after what is sent does not matter to anybody but
	 * who is stopped between. */
	if (due && sim_draw(sim, 2) == 0) {
		host_stop(sim, host, true);
		return false;
	}
	for (size_t i = 0; i < update->batch_count; i++)
		commit_start(sim, host, &update->batches[i]);
	if (due)
		host_stop(sim, host, true);
	return !due;
}

static void host_apply(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	uint64_t boot = host->boot;

	sim->counters[COUNT_STEPS]++;
	host->id = gossip_self(node_gossip(host->node));
	check_update(sim, host, update);
	if (!update_emit(sim, host, update))
		return;
	for (size_t i = 0; i < update->work_count; i++)
		kernel_work(sim, host, &update->works[i]);
	for (size_t i = 0; i < update->change_count; i++)
		kernel_follow(sim, host, &update->changes[i]);
	answers_take(sim, host, update);
	if (host->boot != boot)
		return;
	check_step(sim, host);
	host_arm(sim, host);
}

void host_event(struct sim *sim, struct sim_host *host, struct node_event *event)
{
	const struct node_update *update;

	event->now = clock_mono(sim, &host->clock);
	event->wall = clock_wall(sim, &host->clock);
	check_event(sim, host, event);
	mad_watch(sim, host);
	update = node_step(host->node, event);
	mad_unwatch(sim);
	host_apply(sim, host, update);
}

void host_request(struct sim *sim, struct sim_host *host, struct node_request *request,
		  int64_t bound_ms)
{
	host_ask(sim, host, request, bound_ms, false);
}

void host_ask(struct sim *sim, struct sim_host *host, struct node_request *request,
	      int64_t bound_ms, bool must_fail)
{
	struct sim_request entry = {.tag = ++sim->next_tag,
				    .host = host->index,
				    .boot = host->boot,
				    .kind = request->kind,
				    .subject = request->id,
				    .bound = mono_add_ms(sim->now, bound_ms),
				    .must_fail = must_fail};
	struct node_event event = {.kind = NODE_EV_REQUEST, .request = request};

	if (request->addr_count == 1 &&
	    (request->kind == NODE_ATTACH || request->kind == NODE_RESERVE)) {
		entry.is_named = true;
		entry.address = request->addrs[0].ip;
	}
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

/* The runtime directory survives a crash of the daemon alone, but not one of its host. */
static bool marker_draw(struct sim *sim, struct sim_host *host)
{
	bool kept =
	    host->marker == MARKER_DRAWN ? sim_draw(sim, 4) != 0 : host->marker == MARKER_KEPT;

	/* A first start has none to lose; but what was copied was not the runtime directory. */
	if (host->boot == 1 && host->state != HOST_COPY)
		kept = true;
	host->marker = MARKER_DRAWN;
	host->reboots += !kept;
	sim->counters[COUNT_REBOOTS] += !kept;
	return kept;
}

/* A stop may come between a change of membership and its answer. A leave that is not on the disk
 * by then has come to nothing, unless that disk is older than the leave. */
static void membership_review(struct sim *sim, struct sim_host *host)
{
	enum node_phase phase = gossip_phase(node_gossip(host->node));

	if (phase == NODE_LEFT && host->state != HOST_REMOVED) {
		if (!host->was_leaving)
			sim_fail(sim, "host %zu left although nobody asked it to", host->index);
		host->state = HOST_LEFT;
	}
	host->was_leaving = host->was_leaving && (phase == NODE_LEFT || host->was_astray);
	host->leaving = false;
	if (host->state == HOST_FRESH && (phase == NODE_CLAIMING || phase == NODE_ACTIVE)) {
		host->state = HOST_UP;
		host->joined = true;
		sim->counters[COUNT_JOINS]++;
	}
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
	    .cooldown_ms = sim->opt.cooldown_ms,
	    .guard = sim->opt.guard_off   ? GUARD_OFF
		     : sim->opt.guard_all ? GUARD_ALL
					  : GUARD_ONE,
	    .ack_wait_ms = 50,
	    .sync_wait_ms = 5000,
	    .mtu_bytes = 1450,
	    .vxlan_port = 4789,
	};
	uint64_t boot = ++host->boot;
	bool marker_ok = marker_draw(sim, host);

	WEFT_ASSERT(!host->node);
	config.boot.b[0] = (uint8_t)host->machine;
	config.boot.b[1] = (uint8_t)(host->machine >> 8);
	config.boot.b[2] = (uint8_t)(1 + host->reboots);
	snprintf(config.gossip.name, sizeof(config.gossip.name), "host%zu", host->machine);
	host->node = node_new(&config);
	host->running = true;
	host->tick_at = (struct mono){-1};
	host->disk_free_at = host->kernel_free_at = sim->now;
	if (disk_load(&host->disk, load_one, host->node) != 0)
		sim_fail(sim, "host %zu cannot load what it stored", host->index);
	check_start(sim, host, marker_ok);
	host->moved = host->overridden = false;
	if (!marker_ok)
		clock_boot(sim, &host->clock);
	host_apply(sim, host,
		   node_start(host->node, clock_mono(sim, &host->clock),
			      clock_wall(sim, &host->clock), marker_ok));
	if (host->boot == boot) {
		membership_review(sim, host);
		kernel_start(sim, host);
	}
}

static void requests_forget(struct sim *sim, const struct sim_host *host)
{
	for (size_t i = sim->requests.count; i-- > 0;) {
		const struct sim_request *request = vec_at(&sim->requests, i);

		if (request->host == host->index)
			vec_remove(&sim->requests, i);
	}
}

struct sim_host *host_pick(struct sim *sim, bool (*fits)(const struct sim_host *host))
{
	size_t start = sim_draw(sim, sim->host_count);

	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[(start + i) % sim->host_count];

		if (fits(host))
			return host;
	}
	return NULL;
}

void host_stop(struct sim *sim, struct sim_host *host, bool landing)
{
	uint64_t landed = 0;

	WEFT_ASSERT(host->node != NULL && host->running);
	sim->counters[COUNT_CRASHES]++;
	sim->counters[COUNT_STOP_LEAVING] += host->leaving;
	sim_trace(sim, "crash %zu", host->index);
	if (host->state == HOST_UP)
		host->state = HOST_DOWN;
	/* What was on its way to the disk may have reached it, in order, or not. */
	for (struct sim_commit *commit = host->commits; commit && landing; commit = commit->next)
		landed++;
	landed = landing ? sim_draw(sim, landed + 1) : 0;
	for (struct sim_commit *commit = host->commits; commit && landed > 0; landed--) {
		disk_apply(sim, host, commit);
		commit = commit->next;
	}
	commits_forget(host);
	requests_forget(sim, host);
	/* The marker is withheld as long as the restart guard waits. */
	if (ipamdb_is_guarded(node_ipamdb(host->node)))
		host->marker = MARKER_LOST;
	node_free(host->node);
	host->node = NULL;
	host->running = host->join_pending = host->recovering = false;
	host->stop = (struct sim_stop){0};
	host->boot++;
	faults_stopped(sim, host);
}
