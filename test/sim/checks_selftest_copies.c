/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The checkers of leases where a copy of a host runs, and what they excuse. */
#include "checks_parts.h"
#include "network.h"
#include "selftest_kit.h"

/* A copy lets go what its original leases, and somebody else takes it. */
static void original_given_away(bool took_over)
{
	struct write write = lease_of(1);

	check_write(&world, &world.hosts[0], &write);
	world.hosts[2].copy_of = 0;
	world.hosts[2].took_over = took_over;
	write.kind = WRITE_LEASE_DROP;
	check_write(&world, &world.hosts[2], &write);
	world.now = mono_add_ms(world.now, 2 * world.opt.cooldown_ms);
	write = lease_of(2);
	check_write(&world, &world.hosts[1], &write);
}

static void a_copy_beside_its_original_lets_nothing_of_it_go(void **state)
{
	(void)state;
	original_given_away(false);
	assert_caught(CHECKER_ONE_LEASE);
}

static void a_copy_that_took_over_lets_go_what_was_leased(void **state)
{
	(void)state;
	original_given_away(true);
	assert_false(world.failed);
}

static void what_only_a_replaced_original_knows_of_is_free(void **state)
{
	struct write write = lease_of(1);

	(void)state;
	world.hosts[2].copy_of = 0;
	world.hosts[2].took_over = true;
	check_write(&world, &world.hosts[0], &write);
	write = lease_of(2);
	check_write(&world, &world.hosts[1], &write);
	assert_false(world.failed);
}

/* Takes a lease whose endpoint's row the other host has; false when there is none. */
static bool known_lease(size_t host, size_t other, struct write *write)
{
	const struct ipamdb *ipam = node_ipamdb(world.hosts[host].node);
	struct row_view row;

	for (size_t at = 0; ipamdb_lease_next(ipam, &at, &write->lease);)
		if (!write->lease.cooling &&
		    gossip_row(node_gossip(world.hosts[other].node), &world.hosts[host].id,
			       &write->lease.network, ROW_ENDPOINT, write->lease.endpoint.b,
			       ID_BYTES, &row))
			return true;
	return false;
}

static void what_others_know_of_a_replaced_original_is_not_free(void **state)
{
	struct write write = lease_of(2);
	size_t host = 0;

	(void)state;
	while (host < 3 && !known_lease(host, (host + 1) % 3, &write))
		host++;
	assert_in_range(host, 0, 2);
	world.hosts[(host + 2) % 3].copy_of = host;
	world.hosts[(host + 2) % 3].took_over = true;
	write.lease.endpoint = lease_of(2).lease.endpoint;
	check_write(&world, &world.hosts[(host + 1) % 3], &write);
	assert_caught(CHECKER_ONE_LEASE);
}

/* A copy that was made at this moment knows what was released before, and took over. */
static void lease_after_a_copy_made_at(struct mono at)
{
	struct write write = lease_of(1);

	check_write(&world, &world.hosts[0], &write);
	write.lease.cooling = true;
	check_write(&world, &world.hosts[0], &write);
	world.hosts[0].copied_at = at;
	world.hosts[2].copy_of = 0;
	world.hosts[2].took_over = true;
	write = lease_of(2);
	check_write(&world, &world.hosts[1], &write);
}

static void what_a_replaced_original_released_unheard_need_not_rest(void **state)
{
	(void)state;
	lease_after_a_copy_made_at(mono_add_ms(world.now, -1));
	assert_false(world.failed);
}

static void what_an_original_released_before_it_was_copied_rests(void **state)
{
	(void)state;
	lease_after_a_copy_made_at(mono_add_ms(world.now, 1));
	assert_caught(CHECKER_COOLING);
}

/* Is host 2, as a copy of host 0 that was believed, taken for the member? Host 1 hears host 0. */
static bool is_believed_copy_the_member(void)
{
	world.hosts[2].state = HOST_COPY;
	world.hosts[2].copy_of = 0;
	lease_update_look(&world, &world.hosts[2], &update);
	assert_true(world.hosts[2].is_member);
	return world.hosts[2].took_over;
}

static void a_copy_beside_an_original_at_its_address_is_not_the_member(void **state)
{
	(void)state;
	simnet_rebind(&world, 1, true);
	assert_false(is_believed_copy_the_member());
}

static void a_copy_that_can_ask_who_hears_its_original_is_not_the_member(void **state)
{
	(void)state;
	simnet_rebind(&world, 0, true);
	assert_false(is_believed_copy_the_member());
}

static void a_copy_out_of_reach_of_original_and_witness_is_the_member(void **state)
{
	(void)state;
	simnet_rebind(&world, 0, true);
	simnet_rebind(&world, 1, true);
	assert_true(is_believed_copy_the_member());
}

int selftest_copies(void)
{
	const struct CMUnitTest tests[] = {
	    TRY(a_copy_beside_its_original_lets_nothing_of_it_go),
	    TRY(a_copy_that_took_over_lets_go_what_was_leased),
	    TRY(what_only_a_replaced_original_knows_of_is_free),
	    TRY(what_others_know_of_a_replaced_original_is_not_free),
	    TRY(what_a_replaced_original_released_unheard_need_not_rest),
	    TRY(what_an_original_released_before_it_was_copied_rests),
	    TRY(a_copy_beside_an_original_at_its_address_is_not_the_member),
	    TRY(a_copy_that_can_ask_who_hears_its_original_is_not_the_member),
	    TRY(a_copy_out_of_reach_of_original_and_witness_is_the_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
