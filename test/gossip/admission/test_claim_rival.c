/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An original that moved, its copy, and a member that was just started and knows neither of their
 * keys. Node 0 is that member, node 1 the original, node 2 another member or none, node 4 the copy.
 */
#include <stdio.h>
#include <string.h>

#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "gossip/seal/sealing.h"
#include "test/base/cmocka_all.h"
#include "test/gossip/cluster.h"

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

static void copy_original(struct cluster *c)
{
	cluster_copy_store(c, 1, 4);
	snprintf(c->nodes[4].name, sizeof(c->nodes[4].name), "%s", "h1");
}

static uint64_t epoch_of(const struct cluster *c, size_t n)
{
	return c->nodes[n].g->core.self.epoch;
}

/* The original renews its certificate each day, at another address than its record says, while the
 * member is down; the copy is of its disk of that day. */
static void run_for_days(struct cluster *c, size_t count, int copied_on, int days)
{
	cluster_form(c, count);
	cluster_run(c, 2000);
	cluster_kill(c, 0);
	c->nodes[1].addr.ip = inet_from_v4(0x0a000077);
	for (int day = 0; day <= days; day++) {
		if (day == copied_on)
			copy_original(c);
		if (day == days)
			break;
		c->nodes[1].g->admission->renew_due = c->now;
		cluster_run(c, 5000);
	}
	assert_int_equal(epoch_of(c, 1), 1 + days);
}

static const struct member *original_at_0(struct cluster *c)
{
	const struct id id = gossip_self(c->nodes[1].g);

	return member_find(&c->nodes[0].g->members, &id);
}

static bool original_is_back(struct cluster *c)
{
	const struct member *member = original_at_0(c);

	return member->state == MEMBER_ALIVE && member->epoch == epoch_of(c, 1) &&
	       hostport_eq(&member->addr, &c->nodes[1].addr) &&
	       gossip_phase(c->nodes[0].g) == NODE_ACTIVE;
}

static bool copy_is_refused(struct cluster *c)
{
	return gossip_phase(c->nodes[4].g) == NODE_COPY;
}

static bool is_claimed(struct cluster *c)
{
	return seal_claim(c->nodes[0].g->seal, original_at_0(c)) == CLAIM_CHECKING;
}

/* As it does now and then to one that it takes for failed. */
static void original_speaks(struct cluster *c)
{
	const struct id id = gossip_self(c->nodes[0].g);

	for (int i = 0; i < 5; i++) {
		outbox_add(&c->nodes[1].g->core.outbox, &id, CLASS_CONTROL, FRAME_PAD, "", 0);
		cluster_deliver(c, 1, &c->nodes[1].addr, id.b, 1); /* a step */
		cluster_run(c, 50);
	}
}

static void assert_original_wins(struct cluster *c)
{
	assert_true(cluster_until(c, 15000, original_is_back));
	assert_true(cluster_until(c, 5000, copy_is_refused));
	cluster_run(c, 20000);
	assert_true(original_is_back(c));
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_false(gossip_is_cloned(c->nodes[1].g));
	assert_int_equal(c->traces[TRACE_SELF_COPY], 1);
}

static void meet_with_a_copy(struct cluster *c, size_t count, int copied_on, bool original_first)
{
	run_for_days(c, count, copied_on, 4);
	cluster_start(c, 0);
	if (original_first)
		assert_true(cluster_until(c, 10000, is_claimed));
	cluster_start(c, 4);
	if (!original_first && count == 2) {
		assert_true(cluster_until(c, 1000, is_claimed));
		original_speaks(c);
	}
	assert_original_wins(c);
}

static void an_original_that_is_looked_for_stays_beside_an_older_copy(void **state)
{
	meet_with_a_copy(*state, 2, 2, true);
}

static void an_original_that_is_looked_for_stays_beside_a_newer_copy(void **state)
{
	meet_with_a_copy(*state, 2, 4, true);
}

static void an_original_is_found_beside_an_older_copy(void **state)
{
	meet_with_a_copy(*state, 2, 2, false);
}

static void an_original_is_found_beside_a_newer_copy(void **state)
{
	meet_with_a_copy(*state, 2, 4, false);
}

static void an_original_is_found_beside_an_older_copy_among_others(void **state)
{
	meet_with_a_copy(*state, 3, 2, false);
}

static void an_original_is_found_beside_a_newer_copy_among_others(void **state)
{
	meet_with_a_copy(*state, 3, 4, false);
}

static bool original_is_fenced(struct cluster *c)
{
	return gossip_fence(c->nodes[1].g) == FENCE_CLONE;
}

/* The member was just started and finds the copy where the record says; the original runs on. */
static void believe_older_copy(struct cluster *c)
{
	run_for_days(c, 2, 2, 4);
	cluster_start(c, 4);
	cluster_run(c, 5000);
	cluster_start(c, 0);
}

static void show_cert(struct cluster *c, size_t by, const uint8_t cert[CERT_BYTES])
{
	const struct id id = gossip_self(c->nodes[1].g);

	outbox_add(&c->nodes[by].g->core.outbox, &id, CLASS_CONTROL, FRAME_SET_BACK, cert,
		   CERT_BYTES);
	cluster_deliver(c, by, &c->nodes[by].addr, id.b, 1); /* a step */
	cluster_run(c, 1000);
}

static void an_original_is_told_of_an_older_copy_that_was_believed(void **state)
{
	struct cluster *c = *state;
	uint8_t cert[CERT_BYTES];

	believe_older_copy(c);
	assert_true(cluster_until(c, 30000, original_is_fenced));
	assert_true(gossip_is_cloned(c->nodes[1].g));
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_ACTIVE);
	memcpy(cert, seal_own_cert(c->nodes[4].g->seal), CERT_BYTES);
	cluster_kill(c, 4);
	assert_true(cluster_until(c, 30000, original_is_back));
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_RECOVER}), 0);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_RECOVERED}), 0);
	show_cert(c, 0, cert); /* once more, by whoever kept it */
	cluster_run(c, 20000);
	assert_true(original_is_back(c));
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
}

/* What it had before, and what it had at its last start, are its own. */
static void an_original_is_told_nothing_by_its_own_certificates(void **state)
{
	struct cluster *c = *state;
	uint8_t cert[3][CERT_BYTES];

	cluster_form(c, 3);
	cluster_run(c, 2000);
	for (int day = 0; day < 3; day++) {
		memcpy(cert[day], seal_own_cert(c->nodes[1].g->seal), CERT_BYTES);
		c->nodes[1].g->admission->renew_due = c->now;
		cluster_run(c, 5000);
	}
	for (int day = 0; day < 3; day++)
		show_cert(c, 2, cert[day]);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 5000);
	for (int day = 0; day < 3; day++)
		show_cert(c, 2, cert[day]);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
}

static void name_epoch(struct cluster *c, size_t by, uint64_t epoch)
{
	const struct id id = gossip_self(c->nodes[1].g);
	uint8_t body[8];

	wire_put(body, epoch, sizeof(body));
	outbox_add(&c->nodes[by].g->core.outbox, &id, CLASS_CONTROL, FRAME_SET_BACK, body,
		   sizeof(body));
	cluster_deliver(c, by, &c->nodes[by].addr, id.b, 1); /* a step */
}

static bool original_is_named(struct cluster *c)
{
	return epoch_of(c, 1) == 21;
}

/* A member names an epoch and then says nothing more. */
static void an_original_that_runs_asks_nobody_for_anybodys_word(void **state)
{
	struct cluster *c = *state;
	const struct peer *peer;

	run_for_days(c, 3, 4, 4);
	name_epoch(c, 2, 20);
	assert_true(cluster_until(c, 100, original_is_named));
	cluster_kill(c, 2);
	assert_true(c->nodes[1].g->admission->claiming.under_way);
	cluster_start(c, 0);
	assert_true(cluster_until(c, 10000, is_claimed));
	cluster_run(c, 600);
	peer = peer_known(c->nodes[0].g->seal, original_at_0(c));
	assert_non_null(peer->session->claim);
	assert_true(is_claimed(c));
	assert_false(peer->session->claim->asked);
	assert_true(cluster_until(c, 15000, original_is_back));
	cluster_run(c, 5000);
	assert_false(c->nodes[1].g->admission->claiming.under_way);
}

/* A member names an epoch, and says of the claim that its node lives elsewhere. */
static void a_host_that_runs_is_no_copy_by_two_words_of_a_member(void **state)
{
	struct cluster *c = *state;
	uint8_t answer[1 + 8 + 16 + 2] = {1}; /* lives elsewhere */
	struct id id;

	cluster_form(c, 3);
	cluster_run(c, 3000);
	id = gossip_self(c->nodes[1].g);
	wire_put(answer + 1, 21, 8);
	memcpy(answer + 9, c->nodes[2].addr.ip.b, 16);
	wire_put(answer + 25, 7947, 2);
	name_epoch(c, 2, 20);
	assert_true(cluster_until(c, 100, original_is_named));
	for (int ms = 0; ms < 200; ms++) {
		outbox_add(&c->nodes[2].g->core.outbox, &id, CLASS_CONTROL, FRAME_CLAIM_ANSWER,
			   answer, sizeof(answer));
		cluster_deliver(c, 2, &c->nodes[2].addr, id.b, 1); /* a step */
		cluster_run(c, 1);
	}
	cluster_run(c, 10000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_ALIVE);
	assert_int_equal(cluster_state(c, 2, 1), MEMBER_ALIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(an_original_that_is_looked_for_stays_beside_an_older_copy),
	    TEST(an_original_that_is_looked_for_stays_beside_a_newer_copy),
	    TEST(an_original_is_found_beside_an_older_copy),
	    TEST(an_original_is_found_beside_a_newer_copy),
	    TEST(an_original_is_found_beside_an_older_copy_among_others),
	    TEST(an_original_is_found_beside_a_newer_copy_among_others),
	    TEST(an_original_is_told_of_an_older_copy_that_was_believed),
	    TEST(an_original_is_told_nothing_by_its_own_certificates),
	    TEST(an_original_that_runs_asks_nobody_for_anybodys_word),
	    TEST(a_host_that_runs_is_no_copy_by_two_words_of_a_member),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
