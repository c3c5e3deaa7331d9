/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The certificate of a copy that was refused once goes over the network in clear. Whoever wrote it
 * down and is no member shows it later: to members, to the original, in anybody's name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/gossip_impl.h"
#include "gossip/seal/sealing.h"
#include "test/base/cmocka_all.h"
#include "test/gossip/cluster.h"

#define HOSTS 4
#define ORIGINAL 1
#define COPY 5

struct scene {
	struct cluster *c;
	struct id id; /* of the original */
	uint8_t record[CERT_DGRAM_BYTES];
};

static const struct hostport stranger = {.port = 9999, .ip = {{[15] = 99}}};

static int setup(void **state)
{
	static const uint8_t no_hint[HINT_BYTES];
	struct scene *scene = calloc(1, sizeof(*scene));
	struct cluster *c = cluster_new();
	const uint8_t *bytes;
	struct cert cert;

	assert_non_null(scene);
	scene->c = c;
	cluster_form(c, HOSTS);
	cluster_run(c, 3000);
	scene->id = gossip_self(c->nodes[ORIGINAL].g);
	cluster_copy_store(c, ORIGINAL, COPY);
	snprintf(c->nodes[COPY].name, sizeof(c->nodes[COPY].name), "h%d", ORIGINAL);
	cluster_start(c, COPY);
	cluster_run(c, 8000);
	assert_int_equal(gossip_phase(c->nodes[COPY].g), NODE_COPY);
	bytes = seal_own_cert(c->nodes[COPY].g->seal);
	assert_true(cert_parse(bytes, CERT_BYTES, &cert));
	assert_true(cert.epoch > c->nodes[ORIGINAL].g->core.self.epoch);
	header_write(scene->record, DGRAM_CERT, no_hint,
		     cert_key_id(c->nodes[COPY].g->core.crypto, cert.key), 1);
	memcpy(scene->record + WIRE_HEADER_BYTES, bytes, CERT_BYTES);
	cluster_kill(c, COPY);
	cluster_run(c, 8000);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	cluster_free(scene->c);
	free(scene);
	return 0;
}

/* To all members but the original. */
static void show(struct scene *scene, const struct hostport *from)
{
	for (size_t n = 0; n < HOSTS; n++)
		if (n != ORIGINAL)
			cluster_deliver(scene->c, n, from, scene->record, sizeof(scene->record));
}

/* These have met the copy no more than a node that was away while it asked. */
static void restart_others(struct scene *scene)
{
	for (size_t n = 0; n < HOSTS; n++) {
		if (n == ORIGINAL)
			continue;
		cluster_kill(scene->c, n);
		cluster_start(scene->c, n);
		cluster_run(scene->c, 3000);
	}
}

static bool all_meet(struct cluster *c)
{
	for (size_t n = 0; n < HOSTS; n++)
		if (gossip_phase(c->nodes[n].g) != NODE_ACTIVE || cluster_alive(c, n) != HOSTS)
			return false;
	return true;
}

/* The original is not fenced, all see all, and what they say to it under its own key arrives. */
static void assert_unharmed(struct scene *scene)
{
	struct cluster *c = scene->c;
	const uint64_t epoch = c->nodes[ORIGINAL].g->core.self.epoch;

	cluster_run(c, 10000);
	assert_true(cluster_until(c, 20000, all_meet));
	assert_int_equal(gossip_fence(c->nodes[ORIGINAL].g), FENCE_NONE);
	assert_int_equal(c->nodes[ORIGINAL].g->core.self.epoch, epoch);
	assert_int_equal(c->traces[TRACE_FENCED], 0);
	for (size_t n = 0; n < HOSTS; n++) {
		struct member *member = member_find(&c->nodes[n].g->members, &scene->id);
		const struct peer *peer;

		if (n == ORIGINAL)
			continue;
		peer = peer_known(c->nodes[n].g->seal, member);
		assert_non_null(peer);
		assert_false(peer->shown);
		assert_int_equal(peer->current.epoch, epoch);
		assert_int_equal(member->epoch, epoch);
	}
}

static void in_the_name_of_its_original_it_changes_nothing(void **state)
{
	struct scene *scene = *state;

	restart_others(scene);
	show(scene, &scene->c->nodes[ORIGINAL].addr);
	assert_unharmed(scene);
	show(scene, &scene->c->nodes[ORIGINAL].addr);
	assert_unharmed(scene);
}

static void from_anywhere_while_the_original_is_cut_off_it_changes_nothing(void **state)
{
	struct scene *scene = *state;

	restart_others(scene);
	scene->c->nodes[ORIGINAL].cut = true;
	cluster_run(scene->c, 20000);
	assert_int_equal(cluster_state(scene->c, 0, ORIGINAL), MEMBER_FAILED);
	show(scene, &stranger);
	cluster_run(scene->c, 5000);
	scene->c->nodes[ORIGINAL].cut = false;
	assert_unharmed(scene);
}

/* Its own next epoch is the one that the copy had. */
static void while_the_original_is_off_it_does_not_keep_it_from_starting(void **state)
{
	struct scene *scene = *state;

	restart_others(scene);
	cluster_kill(scene->c, ORIGINAL);
	cluster_run(scene->c, 20000);
	assert_int_equal(cluster_state(scene->c, 0, ORIGINAL), MEMBER_FAILED);
	show(scene, &stranger);
	cluster_run(scene->c, 5000);
	cluster_start(scene->c, ORIGINAL);
	cluster_run(scene->c, 1000);
	assert_unharmed(scene);
	show(scene, &stranger);
	show(scene, &scene->c->nodes[ORIGINAL].addr);
	assert_unharmed(scene);
}

/* Who knows no key of the member yet takes what it is shown first, and goes on asking. */
static void to_one_that_knows_no_key_of_the_member_it_says_nothing(void **state)
{
	struct scene *scene = *state;
	struct cluster *c = scene->c;

	cluster_kill(c, 0);
	cluster_start(c, 0);
	cluster_deliver(c, 0, &c->nodes[ORIGINAL].addr, scene->record, sizeof(scene->record));
	assert_unharmed(scene);
}

static void the_original_itself_does_not_mind(void **state)
{
	struct scene *scene = *state;
	struct cluster *c = scene->c;

	cluster_deliver(c, ORIGINAL, &stranger, scene->record, sizeof(scene->record));
	assert_unharmed(scene);
	/* Nor in the epoch that the copy had. */
	cluster_kill(c, ORIGINAL);
	cluster_start(c, ORIGINAL);
	cluster_run(c, 3000);
	cluster_deliver(c, ORIGINAL, &stranger, scene->record, sizeof(scene->record));
	show(scene, &stranger);
	show(scene, &c->nodes[ORIGINAL].addr);
	assert_unharmed(scene);
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
}

#define RECORD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    RECORD_TEST(in_the_name_of_its_original_it_changes_nothing),
	    RECORD_TEST(from_anywhere_while_the_original_is_cut_off_it_changes_nothing),
	    RECORD_TEST(while_the_original_is_off_it_does_not_keep_it_from_starting),
	    RECORD_TEST(to_one_that_knows_no_key_of_the_member_it_says_nothing),
	    RECORD_TEST(the_original_itself_does_not_mind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
