/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Datagrams and what nodes keep.
 *
 * Size: none is longer than a datagram may be. Budget: a leaky bucket for each host, which drains
 * at an even rate and by a share for each row that changed there; who goes on telling what
 * everybody knows overflows it. Queues and memory: once a second, against the caps of the code and
 * against what a node must know.
 *
 * Replays: the world remembers what was sent to whom, and which of it was taken without complaint.
 * If a datagram comes again, in the same life of its recipient after it was taken or in a later
 * life however it went, then this step changes no table, no member and no lease, and writes, tells
 * and answers nothing. Only steps in which nothing else was due are judged; what strangers
 * send is judged in checks_hostile.c.
 */
#include <stdlib.h>
#include <string.h>

#include "checks_parts.h"
#include "gossip/core/wire.h"
#include "network.h"
#include "sim_crypto.h"

#define REMEMBERED 65536 /* datagrams, by hash; the newest of a place stays */
#define HASH_SEED 31
#define SAMPLE 8        /* one of so many datagrams is remembered in a small world, ... */
#define SAMPLE_HOSTS 64 /* ... and fewer by as much as a look at all members costs more */

#define DRAIN_BYTES_S 8192u
#define DRAIN_PER_MEMBER_S 512u
#define DRAIN_PER_ROW 8192u /* a row of common size, told as often as it may be */
#define BUCKET_BYTES ((int64_t)768 * 1024)
/* Who joins or comes back is told everything, in a rush by one and the same: at least so much, and
 * so much a row, for after a mass restart on full disks one of many may be who has the rows. */
#define BUCKET_PER_HOST ((int64_t)48 * 1024)
#define BUCKET_PER_ROW ((int64_t)256)
#define BUCKET_PER_PAIR ((int64_t)512)

#define OUTBOX_FRAMES 4096u
#define MEMORY_BASE ((uint64_t)3 << 20)
#define MEMORY_PER_ROW 4096u
#define MEMORY_PER_MEMBER ((uint64_t)64 * 1024)

struct remembered {
	uint64_t hash;
	uint32_t host;
	bool taken;
	uint64_t boot;
};

struct host_wire {
	int64_t bucket;
	bool watching; /* the step under way is the first of a remembered datagram */
	bool replaying;
	uint64_t hash, drops, print;
};

struct wire_checks {
	struct remembered *sent;
	struct host_wire *hosts;
	uint64_t rows; /* the most that a host ever had */
};

void wire_checks_open(struct sim *sim)
{
	struct wire_checks *wire = calloc(1, sizeof(*wire));

	WEFT_ASSERT(wire != NULL);
	wire->sent = calloc(REMEMBERED, sizeof(*wire->sent));
	wire->hosts = calloc(sim->opt.hosts + sim->opt.spares, sizeof(*wire->hosts));
	WEFT_ASSERT(wire->sent && wire->hosts);
	sim->checks->wire = wire;
}

void wire_checks_close(struct sim *sim)
{
	free(sim->checks->wire->sent);
	free(sim->checks->wire->hosts);
	free(sim->checks->wire);
	sim->checks->wire = NULL;
}

/* --- replays ---------------------------------------------------------------------------------- */

/* 0 for a datagram that is not remembered: its tag says, which is as good as a draw. */
static uint64_t datagram_hash(const struct sim *sim, const uint8_t *bytes, size_t len)
{
	uint64_t tag, hash;

	if (len < sizeof(tag))
		return 0;
	memcpy(&tag, bytes + len - sizeof(tag), sizeof(tag));
	if (tag % (SAMPLE * (1 + sim->host_count / SAMPLE_HOSTS)) != 0)
		return 0;
	hash = sim_hash64(bytes, len, HASH_SEED);
	return hash ? hash : 1;
}

static struct remembered *remembered_at(const struct sim *sim, uint64_t hash)
{
	return &sim->checks->wire->sent[hash % REMEMBERED];
}

static bool is_sealed(const uint8_t *bytes)
{
	return (bytes[0] & 0x0f) == DGRAM_SEALED || (bytes[0] & 0x0f) == DGRAM_CERT_SEALED;
}

uint64_t check_drops(const struct sim_host *host)
{
	struct gossip_counter counter;
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < DROP_END_; i++)
		if (gossip_counter(node_gossip(host->node), i, &counter))
			sum += counter.value;
	return sum;
}

/* All that a datagram may not change when it comes again. */
static uint64_t print_of(const struct sim_host *host)
{
	const struct gossip *gossip = node_gossip(host->node);
	uint64_t print = gossip_tables_hash(gossip) + (uint64_t)gossip_phase(gossip);
	struct member_info info;
	struct lease lease;

	for (size_t at = 0; gossip_member_next(gossip, &at, &info);) {
		/* Not its epoch: a certificate is as good whoever shows it. */
		uint64_t words[] = {(uint64_t)info.state, info.incarnation, (uint64_t)info.heard.ns,
				    info.addr.port};

		print = sim_hash64(words, sizeof(words), print);
		print = sim_hash64(info.addr.ip.b, sizeof(info.addr.ip.b), print);
	}
	for (size_t at = 0; ipamdb_lease_next(node_ipamdb(host->node), &at, &lease);)
		print += sim_hash64(lease.address.b, sizeof(lease.address.b), lease.sequence);
	return print;
}

static void send_note(struct sim *sim, const struct gossip_send *send)
{
	uint64_t hash = datagram_hash(sim, send->bytes, send->len);
	struct remembered *entry = remembered_at(sim, hash);
	const struct sim_host *host;

	if (hash == 0 || !is_sealed(send->bytes))
		return;
	host = simnet_host(sim, &send->to);
	if (host)
		*entry = (struct remembered){
		    .hash = hash, .host = (uint32_t)host->index, .boot = host->boot};
}

void wire_event(struct sim *sim, struct sim_host *host, const struct node_event *event)
{
	struct host_wire *wire = &sim->checks->wire->hosts[host->index];
	const struct remembered *entry;
	uint64_t hash;

	wire->watching = wire->replaying = false;
	if (event->kind != NODE_EV_DATAGRAM || event->len == 0 ||
	    (hash = datagram_hash(sim, event->bytes, event->len)) == 0)
		return;
	entry = remembered_at(sim, hash);
	if (entry->hash != hash || entry->host != host->index)
		return;
	wire->hash = hash;
	wire->watching = entry->boot == host->boot && !entry->taken;
	wire->replaying =
	    !wire->watching && clock_due(&host->clock, node_deadline(host->node)).ns > sim->now.ns;
	if (wire->watching)
		wire->drops = check_drops(host);
	if (wire->replaying)
		wire->print = print_of(host);
}

static void replay_look(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	struct host_wire *wire = &sim->checks->wire->hosts[host->index];
	struct remembered *entry = remembered_at(sim, wire->hash);

	if (wire->watching && entry->hash == wire->hash)
		entry->taken = check_drops(host) == wire->drops;
	if (wire->replaying) {
		check_look(sim, CHECKER_REPLAY);
		if (print_of(host) != wire->print || update->batch_count > 0 ||
		    update->change_count > 0 || update->answer_count > 0)
			check_fail(sim, CHECKER_REPLAY,
				   "host %zu takes a datagram that came before: %zu changes, %zu "
				   "batches",
				   host->index, update->change_count, update->batch_count);
	}
	wire->watching = wire->replaying = false;
}

/* --- size and budget -------------------------------------------------------------------------- */

static int64_t bucket_cap(const struct sim *sim)
{
	int64_t hosts = (int64_t)sim->opt.hosts;
	int64_t all = BUCKET_PER_ROW * (int64_t)sim->checks->wire->rows;

	if (all < BUCKET_PER_HOST)
		all = BUCKET_PER_HOST;
	return BUCKET_BYTES + (all + BUCKET_PER_PAIR * hosts) * hosts;
}

void wire_update(struct sim *sim, struct sim_host *host, const struct node_update *update)
{
	struct host_wire *wire = &sim->checks->wire->hosts[host->index];

	replay_look(sim, host, update);
	for (size_t i = 0; i < update->send_count; i++) {
		const struct gossip_send *send = &update->sends[i];

		check_look(sim, CHECKER_MTU);
		if (send->len == 0 || send->len > DATAGRAM_BYTES_MAX) {
			check_fail(sim, CHECKER_MTU, "host %zu sends %zu bytes in one datagram",
				   host->index, send->len);
			return;
		}
		wire->bucket += (int64_t)send->len;
		send_note(sim, send);
	}
	for (size_t i = 0; i < update->change_count; i++)
		if (update->changes[i].kind == CHANGE_ROW)
			wire->bucket -= DRAIN_PER_ROW;
	check_look(sim, CHECKER_RATE);
	if (wire->bucket > bucket_cap(sim))
		check_fail(sim, CHECKER_RATE, "host %zu sent %lld bytes more than it had to tell",
			   host->index, (long long)wire->bucket);
}

/* --- once a second: queues and memory --------------------------------------------------------- */

void gauges_judge(struct sim *sim, const struct sim_host *host, const struct gauges *gauges,
		  uint64_t members)
{
	uint64_t rows = gauges->rows;

	check_look(sim, CHECKER_QUEUES);
	if (gauges->frames > OUTBOX_FRAMES || gauges->queued > rows)
		check_fail(sim, CHECKER_QUEUES,
			   "host %zu has %llu frames waiting, and %llu of %llu rows", host->index,
			   (unsigned long long)gauges->frames, (unsigned long long)gauges->queued,
			   (unsigned long long)rows);
	check_look(sim, CHECKER_MEMORY);
	if (gauges->used > MEMORY_BASE + rows * MEMORY_PER_ROW + members * MEMORY_PER_MEMBER)
		check_fail(sim, CHECKER_MEMORY,
			   "host %zu uses %llu bytes for %llu rows and %llu members", host->index,
			   (unsigned long long)gauges->used, (unsigned long long)rows,
			   (unsigned long long)members);
}

static struct gauges gauges_of(const struct sim_host *host)
{
	struct gauges gauges = {.rows = 0};
	struct gossip_counter counter;

	for (size_t i = 0; gossip_counter(node_gossip(host->node), i, &counter); i++) {
		if (!counter.is_gauge)
			continue;
		if (strcmp(counter.name, "rows") == 0 || strcmp(counter.name, "facts") == 0)
			gauges.rows += counter.value;
		else if (strcmp(counter.name, "heap_used_bytes") == 0)
			gauges.used = counter.value;
		else if (strcmp(counter.name, "outbox_frames") == 0)
			gauges.frames = counter.value;
		else if (strcmp(counter.name, "rows_queued") == 0)
			gauges.queued = counter.value;
	}
	return gauges;
}

void wire_second(struct sim *sim)
{
	int64_t members = 0;

	for (size_t i = 0; i < sim->host_count; i++)
		members += sim->hosts[i].joined;
	for (size_t i = 0; i < sim->host_count && !sim->failed; i++) {
		struct sim_host *host = &sim->hosts[i];
		struct host_wire *wire = &sim->checks->wire->hosts[i];
		struct gauges gauges;

		wire->bucket -= DRAIN_BYTES_S + DRAIN_PER_MEMBER_S * members;
		if (wire->bucket < 0)
			wire->bucket = 0;
		if (!check_takes_part(host) || !check_is_observer(sim, host))
			continue;
		gauges = gauges_of(host);
		if (gauges.rows > sim->checks->wire->rows)
			sim->checks->wire->rows = gauges.rows;
		gauges_judge(sim, host, &gauges, (uint64_t)members);
	}
}
