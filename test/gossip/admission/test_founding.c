/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "test/base/cmocka_all.h"

static int setup(void **state)
{
	*state = cluster_new();
	return 0;
}

static int teardown(void **state)
{
	cluster_free(*state);
	return 0;
}

static int init_with(struct cluster *c, const char *name)
{
	cluster_start(c, 0);
	return cluster_do(c, 0, (struct gossip_command){.kind = CMD_INIT, .text = name});
}

static void init_makes_a_cluster_and_this_node_its_admin(void **state)
{
	struct cluster *c = *state;
	char name[NAME_BYTES];
	struct id id;

	assert_int_equal(init_with(c, "lab"), 0);
	assert_int_equal(gossip_phase(c->nodes[0].g), NODE_ACTIVE);
	assert_true(gossip_is_admin(c->nodes[0].g));
	assert_int_equal(gossip_cluster(c->nodes[0].g, &id, name), 0);
	assert_string_equal(name, "lab");
	assert_non_null(gossip_cluster_seed(c->nodes[0].g));
	assert_int_equal(cluster_alive(c, 0), 1);
}

static void after_a_restart_node_cluster_and_key_are_the_same(void **state)
{
	struct cluster *c = *state;
	uint8_t seed[SEED_BYTES];
	char name[NAME_BYTES];
	struct id node, cluster, found;

	assert_int_equal(init_with(c, "lab"), 0);
	node = gossip_self(c->nodes[0].g);
	gossip_cluster(c->nodes[0].g, &cluster, name);
	memcpy(seed, gossip_cluster_seed(c->nodes[0].g), SEED_BYTES);
	cluster_start(c, 0);
	cluster_run(c, 10);
	found = gossip_self(c->nodes[0].g);
	assert_true(id_eq(&node, &found));
	gossip_cluster(c->nodes[0].g, &found, name);
	assert_true(id_eq(&cluster, &found));
	assert_memory_equal(seed, gossip_cluster_seed(c->nodes[0].g), SEED_BYTES);
	assert_true(gossip_is_admin(c->nodes[0].g));
}

static void the_name_a_node_was_admitted_under_outlives_its_configuration(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id id;

	assert_int_equal(init_with(c, "lab"), 0);
	snprintf(c->nodes[0].name, sizeof(c->nodes[0].name), "%s", "renamed");
	cluster_start(c, 0);
	cluster_run(c, 10);
	id = gossip_self(c->nodes[0].g);
	assert_true(gossip_member(c->nodes[0].g, &id, &info));
	assert_string_equal(info.name, "h0");
}

static void a_cluster_that_cannot_be_stored_is_not_made(void **state)
{
	struct cluster *c = *state;

	c->nodes[0].store_fails = true;
	assert_int_equal(init_with(c, "lab"), WEFT_E_STORE);
	assert_int_equal(gossip_phase(c->nodes[0].g), NODE_NO_CLUSTER);
	assert_null(gossip_cluster_seed(c->nodes[0].g));
	c->nodes[0].store_fails = false;
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_INIT}), 0);
}

static void bad_names_and_addresses_are_refused_with_what_to_do(void **state)
{
	struct cluster *c = *state;

	assert_int_equal(init_with(c, "no such name"), WEFT_E_INVALID);
	snprintf(c->nodes[0].name, sizeof(c->nodes[0].name), "%s", "-bad-");
	assert_int_equal(init_with(c, "lab"), WEFT_E_INVALID);
	assert_non_null(strstr(c->nodes[0].err.message, "--name"));
	snprintf(c->nodes[0].name, sizeof(c->nodes[0].name), "%s", "h0");
	c->nodes[0].addr.ip = inet_from_v4(0);
	assert_int_equal(init_with(c, "lab"), WEFT_E_INVALID);
	assert_non_null(strstr(c->nodes[0].err.message, "--advertise"));
	assert_int_equal(gossip_phase(c->nodes[0].g), NODE_NO_CLUSTER);
	assert_int_equal(c->nodes[0].stored_count, 0);
}

static void the_cluster_key_restored_elsewhere_makes_that_node_an_admin(void **state)
{
	struct cluster *c = *state;
	uint8_t seed[SEED_BYTES];
	struct gossip_command restore = {
	    .kind = CMD_ADMIN_RESTORE, .bytes = seed, .len = sizeof(seed)};

	cluster_form(c, 2);
	memcpy(seed, gossip_cluster_seed(c->nodes[0].g), sizeof(seed));
	seed[0] ^= 1;
	assert_int_equal(cluster_do(c, 1, restore), WEFT_E_WRONG_CLUSTER);
	seed[0] ^= 1;
	c->nodes[1].store_fails = true;
	assert_int_equal(cluster_do(c, 1, restore), WEFT_E_STORE);
	assert_null(gossip_cluster_seed(c->nodes[1].g));
	c->nodes[1].store_fails = false;
	assert_int_equal(cluster_do(c, 1, restore), 0);
	cluster_kill(c, 0); /* the machine that made it is lost */
	cluster_start(c, 1);
	cluster_run(c, 6000);
	assert_true(gossip_is_admin(c->nodes[1].g));
	assert_memory_equal(gossip_cluster_seed(c->nodes[1].g), seed, sizeof(seed));
	assert_int_equal(cluster_join(c, 2, cluster_token(c, 1), false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(init_makes_a_cluster_and_this_node_its_admin),
	    TEST(after_a_restart_node_cluster_and_key_are_the_same),
	    TEST(the_name_a_node_was_admitted_under_outlives_its_configuration),
	    TEST(a_cluster_that_cannot_be_stored_is_not_made),
	    TEST(the_cluster_key_restored_elsewhere_makes_that_node_an_admin),
	    TEST(bad_names_and_addresses_are_refused_with_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
