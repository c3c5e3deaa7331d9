/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
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

static bool all_alive(struct cluster *c)
{
	for (size_t n = 0; n < 3; n++)
		if (gossip_phase(c->nodes[n].g) != NODE_ACTIVE || cluster_alive(c, n) != 3)
			return false;
	return true;
}

/* Nodes 0 and 2 know the second epoch of node 1, which its process proved. */
static bool second_epoch_is_known(struct cluster *c)
{
	const struct id id = gossip_self(c->nodes[1].g);
	struct member_info info;

	for (size_t n = 0; n < 3; n += 2)
		if (!gossip_member(c->nodes[n].g, &id, &info) || info.epoch != 2)
			return false;
	return true;
}

static void a_killed_node_comes_back_by_itself_with_its_identity(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 3);
	id = gossip_self(c->nodes[1].g);
	cluster_kill(c, 1);
	cluster_run(c, 200);
	cluster_start(c, 1);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_CLAIMING);
	assert_true(cluster_until(c, 1000, all_alive));
	assert_true(id_eq(&id, &(struct id[]){gossip_self(c->nodes[1].g)}[0]));
	assert_true(cluster_until(c, 1000, second_epoch_is_known));
	assert_true(c->traces[TRACE_CLAIMED] >= 1);
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
}

static void all_nodes_restarted_at_once_find_each_other(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	for (size_t n = 0; n < 3; n++)
		cluster_kill(c, n);
	for (size_t n = 0; n < 3; n++)
		cluster_start(c, n);
	assert_true(cluster_until(c, 6000, all_alive));
	cluster_run(c, 2000);
	assert_true(all_alive(c));
}

static void a_node_with_a_new_address_is_followed(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_kill(c, 1);
	c->nodes[1].addr.ip = inet_from_v4(0x0a000077);
	cluster_start(c, 1);
	assert_true(cluster_until(c, 8000, all_alive));
}

static void a_copied_state_directory_is_refused_and_changes_nothing(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_copy_store(c, 1, 4);
	snprintf(c->nodes[4].name, sizeof(c->nodes[4].name), "%s", "h1");
	cluster_start(c, 4);
	cluster_run(c, 6000);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_COPY);
	assert_int_equal(c->traces[TRACE_SELF_COPY], 1);
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
	assert_int_equal(c->traces[TRACE_MEMBER_FAILED], 0);
	assert_true(all_alive(c));
	/* The original restarts without being taken for the copy. */
	cluster_kill(c, 4);
	cluster_run(c, 6000);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	assert_true(cluster_until(c, 1000, all_alive));
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
}

static void without_a_peer_a_node_goes_on_alone_and_says_so(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	cluster_kill(c, 0);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 4900);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_CLAIMING);
	cluster_run(c, 600);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_int_equal(c->traces[TRACE_ALONE], 1);
	assert_true(gossip_is_alone(c->nodes[1].g));
	cluster_start(c, 0);
	cluster_run(c, 3000);
	assert_false(gossip_is_alone(c->nodes[1].g));
	assert_int_equal(cluster_alive(c, 0), 2);
}

static void a_cluster_of_one_needs_nobodys_consent(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_kill(c, 0);
	cluster_start(c, 0);
	cluster_run(c, 5);
	assert_int_equal(gossip_phase(c->nodes[0].g), NODE_ACTIVE);
	assert_false(gossip_is_alone(c->nodes[0].g));
	assert_true(gossip_is_admin(c->nodes[0].g));
}

static void an_epoch_that_cannot_be_stored_is_never_shown(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	cluster_kill(c, 1);
	c->nodes[1].store_fails = true;
	cluster_start(c, 1);
	cluster_run(c, 3000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_CLAIMING);
	assert_int_equal(cluster_counter(c, 1, "datagrams_sent"), 0);
	c->nodes[1].store_fails = false;
	cluster_run(c, 2000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
}

static void a_copy_that_ran_alone_is_found_when_it_meets_the_others(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_copy_store(c, 1, 4);
	snprintf(c->nodes[4].name, sizeof(c->nodes[4].name), "%s", "h1");
	c->nodes[4].cut = true;
	cluster_start(c, 4);
	cluster_run(c, 6000);
	assert_true(gossip_is_alone(c->nodes[4].g));
	c->nodes[4].cut = false;
	cluster_run(c, 5000);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_COPY);
	assert_true(all_alive(c));
}

static void after_a_day_the_key_is_new_and_nobody_notices(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id id;

	cluster_form(c, 2);
	id = gossip_self(c->nodes[1].g);
	for (size_t n = 0; n < 2; n++)
		c->nodes[n].cut = false;
	c->now = mono_add_ms(c->now, INT64_C(24) * 3600 * 1000 - 3000);
	cluster_run(c, 8000);
	assert_true(gossip_member(c->nodes[0].g, &id, &info));
	assert_int_equal(info.epoch, 2);
	assert_int_equal(cluster_alive(c, 0), 2);
	assert_int_equal(cluster_alive(c, 1), 2);
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
}

static bool is_told_at_its_port(struct cluster *c)
{
	struct id id = gossip_self(c->nodes[1].g);
	struct member_info info;

	return gossip_member(c->nodes[0].g, &id, &info) && info.epoch == 2 &&
	       hostport_eq(&info.addr, &c->nodes[1].addr);
}

/* A run that its disk has forgotten told of another address under the epoch that this run had. */
static void who_claims_a_higher_epoch_tells_again_where_it_lives(void **state)
{
	struct cluster *c = *state;
	static const struct id topic_all;
	struct admission *adm;
	struct rec_member rec;
	struct row_view row;
	struct id id;

	cluster_form(c, 2);
	adm = c->nodes[1].g->admission;
	id = gossip_self(c->nodes[1].g);
	adm->core->self.member.gossip.port = 8000;
	adm->claiming = (struct claiming){.under_way = true, .epoch = 2, .began = c->now};
	adm->retry_due = c->now;
	assert_true(cluster_until(c, 2000, is_told_at_its_port));
	cluster_run(c, 500);
	assert_true(gossip_row(c->nodes[0].g, &id, &topic_all, ROW_MEMBER, topic_all.b, 0, &row));
	assert_int_equal(row.epoch, 2);
	assert_int_equal(rec_member_decode(row.value, row.value_len, &rec), 0);
	assert_true(hostport_eq(&rec.gossip, &c->nodes[1].addr));
}

struct elsewhere {
	struct cluster *c;
	struct hostport at;
	size_t sent, drawn;
};

/* What node 1 sends to node 0 seems to come from somewhere else, where nobody answers. */
static bool moves(void *ctx, const struct flight *flight)
{
	struct elsewhere *elsewhere = ctx;
	struct cluster *c = elsewhere->c;

	if (hostport_eq(&flight->to, &elsewhere->at))
		elsewhere->drawn += flight->len;
	if (hostport_eq(&flight->to, &c->nodes[0].addr) &&
	    hostport_eq(&flight->from, &c->nodes[1].addr)) {
		c->flight[flight - c->flight].from = elsewhere->at;
		elsewhere->sent += flight->len;
	}
	return true;
}

static void claims_draw_no_more_bytes_than_they_bring_where_nobody_answers(void **state)
{
	struct cluster *c = *state;
	struct elsewhere elsewhere = {c, {inet_from_v4(0x0a000063), GOSSIP_PORT}, 0, 0};
	uint8_t epoch[8];
	struct id id;

	cluster_form(c, 3);
	cluster_run(c, 3000);
	id = gossip_self(c->nodes[0].g);
	wire_put(epoch, c->nodes[1].g->core.self.epoch, sizeof(epoch));
	c->watch = moves;
	c->watch_ctx = &elsewhere;
	for (int i = 0; i < 200; i++) {
		outbox_add(&c->nodes[1].g->core.outbox, &id, CLASS_CONTROL, FRAME_CLAIM, epoch,
			   sizeof(epoch));
		cluster_run(c, 20);
		assert_true(elsewhere.drawn <= elsewhere.sent);
	}
	assert_true(elsewhere.drawn > 0);
	c->watch = NULL;
}

/* Names this epoch to node 1, as if that claimed one no higher. */
static void name_epoch(struct cluster *c, size_t by, uint64_t epoch)
{
	struct id id = gossip_self(c->nodes[1].g);
	uint8_t body[8];

	wire_put(body, epoch, sizeof(body));
	outbox_add(&c->nodes[by].g->core.outbox, &id, CLASS_CONTROL, FRAME_SET_BACK, body,
		   sizeof(body));
	cluster_run(c, 100);
}

static uint64_t own_epoch(const struct cluster *c)
{
	return c->nodes[1].g->core.self.epoch;
}

/* Each is put on the disk and shown to all, and none has to be proved. */
static void a_member_that_names_ever_higher_epochs_is_believed_but_now_and_then(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_run(c, 3000);
	for (int i = 0; i < 36000; i++)
		name_epoch(c, 0, own_epoch(c));
	assert_in_range(own_epoch(c), 1 + 4 + 5, 1 + 4 + 6); /* an hour has six times ten minutes */
	assert_true(c->nodes[1].g->admission->stored_epoch == own_epoch(c));
	assert_true(all_alive(c));
}

static void who_names_too_many_epochs_takes_no_other_members_word(void **state)
{
	struct cluster *c = *state;
	uint64_t before;

	cluster_form(c, 3);
	cluster_run(c, 3000);
	for (int i = 0; i < 100; i++)
		name_epoch(c, 0, own_epoch(c));
	before = own_epoch(c);
	name_epoch(c, 2, before + 6);
	cluster_run(c, 1000);
	assert_int_equal(own_epoch(c), before + 7);
}

/* He says so again at each claim that comes before the higher one. */
static void who_names_one_epoch_often_is_believed_another_one_soon_after(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_run(c, 3000);
	for (int i = 0; i < 50; i++)
		name_epoch(c, i % 4 < 2 ? 0 : 2, i % 2 ? 7 : 3);
	assert_int_equal(own_epoch(c), 8);
	name_epoch(c, 0, 12);
	cluster_run(c, 1000);
	assert_int_equal(own_epoch(c), 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_killed_node_comes_back_by_itself_with_its_identity),
	    TEST(all_nodes_restarted_at_once_find_each_other),
	    TEST(a_node_with_a_new_address_is_followed),
	    TEST(a_copied_state_directory_is_refused_and_changes_nothing),
	    TEST(without_a_peer_a_node_goes_on_alone_and_says_so),
	    TEST(a_cluster_of_one_needs_nobodys_consent),
	    TEST(an_epoch_that_cannot_be_stored_is_never_shown),
	    TEST(a_copy_that_ran_alone_is_found_when_it_meets_the_others),
	    TEST(after_a_day_the_key_is_new_and_nobody_notices),
	    TEST(who_claims_a_higher_epoch_tells_again_where_it_lives),
	    TEST(a_member_that_names_ever_higher_epochs_is_believed_but_now_and_then),
	    TEST(who_names_too_many_epochs_takes_no_other_members_word),
	    TEST(who_names_one_epoch_often_is_believed_another_one_soon_after),
	    TEST(claims_draw_no_more_bytes_than_they_bring_where_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
