/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Node 1 admits node 3 and is removed before node 2, or anybody, has heard of node 3. */
#include <stdio.h>
#include <string.h>

#include "refused.h"
#include "gossip/gossip_impl.h"
#include "gossip/trust/chain.h"
#include "test/base/cmocka_all.h"

#define LOOK_HASHES 8 /* at most, of four members */

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

static bool is_refused(struct cluster *c)
{
	return gossip_is_refused(c->nodes[3].g, NULL);
}

static bool is_taken(struct cluster *c)
{
	return !gossip_is_refused(c->nodes[3].g, NULL);
}

static void who_is_refused_is_told_why_and_fences_itself(void **state)
{
	struct cluster *c = *state;
	struct id admitter, by;

	cluster_admit_unheard(c, false);
	admitter = gossip_self(c->nodes[1].g);
	c->nodes[2].cut = false;
	refused_lose_admitter(c);
	assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_NONE);
	assert_true(cluster_until(c, 20000, is_refused));
	assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_VOID);
	assert_true(gossip_is_refused(c->nodes[3].g, &by));
	assert_memory_equal(&by, &admitter, sizeof(by));
	assert_int_equal(c->traces[TRACE_ADMISSION_REFUSED], 1);
	assert_int_equal(cluster_state(c, 3, 1), MEMBER_REMOVED);
	/* Nobody else is fenced, nor knows it. */
	assert_int_equal(gossip_fence(c->nodes[0].g), FENCE_NONE);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_NONE);
	assert_int_equal(cluster_alive(c, 0), 2);
	cluster_run(c, 30000);
	/* Nor is it free by a cut: the others take back what it would lease from. */
	c->nodes[3].cut = true;
	cluster_run(c, 700000);
	c->nodes[3].cut = false;
	assert_int_equal(c->traces[TRACE_ADMISSION_TAKEN], 0);
}

/* As if a member row, or another one, had not come to node 3 before the removal of node 1. */
static void forget(struct cluster *c, const char *name, const char *other)
{
	struct cnode *node = &c->nodes[3];
	size_t kept = 0;

	cluster_kill(c, 3);
	for (size_t i = 0; i < node->stored_count; i++) {
		struct row_view row = {.kind = 0};
		struct rec_member rec;

		if (node->stored[i].kind != WRITE_META)
			assert_int_equal(
			    row_parse(node->stored[i].bytes, node->stored[i].len, &row), 0);
		if (row.kind == ROW_MEMBER) {
			assert_int_equal(rec_member_decode(row.value, row.value_len, &rec), 0);
			if (strcmp(rec.name, name) == 0 || strcmp(rec.name, other) == 0)
				continue;
		}
		node->stored[kept++] = node->stored[i];
	}
	node->stored_count = kept;
	cluster_start(c, 3);
}

/* Node 3 knows of nobody who is there, and nobody knows node 3. */
static void look_for_a_stranger(struct cluster *c, const char *name, const char *other)
{
	struct id admitter, by;

	cluster_admit_unheard(c, false);
	admitter = gossip_self(c->nodes[1].g);
	c->nodes[3].cut = true;
	forget(c, name, other);
	cluster_kill(c, 2);
	refused_lose_admitter(c);
	assert_int_equal(cluster_state(c, 3, 0), MEMBER_UNKNOWN);
	assert_false(is_refused(c));
	assert_true(cluster_until(c, 60000, is_refused));
	assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_VOID);
	assert_true(gossip_is_refused(c->nodes[3].g, &by));
	assert_memory_equal(&by, &admitter, sizeof(by));
	assert_int_equal(cluster_state(c, 3, 1), MEMBER_REMOVED);
	assert_int_not_equal(cluster_state(c, 3, 0), MEMBER_UNKNOWN); /* who says so is a member */
	cluster_run(c, 60000);
	assert_true(is_refused(c));
	assert_int_equal(c->traces[TRACE_ADMISSION_REFUSED], 1);
}

static void who_is_refused_is_told_so_by_one_of_whom_it_has_never_heard(void **state)
{
	look_for_a_stranger(*state, "h0", "h2");
}

static void so_it_is_when_others_whom_it_knows_are_gone(void **state)
{
	look_for_a_stranger(*state, "h0", "h0");
}

/* Nor has it of who admitted that one: the founder, which was removed as well. */
static void so_it_is_where_the_founder_was_removed(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_admit_unheard(c, false);
	c->nodes[1].cut = c->nodes[3].cut = true;
	c->nodes[0].cut = c->nodes[2].cut = false;
	id = gossip_self(c->nodes[2].g);
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_ADD, .id = id}),
			 0);
	cluster_run(c, 5000);
	for (size_t n = 0; n < 2; n++) {
		id = gossip_self(c->nodes[n].g);
		cluster_kill(c, n);
		assert_int_equal(
		    cluster_do(c, 2, (struct gossip_command){.kind = CMD_REMOVE, .id = id}), 0);
	}
	c->nodes[2].addr = c->nodes[0].addr; /* where the token says */
	cluster_run(c, 1000);
	forget(c, "h0", "h2");
	c->nodes[3].cut = false;
	assert_true(cluster_until(c, 60000, is_refused));
	assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_VOID);
	assert_int_not_equal(cluster_state(c, 3, 2), MEMBER_UNKNOWN);
	assert_int_equal(cluster_state(c, 2, 3), MEMBER_UNKNOWN);
}

static bool is_removed(struct cluster *c)
{
	return gossip_phase(c->nodes[3].g) == NODE_REMOVED;
}

/* Node 3 was removed while it was away, and knows of nobody who is there. */
static void who_is_removed_is_told_so_by_one_of_whom_it_has_never_heard(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_admit_unheard(c, true);
	c->nodes[2].cut = false;
	id = gossip_self(c->nodes[3].g);
	c->nodes[3].cut = true;
	forget(c, "h0", "h2");
	cluster_kill(c, 1);
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = id}),
			 0);
	cluster_run(c, 30000);
	assert_int_equal(gossip_phase(c->nodes[3].g), NODE_ACTIVE);
	assert_int_equal(cluster_state(c, 3, 0), MEMBER_UNKNOWN);
	c->nodes[3].cut = false;
	assert_true(cluster_until(c, 40000, is_removed));
}

static void forget_the_others(struct cluster *c)
{
	forget(c, "h0", "h2");
}

static void who_knows_only_a_removed_admitter_fences_itself_untold(void **state)
{
	struct cluster *c = *state;
	struct id admitter, by;

	cluster_admit_unheard(c, false);
	admitter = gossip_self(c->nodes[1].g);
	c->nodes[3].cut = true;
	forget_the_others(c);
	cluster_run(c, 1000);
	assert_false(is_refused(c));
	c->nodes[0].cut = false;
	refused_tell(c, 3);
	assert_true(is_refused(c));
	assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_VOID);
	assert_true(gossip_is_refused(c->nodes[3].g, &by));
	assert_memory_equal(&by, &admitter, sizeof(by));
	/* It finds so by itself when it starts again. */
	cluster_run(c, 1000);
	cluster_kill(c, 3);
	cluster_start(c, 3);
	assert_true(cluster_until(c, 1000, is_refused));
}

static void who_was_heard_of_by_one_whom_it_did_not_know_is_fenced_no_more(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, true);
	c->nodes[3].cut = true;
	forget_the_others(c);
	refused_tell(c, 3);
	assert_true(is_refused(c));
	cluster_kill(c, 1);
	c->nodes[2].cut = c->nodes[3].cut = false;
	assert_true(cluster_until(c, 30000, is_taken));
	cluster_run(c, 20000);
	assert_true(is_taken(c));
	assert_int_equal(cluster_alive(c, 2), 3);
}

/* Node 0 knows node 3, and looks for it where it was. */
static void who_moved_and_knows_nobody_asks_where_its_token_said(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, true);
	c->nodes[3].cut = true;
	c->nodes[3].addr.ip = inet_from_v4(0x0a0000f0);
	forget_the_others(c);
	refused_tell(c, 3);
	assert_true(is_refused(c));
	cluster_kill(c, 1);
	cluster_run(c, 20000);
	assert_int_equal(cluster_state(c, 0, 3), MEMBER_FAILED);
	c->nodes[2].cut = c->nodes[3].cut = false;
	assert_true(cluster_until(c, 70000, is_taken));
	cluster_run(c, 10000);
	assert_int_equal(cluster_alive(c, 0), 3);
}

static bool count_knock(void *ctx, const struct flight *flight)
{
	size_t *knocks = ctx;

	*knocks += flight->len == DATAGRAM_BYTES_MAX && (flight->bytes[0] & 0x0f) == DGRAM_CERT;
	return true;
}

static void who_knows_only_a_removed_admitter_knocks_every_four_seconds_at_first(void **state)
{
	struct cluster *c = *state;
	size_t knocks = 0;

	cluster_admit_unheard(c, false);
	c->nodes[3].cut = true;
	forget_the_others(c);
	refused_tell(c, 3);
	for (size_t i = 0; i < 3; i++)
		cluster_kill(c, i);
	cluster_run(c, 60000);
	c->nodes[3].cut = false;
	cluster_kill(c, 3);
	cluster_start(c, 3);
	c->watch = count_knock;
	c->watch_ctx = &knocks;
	cluster_run(c, 18000); /* alone after 5 s */
	c->watch = NULL;
	assert_in_range(knocks, 3, 4);
}

/* Node 1 becomes an admin, and removes the founder, who is dead by then: his id. */
static struct id founder_removed(struct cluster *c)
{
	struct id first = gossip_self(c->nodes[0].g), second = gossip_self(c->nodes[1].g);

	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_ADD, .id = second}), 0);
	cluster_run(c, 1000);
	cluster_kill(c, 0);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_REMOVE, .id = first}),
			 0);
	return first;
}

static void who_removed_its_admitter_itself_goes_on(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	(void)founder_removed(c);
	cluster_run(c, 1000);
	assert_false(gossip_is_refused(c->nodes[1].g, NULL));
}

static void who_is_refused_admits_nobody(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, false);
	c->nodes[2].cut = false;
	refused_lose_admitter(c);
	cluster_make(c, (struct gossip_command){0});
	assert_true(cluster_until(c, 20000, is_refused));
	c->nodes[0].cut = c->nodes[2].cut = true;
	cluster_start(c, 4);
	assert_int_equal(cluster_do(c, 4,
				    (struct gossip_command){.kind = CMD_JOIN,
							    .text = c->token,
							    .addrs = &c->nodes[3].addr,
							    .addr_count = 1}),
			 WEFT_E_FENCED);
	assert_non_null(strstr(c->nodes[4].err.message, "h3 is not believed to be a member"));
	c->nodes[0].cut = c->nodes[2].cut = false;
}

static void a_refusal_ends_when_somebody_turns_out_to_know_the_refused(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, true);
	c->nodes[3].cut = true;
	refused_tell(c, 2);
	cluster_kill(c, 1);
	cluster_kill(c, 0); /* the only one who had heard of node 3 in time */
	c->nodes[2].cut = c->nodes[3].cut = false;
	assert_true(cluster_until(c, 30000, is_refused));
	cluster_start(c, 0);
	assert_true(cluster_until(c, 30000, is_taken));
	assert_int_equal(c->traces[TRACE_ADMISSION_TAKEN], 1);
	cluster_run(c, 20000);
	assert_false(is_refused(c));
	assert_int_equal(cluster_alive(c, 2), 3);
	assert_int_equal(gossip_tables_hash(c->nodes[0].g), gossip_tables_hash(c->nodes[3].g));
}

static void one_refusal_is_not_believed_while_a_member_that_counts_knows_the_node(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, true);
	refused_tell(c, 2);
	cluster_kill(c, 1);
	/* Node 2 hears node 3 alone: it refuses, and node 0 goes on speaking with node 3. */
	for (int i = 0; i < 200; i++) {
		c->nodes[0].cut = i % 2 == 0;
		c->nodes[2].cut = i % 2 == 1;
		cluster_run(c, 100);
		assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_NONE);
	}
}

static void mad_says(struct cluster *c, uint8_t type, const uint8_t *body, size_t len)
{
	struct id id = gossip_self(c->nodes[3].g);

	outbox_add(&c->nodes[2].g->core.outbox, &id, CLASS_CONTROL, type, body, len);
}

/* Each look hashes the chains of all members. */
static void a_member_that_refuses_and_does_not_by_turns_costs_four_looks_a_second(void **state)
{
	struct cluster *c = *state;
	struct id first;
	uint64_t quiet, mad;
	const uint8_t *fact;
	size_t len;

	cluster_form(c, 4);
	first = founder_removed(c);
	cluster_run(c, 20000);
	fact = tables_fact(c->nodes[2].g->tables, FACT_REMOVAL, first.b, ID_BYTES, &len);
	assert_non_null(fact);
	quiet = c->nodes[3].seeded.hashed;
	cluster_run(c, 5000);
	quiet = c->nodes[3].seeded.hashed - quiet;
	mad = c->nodes[3].seeded.hashed;
	for (int ms = 0; ms < 5000; ms += 50) {
		mad_says(c, FRAME_REMOVED, fact, len);
		mad_says(c, FRAME_ACK, (const uint8_t[4]){0}, 4);
		cluster_run(c, 50);
	}
	mad = c->nodes[3].seeded.hashed - mad;
	print_message("  hashes: quiet %llu, mad %llu\n", (unsigned long long)quiet,
		      (unsigned long long)mad);
	assert_in_range(mad, 1, quiet + (uint64_t)5 * 5 * LOOK_HASHES);
	cluster_run(c, 5000); /* it is pinged */
	assert_false(is_refused(c));
}

/* In the eyes of node 3: node 0 was admitted by the last of so many who each admitted the next. */
static void lengthen_chain(struct cluster *c, size_t links)
{
	struct gossip *g = c->nodes[3].g;
	struct id root = gossip_self(c->nodes[0].g), joined = gossip_self(c->nodes[2].g);
	struct rec_member last = *member_find(&g->members, &root)->rec, rec = last;
	struct rec_member next = *member_find(&g->members, &joined)->rec;
	/* Node 0 made the token, too; where it admits stands behind that. */
	uint8_t *admitter = next.chain + next.chain_len - SIGN_PUB_BYTES;

	while (memcmp(admitter, rec.pubkey, SIGN_PUB_BYTES) != 0)
		assert_true(admitter-- > next.chain);
	core_begin_step(&g->core, c->now, c->wall);
	for (size_t i = 0; i < links; i++) {
		uint8_t pub[SIGN_PUB_BYTES] = {(uint8_t)i, 0xee};
		struct id id = chain_node_id(g->core.crypto, pub);

		snprintf(rec.name, sizeof(rec.name), "link%zu", i);
		member_apply_record(&g->members, member_intern(&g->members, &id), &rec, 1);
		memcpy(admitter, pub, sizeof(pub));
		rec = next;
	}
	memcpy(last.chain, next.chain, next.chain_len);
	last.chain_len = next.chain_len;
	member_apply_record(&g->members, member_find(&g->members, &root), &last, 1);
}

static void a_member_counts_however_many_admitted_one_another_before_it(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, true);
	refused_tell(c, 2);
	cluster_kill(c, 1);
	lengthen_chain(c, 100);
	for (int i = 0; i < 200; i++) {
		c->nodes[0].cut = i % 2 == 0;
		c->nodes[2].cut = i % 2 == 1;
		cluster_run(c, 100);
		assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(who_is_refused_is_told_why_and_fences_itself),
	    TEST(who_is_refused_is_told_so_by_one_of_whom_it_has_never_heard),
	    TEST(so_it_is_when_others_whom_it_knows_are_gone),
	    TEST(so_it_is_where_the_founder_was_removed),
	    TEST(who_is_removed_is_told_so_by_one_of_whom_it_has_never_heard),
	    TEST(who_knows_only_a_removed_admitter_fences_itself_untold),
	    TEST(who_was_heard_of_by_one_whom_it_did_not_know_is_fenced_no_more),
	    TEST(who_moved_and_knows_nobody_asks_where_its_token_said),
	    TEST(who_knows_only_a_removed_admitter_knocks_every_four_seconds_at_first),
	    TEST(who_removed_its_admitter_itself_goes_on),
	    TEST(who_is_refused_admits_nobody),
	    TEST(a_refusal_ends_when_somebody_turns_out_to_know_the_refused),
	    TEST(a_member_that_refuses_and_does_not_by_turns_costs_four_looks_a_second),
	    TEST(one_refusal_is_not_believed_while_a_member_that_counts_knows_the_node),
	    TEST(a_member_counts_however_many_admitted_one_another_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
