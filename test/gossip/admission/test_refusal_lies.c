/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Nobody is removed, or fenced for good, by who is no member or lies; who does not know better
 * stands in test_introduction.c.
 *
 * A datagram is forged as whoever holds an address, or reads along on the way to it, can: under any
 * id and key, sealed to the key that a knock shows in clear text.
 */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "gossip/seal/sealing.h"
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

struct bytes {
	size_t len;
	uint8_t at[ROW_BYTES_MAX];
};

/* Of a node that may be down, in the eyes of another one. */
static struct id id_of(struct cluster *c, size_t at, size_t of)
{
	const struct member_table *members = &c->nodes[at].g->members;
	const char name[] = {'h', (char)('0' + of), 0};

	for (size_t i = 0; i < members->ordered.count; i++) {
		const struct member *member = member_at(members, i);
		if (member->has_record && strcmp(member->rec->name, name) == 0)
			return member->id;
	}
	fail_msg("node %zu does not know %s", at, name);
	return id_none;
}

static struct bytes removal_of(struct cluster *c, size_t at, size_t of)
{
	struct tables *tables = c->nodes[at].g->tables;
	struct id id = id_of(c, at, of);
	struct bytes bytes;
	const uint8_t *fact = tables_fact(tables, FACT_REMOVAL, id.b, ID_BYTES, &bytes.len);

	assert_non_null(fact);
	memcpy(bytes.at, fact, bytes.len);
	return bytes;
}

static void order(struct cluster *c, size_t n, enum gossip_command_kind kind, const struct id *id)
{
	assert_int_equal(cluster_do(c, n, (struct gossip_command){.kind = kind, .id = *id}), 0);
}

static void remove_by(struct cluster *c, size_t by, size_t whom)
{
	struct id id = id_of(c, by, whom);

	order(c, by, CMD_REMOVE, &id);
}

/* Node 1 becomes an admin; the token is its own. */
static const char *second_admin(struct cluster *c)
{
	struct id id = gossip_self(c->nodes[1].g);

	order(c, 0, CMD_ADMIN_ADD, &id);
	cluster_run(c, 1000);
	snprintf(c->token, sizeof(c->token), "%s", cluster_token(c, 1));
	return c->token;
}

static void cut(struct cluster *c, bool is, size_t one, size_t other)
{
	c->nodes[one].cut = c->nodes[other].cut = is;
}

static bool sees_knock(void *ctx, const struct flight *flight)
{
	struct hostport *at = ctx;

	if (flight->len == DATAGRAM_BYTES_MAX && (flight->bytes[0] & 0x0f) == DGRAM_CERT &&
	    hostport_eq(&flight->to, at))
		at->port = 0;
	return true;
}

/* Somebody is alone, and knocks there. */
static void wait_for_knock(struct cluster *c, size_t at)
{
	struct hostport seed = c->nodes[at].addr;

	c->watch = sees_knock;
	c->watch_ctx = &seed;
	for (int ms = 0; ms < 60000 && seed.port != 0; ms++)
		cluster_run(c, 1);
	c->watch = NULL;
	c->watch_ctx = NULL;
	assert_int_equal(seed.port, 0);
}

/* Shows this removal under this id, from this address, with a key and a hand of node `by`; before
 * it a member row, if one is given. */
static void forge(struct cluster *c, size_t by, size_t to, const struct id *as,
		  const struct bytes *row, const struct bytes *removal, const struct hostport *from)
{
	struct gossip *liar = c->nodes[by].g, *victim = c->nodes[to].g;
	const struct gossip_crypto *crypto = liar->core.crypto;
	const size_t ad = WIRE_HEADER_BYTES + CERT_BYTES;
	const struct id self = gossip_self(victim);
	struct own_key *own = &liar->seal->own[OWN_CURRENT];
	struct cert cert = {.wire_min = WIRE_VERSION,
			    .wire_max = WIRE_VERSION,
			    .cluster = liar->core.self.cluster,
			    .node = *as,
			    .epoch = 1};
	uint8_t bytes[DATAGRAM_BYTES_MAX], frames[WIRE_PAYLOAD_MAX], hint[HINT_BYTES];
	const struct id was = gossip_self(liar);
	struct pair pair = {.tx_next = 0};
	size_t len = 0;

	memcpy(cert.key, own->pub, KX_PUB_BYTES);
	liar->core.self.id = *as;
	assert_true(pair_derive(liar->seal, own, &self, victim->seal->own[OWN_CURRENT].pub, &pair));
	liar->core.self.id = was;
	if (row != NULL)
		len = wire_put_frame(frames, FRAME_ROW, row->at, row->len);
	len += wire_put_frame(frames + len, FRAME_REMOVED, removal->at, removal->len);
	hint_of(victim->seal->own[OWN_CURRENT].key_id, hint);
	header_write(bytes, DGRAM_CERT_SEALED, hint, own->key_id, 0);
	cert_sign(crypto, &cert, liar->core.self.sign_sec, bytes + WIRE_HEADER_BYTES);
	crypto->seal(crypto->ctx, pair.tx, 0, bytes, ad, frames, len, bytes + ad);
	cluster_deliver(c, to, from, bytes, ad + len + AEAD_TAG_BYTES);
}

static const struct id made_up = {.b = {0x5a, 0x5a, 0x5a}};

/* Node 1, an admin, admitted nodes 2 and 3. It turned bad: it is none any more, nor a member. */
static void turn_bad(struct cluster *c)
{
	const char *token;
	struct id id;

	cluster_form(c, 2);
	id = gossip_self(c->nodes[1].g);
	token = second_admin(c);
	assert_int_equal(cluster_join(c, 2, token, false), 0);
	assert_int_equal(cluster_join(c, 3, token, false), 0);
	cluster_run(c, 5000);
	c->nodes[1].cut = true;
	order(c, 0, CMD_ADMIN_RM, &id);
	remove_by(c, 0, 1);
	cluster_run(c, 5000);
	assert_int_equal(cluster_state(c, 2, 1), MEMBER_REMOVED);
}

/* What it signs while nobody hears it. */
static struct bytes bad_removal(struct cluster *c, size_t whom)
{
	remove_by(c, 1, whom);
	return removal_of(c, 1, whom);
}

/* Node 2 knocks at it. */
static void lie_to_who_is_alone(struct cluster *c, const struct bytes *removal)
{
	cut(c, true, 0, 3);
	wait_for_knock(c, 1);
	forge(c, 1, 2, &made_up, NULL, removal, &c->nodes[1].addr);
}

static void a_removed_admin_removes_nobody_through_one_that_is_alone(void **state)
{
	struct cluster *c = *state;
	struct bytes removal;

	turn_bad(c);
	removal = bad_removal(c, 3);
	lie_to_who_is_alone(c, &removal);
	cluster_run(c, 1000);
	assert_int_not_equal(cluster_state(c, 2, 3), MEMBER_REMOVED);
	cut(c, false, 0, 3);
	cluster_run(c, 20000);
	assert_int_equal(gossip_phase(c->nodes[3].g), NODE_ACTIVE);
	assert_int_equal(cluster_alive(c, 2), 3);
}

static void a_removed_admin_does_not_remove_one_that_is_alone(void **state)
{
	struct cluster *c = *state;
	struct bytes removal;

	turn_bad(c);
	removal = bad_removal(c, 2);
	lie_to_who_is_alone(c, &removal);
	cluster_run(c, 1000);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_ACTIVE);
}

static void nor_anybody_when_it_was_alone_some_time_ago(void **state)
{
	struct cluster *c = *state;
	struct bytes removal;

	turn_bad(c);
	removal = bad_removal(c, 3);
	cut(c, true, 0, 3);
	wait_for_knock(c, 1);
	cut(c, false, 0, 3);
	cluster_run(c, 120000);
	forge(c, 1, 2, &made_up, NULL, &removal, &c->nodes[1].addr);
	cluster_run(c, 5000);
	assert_int_equal(gossip_phase(c->nodes[3].g), NODE_ACTIVE);
}

/* Its own removal, which it has as everybody does. */
static void who_is_no_member_fences_nobody_that_it_admitted(void **state)
{
	struct cluster *c = *state;
	struct bytes removal;

	turn_bad(c);
	removal = removal_of(c, 0, 1);
	lie_to_who_is_alone(c, &removal);
	cluster_run(c, 60000);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_NONE);
	cut(c, false, 0, 3);
	cluster_run(c, 20000);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_NONE);
}

/* Node 2, which was lost from the disk of node 3, is a member; the key is not its. */
static void a_members_row_beside_it_proves_nothing_under_another_key(void **state)
{
	struct cluster *c = *state;
	struct id id, removed;
	struct bytes row, removal;
	struct gossip *g;
	const uint8_t *at;

	cluster_form(c, 2);
	removed = gossip_self(c->nodes[1].g);
	assert_int_equal(cluster_join(c, 3, second_admin(c), false), 0);
	cluster_run(c, 5000);
	c->nodes[3].cut = true;
	assert_int_equal(cluster_join(c, 2, cluster_token(c, 0), false), 0);
	c->nodes[1].cut = true;
	remove_by(c, 0, 1);
	cluster_run(c, 1000);
	id = gossip_self(c->nodes[2].g);
	at = tables_member_row(c->nodes[2].g->tables, &id, &row.len);
	assert_non_null(at);
	memcpy(row.at, at, row.len);
	removal = removal_of(c, 0, 1);
	cut(c, true, 0, 2);
	c->nodes[3].cut = false;
	wait_for_knock(c, 1);
	forge(c, 1, 3, &id, &row, &removal, &c->nodes[1].addr);
	cluster_run(c, 5000);
	g = c->nodes[3].g;
	assert_false(authority_has_fact(g->tables, FACT_REMOVAL, &removed, NULL));
	assert_int_equal(gossip_fence(g), FENCE_NONE);
}

/* The founder, node 0, is removed by node 1, who admitted all others. */
static void founder_goes(struct cluster *c, size_t count)
{
	const char *token;

	cluster_form(c, 2);
	token = second_admin(c);
	cluster_kill(c, 0);
	remove_by(c, 1, 0);
	for (size_t n = 2; n < count; n++)
		assert_int_equal(cluster_join(c, n, token, false), 0);
	cluster_run(c, 10000);
}

static void one_datagram_does_not_fence_beside_the_own_admitter(void **state)
{
	struct cluster *c = *state;
	struct bytes removal;

	cluster_form(c, 2);
	assert_int_equal(cluster_join(c, 2, second_admin(c), false), 0);
	cluster_run(c, 5000);
	c->nodes[0].cut = true;
	remove_by(c, 1, 0);
	cluster_run(c, 5000);
	removal = removal_of(c, 1, 0);
	c->nodes[1].cut = true;
	wait_for_knock(c, 1);
	forge(c, 0, 2, &made_up, NULL, &removal, &c->nodes[1].addr);
	c->nodes[1].cut = false;
	for (int i = 0; i < 60; i++) {
		assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_NONE);
		cluster_run(c, 1000);
	}
	assert_int_equal(cluster_alive(c, 2), 2);
}

static bool is_not_from(void *ctx, const struct flight *flight)
{
	const struct hostport *mute = ctx;

	return !hostport_eq(&flight->from, mute);
}

static bool refused_by(struct cluster *c, size_t at, size_t by)
{
	struct id id = gossip_self(c->nodes[by].g);

	return member_find(&c->nodes[at].g->members, &id)->refuses;
}

/* Node 5 says to nodes 2, 3 and 4 that it does not believe them, and then nothing more. */
static void lie_to_all(struct cluster *c, const struct bytes *removal, struct hostport *mute)
{
	size_t told = 0;

	for (int ms = 0; ms < 2000 && told < 3; ms++) {
		for (size_t n = 2; n < 5 && ms % 20 == 0; n++) {
			struct id id = gossip_self(c->nodes[n].g);
			outbox_add(&c->nodes[5].g->core.outbox, &id, CLASS_CONTROL, FRAME_REMOVED,
				   removal->at, removal->len);
		}
		cluster_run(c, 1);
		told = 0;
		for (size_t n = 2; n < 5; n++)
			told += refused_by(c, n, 5);
	}
	assert_int_equal(told, 3);
	*mute = c->nodes[5].addr;
	c->watch = is_not_from;
	c->watch_ctx = mute;
}

static void assert_nobody_is_fenced(struct cluster *c)
{
	struct bytes removal = removal_of(c, 5, 0);
	struct hostport mute;

	lie_to_all(c, &removal, &mute);
	for (int i = 0; i < 90; i++) {
		for (size_t n = 1; n < 5; n++)
			assert_int_equal(gossip_fence(c->nodes[n].g), FENCE_NONE);
		cluster_run(c, 1000);
	}
	c->watch = NULL;
}

static void a_member_that_lies_fences_nobody_whom_it_has_spoken_to(void **state)
{
	struct cluster *c = *state;

	founder_goes(c, 6);
	assert_nobody_is_fenced(c);
}

static void nor_where_the_founder_admitted_all_itself(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 6);
	(void)second_admin(c);
	cluster_kill(c, 0);
	remove_by(c, 1, 0);
	cluster_run(c, 10000);
	assert_nobody_is_fenced(c);
}

static bool is_fenced(struct cluster *c)
{
	return gossip_fence(c->nodes[2].g) == FENCE_VOID;
}

static bool is_free(struct cluster *c)
{
	return !is_fenced(c);
}

static bool is_not_between(void *ctx, const struct flight *flight)
{
	const struct cluster *c = ctx;

	return !hostport_eq(&flight->from, &c->nodes[5].addr) ||
	       !hostport_eq(&flight->to, &c->nodes[2].addr);
}

/* Node 2 starts again, and does not know any more that node 5 believed it once: all chains lead
 * through the founder. */
static void the_word_of_a_member_that_lies_ends_with_its_removal(void **state)
{
	struct cluster *c = *state;
	struct id founder, liar;
	struct gossip *g;

	founder_goes(c, 6);
	founder = id_of(c, 5, 0);
	liar = gossip_self(c->nodes[5].g);
	c->watch = is_not_between;
	c->watch_ctx = c;
	cluster_kill(c, 2);
	cluster_start(c, 2);
	cluster_run(c, 5000);
	assert_true(is_free(c));
	g = c->nodes[2].g;
	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	refusal_shown(g->admission, member_find(&g->members, &liar), &founder);
	assert_true(cluster_until(c, 1000, is_fenced));
	cluster_kill(c, 5);
	/* Not by time, or a cut would free whom all refuse. */
	cluster_run(c, 90000);
	assert_true(is_fenced(c));
	remove_by(c, 1, 5);
	assert_true(cluster_until(c, 5000, is_free));
}

/* Any other fact comes by rows. */
static void the_frame_of_a_refusal_removes_nobody_else(void **state)
{
	struct cluster *c = *state;
	struct opened in = {.from = NULL};
	struct bytes removal;
	struct gossip *g;
	struct id by;

	cluster_form(c, 4);
	cluster_run(c, 2000);
	c->nodes[2].cut = true;
	g = c->nodes[2].g;
	remove_by(c, 0, 3);
	removal = removal_of(c, 0, 3);
	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	by = gossip_self(c->nodes[0].g);
	in.from = member_find(&g->members, &by);
	assert_int_equal(
	    seal_frame(g->seal, &in, &c->nodes[0].addr, FRAME_REMOVED, removal.at, removal.len),
	    DROP_NONE);
	assert_int_not_equal(cluster_state(c, 2, 3), MEMBER_REMOVED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_removed_admin_removes_nobody_through_one_that_is_alone),
	    TEST(a_removed_admin_does_not_remove_one_that_is_alone),
	    TEST(nor_anybody_when_it_was_alone_some_time_ago),
	    TEST(who_is_no_member_fences_nobody_that_it_admitted),
	    TEST(a_members_row_beside_it_proves_nothing_under_another_key),
	    TEST(one_datagram_does_not_fence_beside_the_own_admitter),
	    TEST(a_member_that_lies_fences_nobody_whom_it_has_spoken_to),
	    TEST(nor_where_the_founder_admitted_all_itself),
	    TEST(the_word_of_a_member_that_lies_ends_with_its_removal),
	    TEST(the_frame_of_a_refusal_removes_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
