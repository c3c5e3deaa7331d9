/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The checkers themselves: each is fed a history that violates it and must fail by its name. The
 * world behind them is a real one of three hosts that ran for a few seconds; the histories are made
 * up. Checkers that look at the state of nodes are tried by mutants of the code (mutants.txt).
 */
#include <string.h>

#include "gossip/base/pack.h"
#include "sim.h"

#include "test/base/cmocka_all.h"

static struct sim world;
static struct node_update update;
static const uint8_t signature[ROW_SIG_BYTES] = {7};

static int world_open(void **state)
{
	static const char *const pinned[] = {
	    "hosts=3",         "chaos_ms=6000",      "op_gap_ms=20",
	    "loss_ppm=0",      "latency_us_min=100", "latency_us_max=1000",
	    "weight_crash=0",  "weight_partition=0", "weight_leave=0",
	    "weight_remove=0", "commit_fail_ppm=0",
	};
	struct sim_pins pins = {.count = 0};
	struct sim_options opt;

	(void)state;
	for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++)
		assert_true(sim_pins_add(&pins, pinned[i]));
	sim_options_draw(&opt, 1, &pins);
	sim_open(&world, &opt, NULL);
	assert_true(sim_run(&world));
	for (size_t i = 0; i < 3; i++)
		assert_true(world.hosts[i].joined && world.hosts[i].state == HOST_UP);
	/* Nothing has disturbed anybody for long. */
	world.now = mono_add_ms(world.now, 100000);
	update = (struct node_update){0};
	return 0;
}

static int world_close(void **state)
{
	(void)state;
	sim_close(&world);
	return 0;
}

/* The world failed, and by this checker. */
static void assert_caught(enum checker checker)
{
	char words[80];

	snprintf(words, sizeof(words), "checker %s: ", checker_name(checker));
	if (!world.failed || strncmp(world.failure, words, strlen(words)) != 0)
		fail_msg("not caught by %s, but: %s", checker_name(checker),
			 world.failed ? world.failure : "nobody");
}

static struct row_view row_of(size_t host, uint16_t kind, uint64_t sequence, const char *value)
{
	struct row_view row = {.kind = kind, .epoch = 1000, .sequence = sequence};

	row.owner = world.hosts[host].id;
	row.key_len = 1;
	row.value = (const uint8_t *)value;
	row.value_len = strlen(value);
	row.sig = signature;
	return row;
}

/* Another host shows the row. */
static void show(size_t host, const struct row_view *row)
{
	update = (struct node_update){.change_count = 1};
	update.changes[0].kind = CHANGE_ROW;
	update.changes[0].row = *row;
	check_update(&world, &world.hosts[host], &update);
}

static void a_row_that_nobody_wrote_is_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a");

	(void)state;
	show(0, &row);
	assert_caught(CHECKER_WRITTEN);
}

static void a_row_that_is_told_before_it_is_durable_is_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a");

	(void)state;
	check_wrote(&world, &row, false);
	show(0, &row);
	assert_caught(CHECKER_ADVERTISED);
}

static void two_texts_of_a_version_are_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a"), other = row_of(1, 60, 1, "b");

	(void)state;
	check_wrote(&world, &row, true);
	show(0, &row);
	assert_false(world.failed);
	show(0, &other);
	assert_caught(CHECKER_SAME_BYTES);
}

static void a_version_that_goes_back_is_caught(void **state)
{
	struct row_view old = row_of(1, 60, 1, "a"), new = row_of(1, 60, 2, "b");

	(void)state;
	check_wrote(&world, &old, true);
	check_wrote(&world, &new, true);
	show(0, &new);
	show(2, &old);
	assert_false(world.failed);
	show(0, &old);
	assert_caught(CHECKER_VERSION_BACK);
}

static void a_row_that_returns_from_the_dead_is_caught(void **state)
{
	struct row_view live = row_of(1, 60, 1, "a"), dead = row_of(1, 60, 2, "");

	(void)state;
	dead.deleted = true;
	check_wrote(&world, &live, true);
	check_wrote(&world, &dead, true);
	show(0, &dead);
	assert_false(world.failed);
	show(0, &live);
	assert_caught(CHECKER_RESURRECTION);
}

static void a_start_without_what_was_told_is_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a");

	(void)state;
	check_wrote(&world, &row, true);
	show(0, &row);
	check_start(&world, &world.hosts[1], true);
	assert_caught(CHECKER_OWN_LOST);
}

static void an_epoch_that_goes_back_is_caught(void **state)
{
	struct write write = {.kind = WRITE_META, .meta = META_EPOCH};
	uint8_t bytes[16];
	struct pack pack;

	(void)state;
	for (uint64_t epoch = 2000; epoch > 1998; epoch--) {
		assert_false(world.failed);
		pack_init(&pack, bytes, sizeof(bytes));
		pack_uint(&pack, epoch);
		write.bytes = bytes;
		write.len = pack.len;
		check_write(&world, &world.hosts[1], &write);
	}
	assert_caught(CHECKER_INCARNATION);
}

static void member_shown(size_t host, size_t member, enum member_state after)
{
	update = (struct node_update){.change_count = 1};
	update.changes[0].kind = CHANGE_MEMBER;
	update.changes[0].member = world.hosts[member].id;
	update.changes[0].after = after;
	check_update(&world, &world.hosts[host], &update);
}

static void a_node_that_takes_itself_for_dead_is_caught(void **state)
{
	(void)state;
	member_shown(1, 1, MEMBER_FAILED);
	assert_caught(CHECKER_SELF_DEAD);
}

static void a_healthy_member_that_is_failed_is_caught(void **state)
{
	(void)state;
	check_disturbed(&world, &world.hosts[2]);
	member_shown(0, 2, MEMBER_FAILED);
	assert_false(world.failed);
	member_shown(0, 1, MEMBER_FAILED);
	assert_caught(CHECKER_FALSE_FAILED);
}

static void sent(size_t len)
{
	static const uint8_t bytes[2048];

	update = (struct node_update){.send_count = 1};
	update.sends[0] = (struct gossip_send){world.hosts[1].addr, bytes, len};
	check_update(&world, &world.hosts[0], &update);
}

static void a_datagram_that_is_too_long_is_caught(void **state)
{
	(void)state;
	sent(DATAGRAM_BYTES_MAX);
	assert_false(world.failed);
	sent(DATAGRAM_BYTES_MAX + 1);
	assert_caught(CHECKER_MTU);
}

static void a_flood_is_caught(void **state)
{
	(void)state;
	for (int i = 0; i < 10000 && !world.failed; i++)
		sent(1000);
	assert_caught(CHECKER_RATE);
}

static struct write lease_of(uint8_t endpoint)
{
	struct write write = {.kind = WRITE_LEASE};

	memset(&write.lease, 0, sizeof(write.lease));
	write.lease.network.b[0] = 9;
	write.lease.address = inet_from_v4(0x0a090001);
	write.lease.endpoint.b[0] = endpoint;
	return write;
}

static void an_address_that_is_leased_twice_is_caught(void **state)
{
	struct write write = lease_of(1);

	(void)state;
	check_write(&world, &world.hosts[0], &write);
	assert_false(world.failed);
	write = lease_of(2);
	check_write(&world, &world.hosts[1], &write);
	assert_caught(CHECKER_ONE_LEASE);
}

static void an_address_that_is_leased_while_it_cools_is_caught(void **state)
{
	struct write write = lease_of(1), cooling = lease_of(1);

	(void)state;
	world.opt.weight_misuse = 0;
	cooling.lease.cooling = true;
	check_write(&world, &world.hosts[0], &write);
	check_write(&world, &world.hosts[0], &cooling);
	world.now = mono_add_ms(world.now, 100);
	assert_false(world.failed);
	write = lease_of(2);
	check_write(&world, &world.hosts[0], &write);
	assert_caught(CHECKER_COOLING);
}

static void a_lease_of_a_node_without_its_marker_is_caught(void **state)
{
	struct node_event tick = {.kind = NODE_EV_TICK, .now = world.now};
	struct write write = lease_of(1);

	(void)state;
	check_start(&world, &world.hosts[1], false);
	check_event(&world, &world.hosts[1], &tick);
	update = (struct node_update){.batch_count = 1};
	update.batches[0] = (struct node_batch){1, 1, &write};
	check_update(&world, &world.hosts[1], &update);
	assert_caught(CHECKER_FENCED);
}

static void an_answer_that_the_disk_does_not_know_is_caught(void **state)
{
	struct sim_request request = {.kind = NODE_NETWORK_CREATE};
	struct node_answer answer = {.id.b = {1, 2, 3}};

	(void)state;
	check_answer(&world, &world.hosts[0], &request, &answer);
	assert_caught(CHECKER_TOLD);
}

static void a_request_without_an_answer_is_caught(void **state)
{
	struct sim_request request = {.kind = NODE_ATTACH, .bound = {1}};

	(void)state;
	vec_push(&world.requests, &request);
	check_requests(&world);
	assert_caught(CHECKER_ANSWERED);
}

static void what_never_lets_a_second_pass_is_caught(void **state)
{
	struct mono second = {(world.now.ns / NS_PER_S + 1) * NS_PER_S};

	(void)state;
	sim_run_until(&world, second);
	world.counters[COUNT_STEPS] += 20000;
	sim_run_until(&world, mono_add_ms(second, 500));
	assert_false(world.failed);
	world.counters[COUNT_STEPS] += 100000;
	sim_run_until(&world, mono_add_ms(second, 900));
	assert_caught(CHECKER_STORM);
}

/* --- ranges ----------------------------------------------------------------------------------- */

static uint8_t range_bytes[ROW_BYTES_MAX];

/* A commit of one row of range or grant: from, of 10.9.0.0/28, at generation; to: a grant. */
static void commit_range(size_t host, uint8_t from, uint64_t generation, const struct id *to,
			 bool deleted)
{
	struct range_key key = {.generation = generation};
	struct write write = {.kind = WRITE_OWN_ROW};
	struct sim_commit commit = {.count = 1, .writes = &write};
	struct row_view row = row_of(host, to ? ROW_GRANT : ROW_RANGE, generation, "\xc0");
	uint8_t value[64];
	int len;

	key.network.b[0] = 9;
	key.range = (struct prefix){inet_from_v4(0x0a090000u + from), 126};
	range_key_encode(&key, row.key);
	row.key_len = RANGE_KEY_BYTES;
	row.deleted = deleted;
	if (to) {
		struct rec_grant grant = {.to = *to};

		row.value_len = (size_t)rec_grant_encode(&grant, value, sizeof(value));
		row.value = value;
	}
	len = row_encode(&row, range_bytes, sizeof(range_bytes));
	assert_true(len > 0);
	memcpy(range_bytes + len, signature, sizeof(signature));
	write.bytes = range_bytes;
	write.len = (size_t)len + sizeof(signature);
	check_commit(&world, &world.hosts[host], &commit);
}

static void commit_network(void)
{
	struct rec_network rec = {.name = "nine", .vni = 5000, .port = 4789, .pool_count = 1};
	struct row_view row = row_of(0, FACT_NETWORK, 1, "");
	struct write write = {.kind = WRITE_FACT};
	struct sim_commit commit = {.count = 1, .writes = &write};
	uint8_t value[VALUE_BYTES_MAX];
	int len;

	rec.pools[0].subnet = (struct prefix){inet_from_v4(0x0a090000), 124};
	rec.pools[0].ip_range = rec.pools[0].subnet;
	len = rec_network_encode(&rec, value, sizeof(value));
	assert_true(len > 0);
	row.value = value;
	row.value_len = (size_t)len;
	row.epoch = 0;
	row.key_len = ID_BYTES;
	row.key[0] = 9;
	len = row_encode(&row, range_bytes, sizeof(range_bytes));
	assert_true(len > 0);
	memcpy(range_bytes + len, signature, sizeof(signature));
	write.bytes = range_bytes;
	write.len = (size_t)len + sizeof(signature);
	check_commit(&world, &world.hosts[0], &commit);
	commit_range(0, 0, 1, NULL, false);
	assert_false(world.failed);
}

static void space_that_is_taken_without_a_grant_is_caught(void **state)
{
	(void)state;
	commit_network();
	commit_range(1, 0, 2, NULL, false);
	assert_caught(CHECKER_TRANSFER);
}

static void a_grant_of_what_somebody_else_holds_is_caught(void **state)
{
	(void)state;
	commit_network();
	commit_range(1, 0, 2, &world.hosts[2].id, false);
	assert_caught(CHECKER_TRANSFER);
}

static void two_holders_of_one_generation_are_caught(void **state)
{
	(void)state;
	commit_network();
	commit_range(0, 0, 1, &world.hosts[1].id, false);
	assert_caught(CHECKER_GENERATION);
}

static void a_row_that_ends_before_it_is_outranked_is_caught(void **state)
{
	(void)state;
	commit_network();
	commit_range(0, 0, 2, NULL, false);
	commit_range(0, 0, 1, NULL, true);
	assert_false(world.failed);
	commit_range(0, 0, 2, NULL, true);
	assert_caught(CHECKER_OWNERSHIP);
}

static void a_lease_before_its_range_is_durable_is_caught(void **state)
{
	struct write write = lease_of(1);
	struct sim_commit commit = {.count = 1, .writes = &write};

	(void)state;
	commit_network();
	commit_range(0, 0, 2, &world.hosts[1].id, false);
	assert_false(world.failed);
	check_commit(&world, &world.hosts[1], &commit);
	assert_caught(CHECKER_OWN_RANGE);
}

#define TRY(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TRY(a_row_that_nobody_wrote_is_caught),
	    TRY(a_row_that_is_told_before_it_is_durable_is_caught),
	    TRY(two_texts_of_a_version_are_caught),
	    TRY(a_version_that_goes_back_is_caught),
	    TRY(a_row_that_returns_from_the_dead_is_caught),
	    TRY(a_start_without_what_was_told_is_caught),
	    TRY(an_epoch_that_goes_back_is_caught),
	    TRY(a_node_that_takes_itself_for_dead_is_caught),
	    TRY(a_healthy_member_that_is_failed_is_caught),
	    TRY(a_datagram_that_is_too_long_is_caught),
	    TRY(a_flood_is_caught),
	    TRY(an_address_that_is_leased_twice_is_caught),
	    TRY(an_address_that_is_leased_while_it_cools_is_caught),
	    TRY(a_lease_of_a_node_without_its_marker_is_caught),
	    TRY(an_answer_that_the_disk_does_not_know_is_caught),
	    TRY(a_request_without_an_answer_is_caught),
	    TRY(what_never_lets_a_second_pass_is_caught),
	    TRY(space_that_is_taken_without_a_grant_is_caught),
	    TRY(a_grant_of_what_somebody_else_holds_is_caught),
	    TRY(two_holders_of_one_generation_are_caught),
	    TRY(a_row_that_ends_before_it_is_outranked_is_caught),
	    TRY(a_lease_before_its_range_is_durable_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
