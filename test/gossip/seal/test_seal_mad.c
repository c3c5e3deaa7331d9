/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a member that lies may cost another by frames of the sealing layer: each of these makes
 * whoever takes it check signatures, which no allowance of rows pays for.
 */
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "gossip/seal/sealing.h"
#include "test/base/cmocka_all.h"

#define MAD 1
#define VICTIM 2
#define FRAMES 200
#define FRAME_MS 5
/* Twenty at once and ten a second, of two signatures each; and what the rows of a quiet second of
 * three nodes take. */
#define CHECKS_MAX (2 * (20 + 10) + 20)

static int setup(void **state)
{
	struct cluster *c = cluster_new();

	cluster_form(c, 4);
	cluster_run(c, 2000);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	cluster_free(*state);
	return 0;
}

static void say(struct cluster *c, size_t to, uint8_t type, const uint8_t *body, size_t len)
{
	struct id id = gossip_self(c->nodes[to].g);

	outbox_add(&c->nodes[MAD].g->core.outbox, &id, CLASS_CONTROL, type, body, len);
}

/* A certificate of a node that this or another process of it signed. */
static void cert_of(struct cluster *c, size_t n, uint64_t epoch, uint8_t out[CERT_BYTES])
{
	const struct core *core = &c->nodes[n].g->core;
	struct cert cert = {.wire_min = 1,
			    .wire_max = 1,
			    .cluster = core->self.cluster,
			    .node = core->self.id,
			    .epoch = epoch};
	uint8_t sec[KX_SEC_BYTES];

	core->crypto->kx_pair(core->crypto->ctx, cert.key, sec);
	cert_sign(core->crypto, &cert, core->self.sign_sec, out);
}

static void clone_proof(struct cluster *c, size_t n, uint64_t epoch, uint8_t out[2 * CERT_BYTES])
{
	cert_of(c, n, epoch, out);
	cert_of(c, n, epoch, out + CERT_BYTES);
}

/* The signatures that the victim checks while it is told so in vain, each time in other bytes. */
static uint64_t checked(struct cluster *c, uint8_t type, uint8_t *body, size_t len, size_t vary)
{
	uint64_t before = c->nodes[VICTIM].seeded.verified;

	for (uint64_t i = 0; i < FRAMES; i++) {
		wire_put(body + vary, i, sizeof(i));
		say(c, VICTIM, type, body, len);
		cluster_run(c, FRAME_MS);
	}
	assert_int_equal(gossip_fence(c->nodes[VICTIM].g), FENCE_NONE);
	assert_int_equal(gossip_phase(c->nodes[VICTIM].g), NODE_ACTIVE);
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
	return c->nodes[VICTIM].seeded.verified - before;
}

static void clone_alarms_with_wrong_signatures_cost_a_bounded_number_of_checks(void **state)
{
	struct cluster *c = *state;
	uint8_t body[2 * CERT_BYTES];

	clone_proof(c, 0, c->nodes[0].g->core.self.epoch, body);
	assert_in_range(checked(c, FRAME_CLONE, body, sizeof(body), sizeof(body) - 8), 1,
			CHECKS_MAX);
	clone_proof(c, VICTIM, c->nodes[VICTIM].g->core.self.epoch, body);
	assert_in_range(checked(c, FRAME_CLONE, body, sizeof(body), sizeof(body) - 8), 1,
			CHECKS_MAX);
}

static void removals_with_wrong_signatures_cost_a_bounded_number_of_checks(void **state)
{
	struct cluster *c = *state;
	struct id id = gossip_self(c->nodes[3].g), victim = gossip_self(c->nodes[VICTIM].g);
	uint8_t body[ROW_BYTES_MAX];
	struct row_view row;
	const uint8_t *bytes;
	uint8_t *key;
	size_t len;

	cluster_kill(c, 3);
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = id}),
			 0);
	cluster_run(c, 1000);
	assert_true(
	    gossip_row(c->nodes[MAD].g, NULL, &id_none, FACT_REMOVAL, id.b, ID_BYTES, &row));
	bytes = row_bytes(&row, &len);
	memcpy(body, bytes, len);
	/* One that does not concern the victim costs no check at all. */
	assert_in_range(checked(c, FRAME_REMOVED, body, len, len - 8), 0, 0);
	key = memmem(body, len, id.b, sizeof(id.b));
	assert_non_null(key);
	memcpy(key, victim.b, sizeof(victim.b));
	assert_in_range(checked(c, FRAME_REMOVED, body, len, len - 8), 1, CHECKS_MAX);
}

static void set_backs_with_wrong_signatures_cost_a_bounded_number_of_checks(void **state)
{
	struct cluster *c = *state;
	uint8_t body[CERT_BYTES];

	cert_of(c, VICTIM, c->nodes[VICTIM].g->core.self.epoch + 1, body);
	assert_in_range(checked(c, FRAME_SET_BACK, body, sizeof(body), sizeof(body) - 8), 1,
			CHECKS_MAX);
	/* One of an epoch that it had itself. */
	c->nodes[VICTIM].g->admission->renew_due = c->now;
	cluster_run(c, 2000);
	cert_of(c, VICTIM, c->nodes[VICTIM].g->core.self.epoch - 1, body);
	assert_in_range(checked(c, FRAME_SET_BACK, body, sizeof(body), sizeof(body) - 8), 1,
			CHECKS_MAX);
}

static void recover(struct cluster *c, size_t n)
{
	assert_int_equal(cluster_do(c, n, (struct gossip_command){.kind = CMD_RECOVER}), 0);
	assert_int_equal(cluster_do(c, n, (struct gossip_command){.kind = CMD_RECOVERED}), 0);
	assert_int_equal(gossip_fence(c->nodes[n].g), FENCE_NONE);
}

static void the_proof_of_a_clone_says_nothing_once_the_node_has_recovered(void **state)
{
	struct cluster *c = *state;
	uint8_t body[2 * CERT_BYTES];

	clone_proof(c, VICTIM, c->nodes[VICTIM].g->core.self.epoch, body);
	say(c, VICTIM, FRAME_CLONE, body, sizeof(body));
	cluster_run(c, 1000);
	assert_int_equal(gossip_fence(c->nodes[VICTIM].g), FENCE_CLONE);
	recover(c, VICTIM);
	cluster_run(c, 1000);
	say(c, VICTIM, FRAME_CLONE, body, sizeof(body));
	cluster_run(c, 1000);
	assert_int_equal(gossip_fence(c->nodes[VICTIM].g), FENCE_NONE);
	/* Nor to somebody who was not there when the node was fenced. */
	cluster_kill(c, 3);
	cluster_start(c, 3);
	cluster_run(c, 2000);
	c->traces[TRACE_CLONE_SEEN] = 0;
	say(c, 3, FRAME_CLONE, body, sizeof(body));
	cluster_run(c, 1000);
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
}

static enum node_fence fence_by(struct cluster *c, uint64_t epoch)
{
	uint8_t cert[CERT_BYTES];

	cert_of(c, VICTIM, epoch, cert);
	say(c, VICTIM, FRAME_SET_BACK, cert, sizeof(cert));
	cluster_run(c, 1000);
	return gossip_fence(c->nodes[VICTIM].g);
}

/* It was started in epoch 2 and had each one up to 32. */
static void a_certificate_of_an_epoch_that_it_had_fences_until_it_recovers(void **state)
{
	struct cluster *c = *state;

	cluster_kill(c, VICTIM);
	cluster_start(c, VICTIM);
	cluster_run(c, 2000);
	for (int day = 0; day < 30; day++) {
		c->nodes[VICTIM].g->admission->renew_due = c->now;
		cluster_run(c, 1000);
	}
	assert_int_equal(c->nodes[VICTIM].g->core.self.epoch, 32);
	assert_int_equal(fence_by(c, 1), FENCE_NONE);
	assert_int_equal(fence_by(c, 2), FENCE_CLONE);
	recover(c, VICTIM);
	for (uint64_t epoch = 1; epoch < 32; epoch += 10)
		assert_int_equal(fence_by(c, epoch), FENCE_NONE);
}

static void a_node_that_is_cloned_again_hears_of_it_through_the_others(void **state)
{
	struct cluster *c = *state;
	uint8_t body[2 * CERT_BYTES];

	for (int round = 0; round < 2; round++) {
		clone_proof(c, VICTIM, c->nodes[VICTIM].g->core.self.epoch, body);
		say(c, 0, FRAME_CLONE, body, sizeof(body));
		cluster_run(c, 1000);
		assert_int_equal(gossip_fence(c->nodes[VICTIM].g), FENCE_CLONE);
		recover(c, VICTIM);
		cluster_run(c, CLONE_AGAIN_MS);
	}
}

static void proofs_of_ever_later_clones_are_told_on_once_a_minute(void **state)
{
	struct cluster *c = *state;
	uint8_t body[2 * CERT_BYTES];

	c->traces[TRACE_CLONE_SEEN] = 0;
	for (uint64_t i = 0; i < FRAMES; i++) {
		clone_proof(c, MAD, c->nodes[MAD].g->core.self.epoch + i, body);
		say(c, VICTIM, FRAME_CLONE, body, sizeof(body));
		cluster_run(c, 10);
	}
	/* Each of the three others once, and the node of which it is said. */
	assert_in_range(c->traces[TRACE_CLONE_SEEN], 3, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(clone_alarms_with_wrong_signatures_cost_a_bounded_number_of_checks),
	    TEST(removals_with_wrong_signatures_cost_a_bounded_number_of_checks),
	    TEST(set_backs_with_wrong_signatures_cost_a_bounded_number_of_checks),
	    TEST(the_proof_of_a_clone_says_nothing_once_the_node_has_recovered),
	    TEST(a_certificate_of_an_epoch_that_it_had_fences_until_it_recovers),
	    TEST(a_node_that_is_cloned_again_hears_of_it_through_the_others),
	    TEST(proofs_of_ever_later_clones_are_told_on_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
