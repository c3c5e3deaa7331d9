/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATENCY_NS (300 * 1000)
#define COMMIT_NS (500 * 1000)
#define KERNEL_NS (400 * 1000)

struct cluster_event {
	struct mono at;
	uint64_t seq;
	size_t host;
	unsigned run;
	enum node_event_kind kind;
	struct hostport from;
	uint8_t *bytes;
	size_t len;
	uint64_t token;
	struct id id;
	struct node_applied applied;
	struct kept_write *writes;
	size_t write_count;
	bool ok;
};

static void apply_update(struct cluster *cluster, struct host *host,
			 const struct node_update *update);

static struct wall wall_of(const struct cluster *cluster)
{
	return (struct wall){INT64_C(1790000000000) + cluster->now.ns / NS_PER_MS};
}

static struct cluster_event *event_add(struct cluster *cluster, struct host *host, int64_t in_ns,
				       enum node_event_kind kind)
{
	struct cluster_event *event;

	assert_true(cluster->event_count < EVENTS_MAX);
	event = &cluster->events[cluster->event_count++];
	*event = (struct cluster_event){.at = mono_add_ns(cluster->now, in_ns),
					.seq = ++cluster->event_seq,
					.host = (size_t)(host - cluster->hosts),
					.run = host->run,
					.kind = kind,
					.ok = true};
	return event;
}

/* ---- what an update causes ---- */

static void send_all(struct cluster *cluster, struct host *host, const struct node_update *update)
{
	for (size_t i = 0; i < update->send_count && !host->unreachable; i++) {
		const struct gossip_send *send = &update->sends[i];

		for (size_t to = 0; to < cluster->count; to++) {
			struct cluster_event *event;

			if (!hostport_eq(&send->to, &cluster->hosts[to].addr) ||
			    cluster->hosts[to].unreachable ||
			    cluster->hosts[to].island != host->island)
				continue;
			event =
			    event_add(cluster, &cluster->hosts[to], LATENCY_NS, NODE_EV_DATAGRAM);
			event->from = host->addr;
			event->len = send->len;
			event->bytes = malloc(send->len);
			assert_non_null(event->bytes);
			memcpy(event->bytes, send->bytes, send->len);
		}
	}
}

static void commit_all(struct cluster *cluster, struct host *host, const struct node_update *update)
{
	for (size_t i = 0; i < update->batch_count; i++) {
		const struct node_batch *batch = &update->batches[i];
		struct cluster_event *event =
		    event_add(cluster, host,
			      host->commits_wait ? 3600 * NS_PER_S
						 : COMMIT_NS + host->commit_ms_more * NS_PER_MS,
			      NODE_EV_COMMITTED);

		event->token = batch->token;
		event->ok = !host->commits_fail;
		event->write_count = batch->count;
		event->writes = calloc(batch->count, sizeof(*event->writes));
		assert_non_null(event->writes);
		for (size_t w = 0; w < batch->count; w++)
			event->writes[w] = kept_copy(&batch->writes[w]);
	}
}

static void work_all(struct cluster *cluster, struct host *host, const struct node_update *update)
{
	for (size_t i = 0; i < update->work_count; i++) {
		const struct node_work *work = &update->works[i];
		struct cluster_event *event;

		if (work->kind == WORK_PLUG) {
			host->plugs += !work->endpoint.is_host;
			host->made -= !work->endpoint.is_host;
			if (host->plugs_wait)
				continue;
			event = event_add(cluster, host, KERNEL_NS, NODE_EV_PLUGGED);
			event->ok = !host->plugs_fail;
		} else if (work->kind == WORK_MAKE || work->kind == WORK_UNMAKE) {
			host->made += work->kind == WORK_MAKE ? 1 : -1;
			continue;
		} else {
			host->unplugs += !work->endpoint.is_host;
			host->last_unplugged = work->endpoint;
			event = event_add(cluster, host, KERNEL_NS, NODE_EV_UNPLUGGED);
		}
		event->id = work->endpoint.id;
	}
}

static void follow_all(struct cluster *cluster, struct host *host, const struct node_update *update)
{
	for (size_t i = 0; i < update->change_count && !host->deaf; i++) {
		const struct gossip_change *change = &update->changes[i];
		struct cluster_event *event;

		if (change->kind != CHANGE_ROW || change->row.kind != ROW_ENDPOINT ||
		    change->row.deleted || id_eq(&change->row.owner, &host->id))
			continue;
		event = event_add(cluster, host, KERNEL_NS, NODE_EV_APPLIED);
		event->applied = (struct node_applied){.owner = change->row.owner,
						       .network = change->row.topic,
						       .endpoint = row_key_id(&change->row),
						       .epoch = change->row.epoch,
						       .sequence = change->row.sequence};
	}
}

static void answers_keep(struct cluster *cluster, struct host *host,
			 const struct node_update *update)
{
	for (size_t i = 0; i < update->answer_count; i++) {
		struct kept_answer *kept = &cluster->answers[cluster->answer_count++];

		assert_true(cluster->answer_count <= ANSWERS_KEPT);
		assert_null(cluster_answer(cluster, update->answers[i].tag));
		kept->host = (size_t)(host - cluster->hosts);
		kept->answer = update->answers[i];
		kept->at = cluster->now;
		if (kept->answer.text) {
			snprintf(kept->text, sizeof(kept->text), "%s", kept->answer.text);
			kept->answer.text = kept->text;
		}
		for (size_t f = 0; f < kept->answer.finding_count && f < FINDINGS_KEPT; f++)
			kept->findings[f] = update->answers[i].findings[f];
		kept->answer.findings = kept->findings;
		if (kept->answer.len > 0)
			memcpy(kept->bytes, kept->answer.bytes, kept->answer.len);
		kept->answer.bytes = kept->bytes;
	}
}

static void questions_echo(struct cluster *cluster, struct host *host,
			   const struct node_update *update)
{
	for (size_t i = 0; i < update->delivery_count && host->echoes; i++) {
		const struct gossip_delivery *delivery = &update->deliveries[i];
		struct cluster_event *event = event_add(cluster, host, KERNEL_NS, NODE_EV_REQUEST);

		event->token = delivery->message;
		event->len = delivery->len;
		event->bytes = malloc(delivery->len);
		assert_non_null(event->bytes);
		memcpy(event->bytes, delivery->bytes, delivery->len);
	}
}

static void apply_update(struct cluster *cluster, struct host *host,
			 const struct node_update *update)
{
	host->id = gossip_self(node_gossip(host->node));
	send_all(cluster, host, update);
	commit_all(cluster, host, update);
	work_all(cluster, host, update);
	follow_all(cluster, host, update);
	answers_keep(cluster, host, update);
	questions_echo(cluster, host, update);
	node_check(host->node);
	host->tick_at = node_deadline(host->node);
}

/* ---- time ---- */

void cluster_tell(struct cluster *cluster, size_t which, struct node_event *event)
{
	struct host *host = &cluster->hosts[which];

	event->now = cluster->now;
	event->wall = wall_of(cluster);
	apply_update(cluster, host, node_step(host->node, event));
}

static void event_free(struct cluster_event *event)
{
	free(event->bytes);
	for (size_t i = 0; i < event->write_count; i++)
		kept_free(&event->writes[i]);
	free(event->writes);
}

static void event_do(struct cluster *cluster, struct cluster_event *event)
{
	struct host *host = &cluster->hosts[event->host];
	struct node_event in = {.kind = event->kind,
				.from = event->from,
				.bytes = event->bytes,
				.len = event->len,
				.token = event->token,
				.id = event->id,
				.ok = event->ok,
				.applied = &event->applied,
				.applied_count = 1};
	struct node_request reply = {
	    .kind = NODE_REPLY, .message = event->token, .bytes = event->bytes, .len = event->len};

	in.request = &reply;

	if (host->node && (event->run == host->run || event->kind == NODE_EV_DATAGRAM)) {
		if (event->ok)
			for (size_t i = 0; i < event->write_count; i++)
				disk_put(host, &event->writes[i].write);
		if (!event->ok && event->kind == NODE_EV_PLUGGED)
			weft_err_set(&in.err, WEFT_E_KERNEL, "no veth for you");
		cluster_tell(cluster, event->host, &in);
	}
	event_free(event);
}

/* The earliest event, taken out; false when none is due by end. */
static bool event_take(struct cluster *cluster, struct mono end, struct cluster_event *out)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < cluster->event_count; i++) {
		const struct cluster_event *event = &cluster->events[i];

		if (event->at.ns <= end.ns &&
		    (best == SIZE_MAX || event->at.ns < cluster->events[best].at.ns ||
		     (event->at.ns == cluster->events[best].at.ns &&
		      event->seq < cluster->events[best].seq)))
			best = i;
	}
	if (best == SIZE_MAX)
		return false;
	*out = cluster->events[best];
	cluster->events[best] = cluster->events[--cluster->event_count];
	return true;
}

static struct host *next_tick(struct cluster *cluster, struct mono end)
{
	struct host *best = NULL;

	for (size_t i = 0; i < cluster->count; i++) {
		struct host *host = &cluster->hosts[i];

		if (host->node && host->tick_at.ns <= end.ns &&
		    (!best || host->tick_at.ns < best->tick_at.ns))
			best = host;
	}
	return best;
}

void cluster_run(struct cluster *cluster, int64_t ms)
{
	struct mono end = mono_add_ms(cluster->now, ms);

	for (;;) {
		struct node_event tick = {.kind = NODE_EV_TICK};
		struct host *host = next_tick(cluster, end);
		struct cluster_event event;

		if (event_take(cluster, host && host->tick_at.ns < end.ns ? host->tick_at : end,
			       &event)) {
			if (event.at.ns > cluster->now.ns)
				cluster->now = event.at;
			event_do(cluster, &event);
			continue;
		}
		if (!host)
			break;
		if (host->tick_at.ns > cluster->now.ns)
			cluster->now = host->tick_at;
		else
			cluster->now.ns += 1000; /* work was left over */
		cluster_tell(cluster, (size_t)(host - cluster->hosts), &tick);
	}
	cluster->now = end;
}

/* ---- life ---- */

void cluster_start(struct cluster *cluster, size_t which)
{
	struct host *host = &cluster->hosts[which];
	struct node_config config = {
	    .gossip = {.crypto = gossip_crypto_sodium(),
		       .pages = cluster->pages,
		       .blobs = &cluster->blobs,
		       .seed = which * 1000 + host->run,
		       .advertise = host->addr,
		       .vtep = host->addr.ip},
	    .cooldown_ms = 2000,
	    .guard = cluster->guard,
	    .boot = host->boot,
	    .ack_wait_ms = 50,
	    .sync_wait_ms = 3000,
	    .mtu_bytes = 1450,
	};

	assert_null(host->node);
	snprintf(config.gossip.name, sizeof(config.gossip.name), "host%zu", which);
	host->run++;
	host->node = node_new(&config);
	for (size_t i = 0; i < host->disk_count; i++)
		assert_int_equal(node_load(host->node, &host->disk[i].write), 0);
	apply_update(cluster, host,
		     node_start(host->node, cluster->now, wall_of(cluster), !host->marker_lost));
	host->marker_lost = false;
	event_add(cluster, host, KERNEL_NS, NODE_EV_LOOKED);
}

void cluster_stop(struct cluster *cluster, size_t which)
{
	node_free(cluster->hosts[which].node);
	cluster->hosts[which].node = NULL;
	cluster->hosts[which].tick_at = MONO_NEVER;
}

uint64_t cluster_ask(struct cluster *cluster, size_t host, struct node_request *request)
{
	struct node_event event = {.kind = NODE_EV_REQUEST, .request = request};

	request->tag = ++cluster->next_tag;
	cluster_tell(cluster, host, &event);
	return request->tag;
}

static const struct kept_answer *kept_find(const struct cluster *cluster, uint64_t tag)
{
	for (size_t i = 0; i < cluster->answer_count; i++)
		if (cluster->answers[i].answer.tag == tag)
			return &cluster->answers[i];
	return NULL;
}

const struct node_answer *cluster_answer(const struct cluster *cluster, uint64_t tag)
{
	const struct kept_answer *kept = kept_find(cluster, tag);

	return kept ? &kept->answer : NULL;
}

struct mono cluster_answered_at(const struct cluster *cluster, uint64_t tag)
{
	const struct kept_answer *kept = kept_find(cluster, tag);

	assert_non_null(kept);
	return kept->at;
}

const struct node_answer *cluster_call(struct cluster *cluster, size_t host,
				       struct node_request *request)
{
	uint64_t tag = cluster_ask(cluster, host, request);

	for (int i = 0; i < 3000 && !cluster_answer(cluster, tag); i++)
		cluster_run(cluster, 10);
	assert_non_null(cluster_answer(cluster, tag));
	return cluster_answer(cluster, tag);
}

size_t cluster_add(struct cluster *cluster)
{
	size_t at = cluster->count++;
	struct host *host = &cluster->hosts[at];

	assert_true(at < HOSTS_MAX);
	host->addr = (struct hostport){inet_from_v4(0x0a000001u + (uint32_t)at), GOSSIP_PORT};
	host->boot.b[0] = (uint8_t)(at + 1);
	cluster_start(cluster, at);
	return at;
}

struct cluster *cluster_new(size_t count)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));
	struct node_request init = {.kind = NODE_INIT, .text = "test"};
	struct node_request token = {.kind = NODE_TOKEN_CREATE, .ttl_ms = 86400000};
	struct node_request join = {.kind = NODE_JOIN};

	assert_non_null(cluster);
	cluster->events = calloc(EVENTS_MAX, sizeof(*cluster->events));
	assert_non_null(cluster->events);
	cluster->pages = page_source_mmap();
	heap_init(&cluster->heap, &cluster->pages);
	blob_store_init(&cluster->blobs, &cluster->heap, 5);
	cluster->now = (struct mono){NS_PER_S};
	for (size_t i = 0; i < count; i++)
		cluster_add(cluster);
	assert_int_equal(cluster_call(cluster, 0, &init)->err.code, 0);
	token.addrs = &cluster->hosts[0].addr;
	token.addr_count = 1;
	snprintf(cluster->token, sizeof(cluster->token), "%s",
		 cluster_call(cluster, 0, &token)->text);
	join.text = cluster->token;
	for (size_t i = 1; i < count; i++)
		assert_int_equal(cluster_call(cluster, i, &join)->err.code, 0);
	cluster_run(cluster, 1000);
	return cluster;
}

void cluster_free(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++) {
		struct host *host = &cluster->hosts[i];

		node_free(host->node);
		for (size_t w = 0; w < host->disk_count; w++)
			kept_free(&host->disk[w]);
	}
	for (size_t i = 0; i < cluster->event_count; i++)
		event_free(&cluster->events[i]);
	blob_store_close(&cluster->blobs);
	heap_close(&cluster->heap);
	free(cluster->events);
	free(cluster);
}
