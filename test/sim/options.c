/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Swarm testing: each seed turns some faults off and others up, so that runs differ in kind and
 * not only in the order of events.
 */
#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "gossip/base/rng.h"

struct option_row {
	const char *name, *help;
	size_t offset, size;
};

#define OPTION_ROW(type, name, help) \
	{#name, help, offsetof(struct sim_options, name), sizeof(type)},

static const struct option_row option_rows[] = {SIM_OPTIONS_ALL(OPTION_ROW)};

#define OPTION_COUNT (sizeof(option_rows) / sizeof(option_rows[0]))

static void option_store(struct sim_options *opt, const struct option_row *row, int64_t value)
{
	/* Little-endian: the low bytes of a number are the shorter number. */
	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "options are stored by bytes");
	WEFT_ASSERT(row->size <= sizeof(value));
	memcpy((char *)opt + row->offset, &value, row->size);
}

static int64_t option_read(const struct sim_options *opt, const struct option_row *row)
{
	int64_t value = 0;

	memcpy(&value, (const char *)opt + row->offset, row->size);
	return value;
}

bool sim_pins_add(struct sim_pins *pins, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : 0;
	char *end;

	if (!equals || !equals[1] || pins->count == SIM_PINS_MAX)
		return false;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strlen(option_rows[i].name) != len ||
		    memcmp(option_rows[i].name, text, len) != 0)
			continue;
		pins->pins[pins->count].option = i;
		pins->pins[pins->count].value = strtoll(equals + 1, &end, 10);
		pins->count++;
		return *end == 0;
	}
	return false;
}

/* A stream of a group's own; the groups' order in a seed's life does not matter. */
static void group_rng(struct rng *rng, uint64_t seed, uint64_t group)
{
	rng_init(rng, seed * 2654435761u + 17 + group * UINT64_C(0x9e3779b97f4a7c15));
}

#define DRAW(bound) rng_below(rng, bound)
#define MAYBE(value) (DRAW(2) ? (value) : 0)

/* What every seed has had from the beginning, out of one stream. */
static void draw_basics(struct sim_options *opt, struct rng *rng)
{
	if (DRAW(25) == 0)
		opt->hosts = 30 + DRAW(71);
	else
		opt->hosts = 2 + DRAW(DRAW(4) == 0 ? 30 : 7);
	opt->chaos_ms = 20000 + (int64_t)DRAW(40000);
	opt->latency_us_min = 100 + (int64_t)DRAW(2000);
	opt->latency_us_max = opt->latency_us_min + (int64_t)DRAW(DRAW(3) == 0 ? 100000 : 3000);
	opt->loss_ppm = MAYBE((uint32_t)DRAW(DRAW(4) == 0 ? 250000 : 50000));
	opt->duplicate_ppm = MAYBE((uint32_t)DRAW(100000));
	opt->reorder_ppm = MAYBE((uint32_t)DRAW(100000));
	opt->commit_us_max = 500 + (int64_t)DRAW(DRAW(5) == 0 ? 200000 : 4000);
	opt->commit_fail_ppm = MAYBE((uint32_t)DRAW(20000));
	opt->op_gap_ms = 20 + (int64_t)DRAW(300);
	opt->weight_attach = 30;
	opt->weight_detach = 10 + (uint32_t)DRAW(30);
	opt->weight_reserve = (uint32_t)MAYBE(DRAW(10));
	opt->weight_crash = (uint32_t)MAYBE(1 + DRAW(4));
	opt->weight_restart = 4;
	opt->weight_partition = (uint32_t)MAYBE(1 + DRAW(2));
	opt->weight_heal = 2;
	opt->weight_leave = (uint32_t)MAYBE(DRAW(2));
	opt->weight_remove = (uint32_t)MAYBE(DRAW(2));
	opt->weight_network = 1;
	opt->pool_bits = (uint8_t)(4 + DRAW(7));
	opt->real_crypto = DRAW(20) == 0 && opt->hosts <= 10;
	if (opt->seed % SIM_LARGE_EVERY == 0) {
		opt->hosts = SIM_HOSTS_LARGE + DRAW(50);
		if (opt->seed % SIM_LARGER_EVERY == 0)
			opt->hosts = SIM_HOSTS_LARGER;
		opt->real_crypto = false;
	}
}

/* The groups: what came later draws here, each from its own stream. */

#define ONE_IN(n) (DRAW(n) == 0)

static void draw_links(struct sim_options *opt, struct rng *rng)
{
	opt->deaf_ppm = ONE_IN(4) ? (uint32_t)DRAW(150000) : 0;
	opt->capacity = ONE_IN(5) ? 4 + (uint32_t)DRAW(60) : 0;
	if (ONE_IN(3)) {
		opt->skew_ppm = (uint32_t)DRAW(500000);
		opt->skew_loss_ppm = (uint32_t)DRAW(400000);
		opt->skew_delay_us = (int64_t)DRAW(300000);
	}
	if (ONE_IN(4)) {
		opt->hole_ppm = (uint32_t)DRAW(300000);
		opt->hole_bytes = 500 + (uint32_t)DRAW(700);
	}
}

static void draw_weather(struct sim_options *opt, struct rng *rng)
{
	uint32_t *const weights[] = {
	    &opt->weather_cut,   &opt->weather_links, &opt->weather_clog,
	    &opt->weather_stop,  &opt->weather_slow,  &opt->weather_clock,
	    &opt->weather_seeds, &opt->weather_nat,   &opt->weather_place,
	};

	opt->weather_gap_ms = DRAW(3) ? 200 + (int64_t)DRAW(4000) : 0;
	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
		*weights[i] = MAYBE(1 + (uint32_t)DRAW(4));
}

static void draw_network(struct sim_options *opt, struct rng *rng)
{
	opt->drift_ppm = MAYBE(DRAW(ONE_IN(4) ? 100000 : 20000));
	draw_links(opt, rng);
	draw_weather(opt, rng);
	if (!ONE_IN(3))
		return;
	opt->attack_gap_ms = 50 + (int64_t)DRAW(1000);
	opt->attack_record_ppm = 20000 + (uint32_t)DRAW(200000);
	opt->attack_kinds = (uint32_t)DRAW(256);
	opt->attack_in_calm = ONE_IN(2);
}

static void draw_disk(struct sim_options *opt, struct rng *rng)
{
	if (opt->plain && !opt->wild)
		return;
	opt->weight_stop = (uint32_t)MAYBE(1 + DRAW(4));
	opt->weight_mass = DRAW(4) == 0;
	opt->weight_full = DRAW(3) == 0;
	opt->weight_stall = (uint32_t)(DRAW(3) == 0 ? 1 + DRAW(3) : 0);
	opt->weight_gone = (uint32_t)MAYBE(DRAW(4));
	opt->plug_fail_ppm = (uint32_t)MAYBE(DRAW(100000));
	opt->apply_late_ppm = (uint32_t)MAYBE(DRAW(100000));
	opt->spares = 2 + DRAW(6);
	opt->weight_lost = DRAW(4) == 0;
	opt->weight_back = DRAW(4) == 0;
	opt->weight_copied = DRAW(4) == 0;
	opt->weight_anew = DRAW(3) == 0;
	if (opt->tame)
		opt->weight_back = opt->weight_copied = 0;
	if (!opt->weight_lost && !opt->weight_back && !opt->weight_copied && !opt->weight_anew)
		opt->spares = 0;
	/* What one member says of a disk that went back is as much as that one has heard. */
	opt->guard_all = opt->weight_back || opt->weight_copied;
	opt->plug_hang_ppm = DRAW(4) == 0 ? (uint32_t)DRAW(15000) : 0;
}

static void draw_workload(struct sim_options *opt, struct rng *rng)
{
	if (opt->plain && !opt->wild)
		return;
	opt->weight_misuse = (uint32_t)MAYBE(1 + DRAW(20));
	if (!opt->wild || opt->tame)
		return;
	opt->weight_mad = DRAW(8) == 0;
	if (DRAW(12) == 0)
		opt->op_gap_ms = 2 + (int64_t)DRAW(6);
}

/* What a large world takes to be done in seconds: each row that changes is ten thousand datagrams
 * there, and that all join costs more than all that befalls them afterwards. */
static void draw_large(struct sim_options *opt, struct rng *rng)
{
	if (opt->hosts < SIM_HOSTS_LARGE)
		return;
	opt->settled = !ONE_IN(8);
	opt->chaos_ms = 6000 + (int64_t)DRAW(6000);
	opt->join_gap_us = 1000 + (int64_t)DRAW(5000);
	opt->op_gap_ms = 150 + (int64_t)DRAW(300);
	opt->attack_record_ppm /= 50;
	if (!opt->wild)
		opt->weight_mass = 0; /* most of them begin with one */
}

/* As it is by default, or so short that what rests is used again in the same chaos. */
static void draw_rest(struct sim_options *opt, struct rng *rng)
{
	opt->cooldown_ms = DRAW(2) ? 60000 : 2000 + (int64_t)DRAW(8000);
}

/* For runs that count address operations: as many as a host can do one after the other, some at
 * once, in pools that run full now and then; the usual faults of hosts and links, but fewer. */
static void draw_busy(struct sim_options *opt, struct rng *rng)
{
	if (!opt->busy)
		return;
	opt->hosts = 2 + DRAW(5);
	opt->chaos_ms = 240000;
	opt->op_gap_ms = 1;
	opt->weight_attach = opt->weight_detach = 400;
	opt->weight_reserve = 4;
	opt->weight_misuse = 40; /* among which are releases */
	opt->weight_network = 2;
	opt->weight_crash = opt->weight_crash ? 1 : 0;
	opt->weight_remove = opt->weight_leave = 0;
	opt->pool_bits = (uint8_t)(6 + DRAW(7));
	opt->loss_ppm /= 10;
	opt->weather_gap_ms *= 10;
	opt->attack_gap_ms *= 10;
	opt->attack_record_ppm /= 10;
	opt->cooldown_ms = 200 + (int64_t)DRAW(2000);
	opt->commit_us_max = 500 + (int64_t)DRAW(2000);
	opt->commit_fail_ppm /= 10;
	opt->plug_hang_ppm /= 100;
}

/* Drawn last: what else befalls a seed is the same with members that go mad and without. In wild
 * worlds that is drawn above, in busy ones all would. What each of them says costs some seconds in
 * all, and in a large world more than all else does: all others hear all of it, some hundred
 * datagrams a second each. Hence few. The stand-in cryptography shows what they seal. */
static void draw_mad(struct sim_options *opt, struct rng *rng)
{
	if (opt->plain || opt->wild || opt->tame || opt->busy || opt->real_crypto ||
	    opt->hosts >= SIM_HOSTS_LARGE)
		return;
	opt->weight_mad = ONE_IN(40);
	opt->mad_most = 1 + (uint32_t)DRAW(3);
}

/* What people do about the restart guard. A disk that went back must be found out, so that nobody
 * may go without the guard where that can happen. */
static void draw_guard(struct sim_options *opt, struct rng *rng)
{
	if (opt->plain && !opt->wild)
		return;
	opt->weight_confirm = (uint32_t)MAYBE(1 + DRAW(8));
	opt->guard_off = ONE_IN(6) && !opt->weight_back && !opt->weight_copied;
}

static void draw_admins(struct sim_options *opt, struct rng *rng)
{
	if ((opt->plain && !opt->wild) || opt->busy)
		return;
	opt->weight_admin = ONE_IN(4) ? 1 + (uint32_t)DRAW(4) : 0;
}

#undef ONE_IN
#undef MAYBE
#undef DRAW

static void pins_apply(struct sim_options *opt, const struct sim_pins *pins)
{
	for (size_t i = 0; pins && i < pins->count; i++)
		option_store(opt, &option_rows[pins->pins[i].option], pins->pins[i].value);
}

void sim_options_draw(struct sim_options *opt, uint64_t seed, const struct sim_pins *pins)
{
	static void (*const groups[])(struct sim_options * opt, struct rng * rng) = {
	    draw_basics, draw_network, draw_disk, draw_workload, draw_large,
	    draw_rest,   draw_busy,    draw_mad,  draw_guard,    draw_admins,
	};
	struct rng rng;

	*opt = (struct sim_options){.seed = seed};
	pins_apply(opt, pins); /* plain and tame say what is drawn at all */
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		/* A pinned number of hosts counts for what is drawn after it. */
		pins_apply(opt, pins);
		group_rng(&rng, seed, i);
		groups[i](opt, &rng);
	}
	pins_apply(opt, pins);
}

void sim_options_line(const struct sim_options *opt)
{
	_Static_assert(OPTION_COUNT <= SIM_PINS_MAX, "all options can be pinned");
	printf("%" PRIu64, opt->seed);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		printf(" %s=%" PRId64, option_rows[i].name, option_read(opt, &option_rows[i]));
	printf("\n");
}

void sim_options_print(const struct sim_options *opt)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		printf("  %-20s %-10" PRId64 " %s\n", option_rows[i].name,
		       option_read(opt, &option_rows[i]), option_rows[i].help);
}
