/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Somebody without any key on the path: records what passes, gives it to its receiver or to others
 * seconds or minutes later, also when they have been restarted; cuts it off, flips bits, sends it
 * back, says it came from elsewhere, makes things up, and all of it in floods.
 *
 * What he does changes nothing at all (check_hostile). The one exception is a datagram that never
 * reached the node that it was for: kept back, it is only late.
 */
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "gossip/core/wire.h"
#include "network.h"
#include "queue.h"

#define RECORDS 1024
#define FLOOD_MAX 300

/* What he may do, as bits of the option attack_kinds. */
enum attack {
	ATTACK_AGAIN = 0, /* to the same address */
	ATTACK_OTHER,     /* to somebody else */
	ATTACK_CUT,
	ATTACK_FLIP,
	ATTACK_REFLECT,
	ATTACK_SPOOF,
	ATTACK_GARBAGE,
	ATTACK_FLOOD,
	ATTACK_KINDS
};

struct record {
	uint32_t number; /* 0: none yet */
	struct hostport from, to;
	size_t len;
	bool delivered;
	size_t host;   /* that got it */
	uint64_t boot; /* of that host */
	size_t sender; /* NET_NOBODY: unknown */
	struct mono at;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
};

struct attacker {
	struct record records[RECORDS];
	uint32_t next;
	enum attack kind; /* what he does now */
};

void attacker_open(struct sim *sim)
{
	if (sim->opt.attack_gap_ms == 0)
		return;
	sim->net->attacker = calloc(1, sizeof(*sim->net->attacker));
	WEFT_ASSERT(sim->net->attacker != NULL);
	sim->net->attacker->next = 1;
}

void attacker_close(struct sim *sim)
{
	free(sim->net->attacker);
	sim->net->attacker = NULL;
}

static void attack_schedule(struct sim *sim)
{
	struct sim_event event = {.kind = SIM_ATTACK};

	event.at = mono_add_ms(
	    sim->now, 1 + (int64_t)simnet_draw(sim, (uint64_t)(2 * sim->opt.attack_gap_ms)));
	queue_add(sim, &event);
}

void attacker_start(struct sim *sim)
{
	if (sim->net->attacker)
		attack_schedule(sim);
}

uint32_t attacker_hears(struct sim *sim, const struct hostport *from, const struct hostport *to,
			const uint8_t *bytes, size_t len)
{
	struct attacker *attacker = sim->net->attacker;
	struct record *record = &attacker->records[attacker->next % RECORDS];
	const struct sim_host *sender;

	/* Older recordings last longer than the newest thousand datagrams. */
	if (!simnet_chance(sim, sim->opt.attack_record_ppm))
		return 0;
	sender = simnet_host(sim, from);
	*record = (struct record){.number = attacker->next++,
				  .from = *from,
				  .to = *to,
				  .len = len,
				  .sender = sender ? sender->index : NET_NOBODY,
				  .at = sim->now};
	memcpy(record->bytes, bytes, len);
	return record->number;
}

void attacker_delivers(struct sim *sim, struct sim_host *host, uint32_t number,
		       struct node_event *event)
{
	struct record *record = &sim->net->attacker->records[number % RECORDS];
	uint64_t drops = check_drops(host), boot = host->boot;

	host_event(sim, host, event);
	/* What was dropped may be taken when it comes again, as if it had been lost. */
	if (record->number != number || host->boot != boot || check_drops(host) != drops)
		return;
	record->delivered = true;
	record->host = host->index;
	record->boot = boot;
}

static const struct record *record_pick(struct sim *sim)
{
	const struct attacker *attacker = sim->net->attacker;
	uint64_t known = attacker->next - 1 < RECORDS ? attacker->next - 1 : RECORDS;

	if (known == 0)
		return NULL;
	return &attacker->records[(attacker->next - 1 - simnet_draw(sim, known)) % RECORDS];
}

static struct hostport addr_pick(struct sim *sim)
{
	return simnet_addr(sim, simnet_draw(sim, sim->net->machine_count));
}

/* Gives bytes to whoever lives at an address and sees to it that nothing comes of them. */
static void attack(struct sim *sim, const struct hostport *from, const struct hostport *to,
		   const uint8_t *bytes, size_t len, enum hostile hostile)
{
	struct sim_host *host = simnet_host(sim, to);

	if (!host || !host->running || host->stopped || len == 0)
		return;
	sim->counters[COUNT_ATTACKS]++;
	sim->counters[COUNT_ATTACK_AGAIN + sim->net->attacker->kind]++;
	check_hostile(sim, host, from, bytes, len, hostile);
}

static void attack_garbage(struct sim *sim, const struct hostport *to)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct hostport from = addr_pick(sim);
	size_t len = 1 + simnet_draw(sim, sizeof(bytes));

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)rng_u64(&sim->net->rng);
	/* Most of what is made up would be gone by its first byte. */
	if (simnet_draw(sim, 4) != 0)
		bytes[0] = (uint8_t)(WIRE_VERSION << 4 | simnet_draw(sim, 8));
	if (simnet_draw(sim, 2) == 0)
		from.port = (uint16_t)(1 + simnet_draw(sim, 65535));
	attack(sim, &from, to, bytes, len, HOSTILE_MADE_UP);
}

static void attack_flood(struct sim *sim)
{
	const struct record *record = record_pick(sim);
	uint64_t count = 10 + simnet_draw(sim, FLOOD_MAX);
	struct hostport to = addr_pick(sim);
	uint64_t before = sim->counters[COUNT_ATTACKS];

	for (uint64_t i = 0; i < count && !sim->failed; i++) {
		if (record->delivered && simnet_draw(sim, 2) == 0)
			attack(sim, &record->from, &record->to, record->bytes, record->len,
			       HOSTILE_AGAIN);
		else
			attack_garbage(sim, &to);
	}
	sim->counters[COUNT_FLOODS] += sim->counters[COUNT_ATTACKS] > before;
}

/* What was never delivered is not a replay: it goes to its receiver as a late datagram. */
static void attack_late(struct sim *sim, const struct record *record)
{
	sim->counters[COUNT_KEPT_BACK]++;
	simnet_inject(sim, &record->from, &record->to, record->bytes, record->len, sim->now);
}

static void attack_again(struct sim *sim, const struct record *record, enum attack kind)
{
	struct hostport from = record->from, to = record->to;
	const struct sim_host *host;
	enum hostile hostile;

	if (kind == ATTACK_OTHER)
		to = addr_pick(sim);
	if (kind == ATTACK_SPOOF)
		from = addr_pick(sim);
	if (kind == ATTACK_REFLECT) {
		to = record->from;
		from = record->to;
	}
	hostile = hostport_eq(&from, &record->from) && hostport_eq(&to, &record->to)
		      ? HOSTILE_AGAIN
		      : HOSTILE_MADE_UP;
	host = simnet_host(sim, &to);
	if (!host)
		return;
	/* An address may have a new inhabitant; a datagram may reach him for whom it was after all,
	 * also where its sender lived. */
	if (record->delivered ? kind != ATTACK_AGAIN || host->index == record->host
			      : kind == ATTACK_REFLECT && host->index == record->sender) {
		sim->counters[COUNT_ATTACK_STALE] += kind == ATTACK_AGAIN && host->running &&
						     !host->stopped && host->boot != record->boot;
		attack(sim, &from, &to, record->bytes, record->len, hostile);
	} else if (!record->delivered && kind == ATTACK_AGAIN) {
		attack_late(sim, record);
	}
}

static void attack_changed(struct sim *sim, const struct record *record, enum attack kind)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX];
	size_t len = record->len, bits = 1 + simnet_draw(sim, 4);

	memcpy(bytes, record->bytes, len);
	if (kind == ATTACK_CUT)
		len = simnet_draw(sim, len);
	for (size_t i = 0; kind == ATTACK_FLIP && i < bits; i++) {
		uint64_t bit = simnet_draw(sim, len * 8);

		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	if (memcmp(bytes, record->bytes, len) != 0 || len != record->len)
		attack(sim, &record->from, &record->to, bytes, len, HOSTILE_CHANGED);
}

void attacker_event(struct sim *sim)
{
	const struct record *record = record_pick(sim);
	enum attack kind = (enum attack)simnet_draw(sim, ATTACK_KINDS);
	struct hostport to = addr_pick(sim);

	if (!sim->chaos && !sim->opt.attack_in_calm)
		return;
	attack_schedule(sim);
	if (!record || !(sim->opt.attack_kinds >> kind & 1) ||
	    (kind == ATTACK_FLOOD && simnet_draw(sim, 10) != 0))
		return;
	sim->net->attacker->kind = kind;
	switch (kind) {
	case ATTACK_AGAIN:
	case ATTACK_OTHER:
	case ATTACK_REFLECT:
	case ATTACK_SPOOF:
		attack_again(sim, record, kind);
		break;
	case ATTACK_CUT:
	case ATTACK_FLIP:
		attack_changed(sim, record, kind);
		break;
	case ATTACK_GARBAGE:
		attack_garbage(sim, &to);
		break;
	case ATTACK_FLOOD:
		attack_flood(sim);
		break;
	case ATTACK_KINDS:
		break;
	}
}
