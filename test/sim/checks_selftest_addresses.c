/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The checkers of leases and ranges, and what they excuse. */
#include <string.h>

#include "checks_ranges.h"
#include "selftest_kit.h"

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

/* Host 0 leases an address and releases it again. */
static void lease_and_release(void)
{
	struct write write = lease_of(1), cooling = lease_of(1);

	cooling.lease.cooling = true;
	check_write(&world, &world.hosts[0], &write);
	check_write(&world, &world.hosts[0], &cooling);
	world.now = mono_add_ms(world.now, 100);
	assert_false(world.failed);
}

static void lease_again(size_t host)
{
	struct write write = lease_of(2);

	check_write(&world, &world.hosts[host], &write);
}

static void an_address_that_is_leased_while_it_cools_is_caught(void **state)
{
	(void)state;
	lease_and_release();
	lease_again(0);
	assert_caught(CHECKER_COOLING);
}

/* Somebody is asked for the address by its name. */
static void name_it(size_t host)
{
	struct write write = lease_of(1);
	struct sim_request request = {.kind = NODE_RESERVE,
				      .host = host,
				      .subject = write.lease.network,
				      .is_named = true,
				      .address = write.lease.address};

	vec_push(&world.requests, &request);
}

static void who_names_what_it_released_itself_need_not_wait(void **state)
{
	(void)state;
	lease_and_release();
	name_it(0);
	lease_again(0);
	assert_false(world.failed);
}

static void who_names_what_another_released_is_caught(void **state)
{
	(void)state;
	lease_and_release();
	name_it(1);
	lease_again(1);
	assert_caught(CHECKER_COOLING);
}

static void a_rest_may_end_early_by_a_clock_that_was_set_before_a_start(void **state)
{
	(void)state;
	lease_and_release();
	clock_step(&world, &world.hosts[0].clock);
	check_start(&world, &world.hosts[0], true);
	lease_again(0);
	assert_false(world.failed);
}

static void a_clock_of_somebody_else_shortens_no_rest(void **state)
{
	(void)state;
	lease_and_release();
	clock_step(&world, &world.hosts[1].clock);
	check_start(&world, &world.hosts[0], true);
	check_start(&world, &world.hosts[1], true);
	lease_again(0);
	assert_caught(CHECKER_COOLING);
}

static void a_disk_that_went_back_unnoticed_has_forgotten_a_release(void **state)
{
	(void)state;
	lease_and_release();
	check_disk_replaced(&world, &world.hosts[0]);
	lease_again(0);
	assert_false(world.failed);
}

static void a_lease_of_what_a_fenced_node_had_forgotten_is_caught(void **state)
{
	(void)state;
	lease_and_release();
	check_disk_replaced(&world, &world.hosts[0]);
	world.hosts[0].was_fenced = true;
	lease_again(0);
	assert_caught(CHECKER_COOLING);
}

static void a_lease_of_a_node_without_its_marker_is_caught(void **state)
{
	struct node_event tick = {.kind = NODE_EV_TICK, .now = world.now};
	struct write write = lease_of(1);

	(void)state;
	world.hosts[1].boot++;
	check_start(&world, &world.hosts[1], false);
	check_event(&world, &world.hosts[1], &tick);
	update = (struct node_update){.batch_count = 1};
	update.batches[0] = (struct node_batch){1, 1, &write};
	check_update(&world, &world.hosts[1], &update);
	assert_caught(CHECKER_FENCED);
}

static void a_lease_of_a_node_that_has_left_is_caught(void **state)
{
	struct node_event tick = {.kind = NODE_EV_TICK, .now = world.now};
	struct node_request leave = {.kind = NODE_LEAVE, .flag = true, .ttl_ms = 10000};
	struct sim_host *host = &world.hosts[1];
	struct write write = lease_of(1);

	(void)state;
	sim_run_until(&world, world.now);
	host_request(&world, host, &leave, 60000);
	sim_run_until(&world, mono_add_ms(world.now, 20000));
	assert_false(world.failed);
	assert_int_equal(gossip_phase(node_gossip(host->node)), NODE_LEFT);
	check_event(&world, host, &tick);
	update = (struct node_update){.batch_count = 1};
	update.batches[0] = (struct node_batch){1, 1, &write};
	check_update(&world, host, &update);
	assert_caught(CHECKER_FENCED);
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

/* A row of the host's own with a key that can be read and a value that cannot. */
static void commit_garbage(size_t host)
{
	struct range_key key = {.generation = 2};
	struct row_view row = row_of(host, ROW_GRANT, 2, "garbage");
	struct write write = {.kind = WRITE_OWN_ROW, .bytes = range_bytes};
	struct sim_commit commit = {.count = 1, .writes = &write};
	int len;

	key.network.b[0] = 9;
	key.range = (struct prefix){inet_from_v4(0x0a090000u), 126};
	range_key_encode(&key, row.key);
	row.key_len = RANGE_KEY_BYTES;
	len = row_encode(&row, range_bytes, sizeof(range_bytes));
	assert_true(len > 0);
	memcpy(range_bytes + len, signature, sizeof(signature));
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

static void a_grant_that_nobody_can_read_is_caught(void **state)
{
	(void)state;
	commit_network();
	commit_garbage(0);
	assert_caught(CHECKER_TRANSFER);
}

static void a_madmans_garbage_grants_nothing(void **state)
{
	(void)state;
	commit_network();
	world.hosts[1].mad = (struct mad *)&world; /* that there is one is all that is looked at */
	commit_garbage(1);
	assert_false(world.failed);
	commit_range(0, 0, 2, NULL, false);
	assert_false(world.failed);
	world.hosts[1].mad = NULL;
}

/* Of a range that gave way its holder's donor says what it said, and nothing else. */
static void only_what_a_range_said_may_be_said_again(void **state)
{
	(void)state;
	commit_network();
	commit_range(0, 0, 2, &world.hosts[1].id, false);
	commit_range(1, 0, 2, NULL, false);
	commit_range(0, 0, 2, &world.hosts[1].id, false);
	assert_false(world.failed);
	commit_range(0, 0, 2, &world.hosts[2].id, false);
	assert_caught(CHECKER_TRANSFER);
}

/* One holder too many, and a madman has claimed so much of what it is about. */
static void two_holders_beside_a_lie(uint8_t bits)
{
	struct id network = {{9}};
	struct prefix claimed = {inet_from_v4(0x0a090000), bits};

	commit_network();
	check_lied(&world, &network, &claimed);
	commit_range(0, 0, 1, &world.hosts[1].id, false);
}

static void what_a_madman_has_claimed_is_not_judged(void **state)
{
	(void)state;
	two_holders_beside_a_lie(126);
	assert_false(world.failed);
}

static void what_is_beside_a_madmans_claim_is_judged(void **state)
{
	(void)state;
	two_holders_beside_a_lie(127);
	assert_caught(CHECKER_GENERATION);
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

static void what_only_a_disk_knew_that_went_back_is_forgotten(void **state)
{
	struct id network = {{9}};
	struct inet first = inet_from_v4(0x0a090000);
	struct pool_seen *pool;

	(void)state;
	commit_network();
	commit_range(0, 0, 2, &world.hosts[1].id, false);
	pool = pool_find(&world, &network, &first);
	assert_non_null(pool);
	assert_false(top_forget(&world, pool, 0));
	world.hosts[0].was_astray = true;
	assert_true(top_forget(&world, pool, 0));
	assert_int_equal(ranges_standing(&world, &world.hosts[0].id, &network, &first), RANGE_OWN);
	/* What came before holds still. */
	assert_int_equal(pool->claims.count, 1);
}

/* The same where it is who went back that acts: others go by what it writes then. */
static void what_only_lost_disks_knew_is_forgotten_for_one_who_went_back(void **state)
{
	struct id network = {{9}};
	struct inet first = inet_from_v4(0x0a090000);

	(void)state;
	commit_network();
	commit_range(0, 0, 2, &world.hosts[1].id, false);
	commit_range(1, 0, 2, NULL, false);
	world.hosts[0].was_astray = true;
	world.hosts[1].lost = true;
	commit_range(0, 0, 2, &world.hosts[2].id, false);
	assert_false(world.failed);
	assert_int_equal(ranges_standing(&world, &world.hosts[2].id, &network, &first),
			 RANGE_GRANTED);
}

/* Host 0 grants what host 1 takes and leases, and leases it itself. */
static void lease_what_was_granted(bool giver_back, bool taker_lost)
{
	struct write write = lease_of(1);

	commit_network();
	commit_range(0, 0, 2, &world.hosts[1].id, false);
	commit_range(1, 0, 2, NULL, false);
	check_write(&world, &world.hosts[1], &write);
	assert_false(world.failed);
	world.hosts[0].was_astray = giver_back;
	world.hosts[1].lost = taker_lost;
	lease_again(0);
}

static void a_lease_goes_with_the_claim_that_only_a_lost_disk_knew(void **state)
{
	(void)state;
	lease_what_was_granted(true, true);
	assert_false(world.failed);
}

static void a_lease_on_a_lost_disk_of_what_its_giver_knows_stands(void **state)
{
	(void)state;
	lease_what_was_granted(false, true);
	assert_caught(CHECKER_ONE_LEASE);
}

static void a_lease_on_a_disk_that_is_there_stands(void **state)
{
	(void)state;
	lease_what_was_granted(true, false);
	assert_caught(CHECKER_ONE_LEASE);
}

static void what_somebody_knows_is_not_forgotten(void **state)
{
	struct ipam_ring_info part = {.count = 0};
	struct ipamdb *db = node_ipamdb(world.hosts[2].node);
	size_t at = 0;

	(void)state;
	assert_true(world.network_count > 0);
	assert_true(ipamdb_ring_next(db, &world.networks[0], &at, &part));
	for (size_t i = 0; i < 3; i++)
		world.hosts[i].was_astray = true;
	assert_false(top_forget(&world, pool_find(&world, &world.networks[0], &part.first), 0));
}

static void whom_a_removed_one_admitted_is_nobody_while_nobody_who_counts_knows_it(void **state)
{
	(void)state;
	world.hosts[1].state = HOST_REMOVED;
	world.hosts[2].admitter = world.hosts[1].id;
	assert_false(voids_look(&world)); /* host 0 knows it */
	world.hosts[2].id = (struct id){{0xee}};
	assert_true(voids_look(&world));
	assert_true(check_is_off(&world.hosts[2]) && check_is_gone(&world.hosts[2]));
	assert_false(check_is_off(&world.hosts[0]));
	assert_false(voids_look(&world)); /* it is no news */
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

int selftest_addresses(void)
{
	const struct CMUnitTest tests[] = {
	    TRY(an_address_that_is_leased_twice_is_caught),
	    TRY(an_address_that_is_leased_while_it_cools_is_caught),
	    TRY(who_names_what_it_released_itself_need_not_wait),
	    TRY(who_names_what_another_released_is_caught),
	    TRY(a_rest_may_end_early_by_a_clock_that_was_set_before_a_start),
	    TRY(a_clock_of_somebody_else_shortens_no_rest),
	    TRY(a_disk_that_went_back_unnoticed_has_forgotten_a_release),
	    TRY(a_lease_of_what_a_fenced_node_had_forgotten_is_caught),
	    TRY(a_lease_of_a_node_without_its_marker_is_caught),
	    TRY(a_lease_of_a_node_that_has_left_is_caught),
	    TRY(space_that_is_taken_without_a_grant_is_caught),
	    TRY(a_grant_of_what_somebody_else_holds_is_caught),
	    TRY(a_grant_that_nobody_can_read_is_caught),
	    TRY(a_madmans_garbage_grants_nothing),
	    TRY(only_what_a_range_said_may_be_said_again),
	    TRY(what_a_madman_has_claimed_is_not_judged),
	    TRY(what_is_beside_a_madmans_claim_is_judged),
	    TRY(two_holders_of_one_generation_are_caught),
	    TRY(a_row_that_ends_before_it_is_outranked_is_caught),
	    TRY(what_only_a_disk_knew_that_went_back_is_forgotten),
	    TRY(what_only_lost_disks_knew_is_forgotten_for_one_who_went_back),
	    TRY(a_lease_goes_with_the_claim_that_only_a_lost_disk_knew),
	    TRY(a_lease_on_a_lost_disk_of_what_its_giver_knows_stands),
	    TRY(a_lease_on_a_disk_that_is_there_stands),
	    TRY(what_somebody_knows_is_not_forgotten),
	    TRY(whom_a_removed_one_admitted_is_nobody_while_nobody_who_counts_knows_it),
	    TRY(a_lease_before_its_range_is_durable_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
