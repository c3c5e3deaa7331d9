/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "test/gossip/core_kit.h"
#include "test/gossip/core_net.h"

static struct core_net net;

static int teardown(void **state)
{
	(void)state;
	core_net_close(&net);
	return 0;
}

/* Nodes 0 and 1 are a cluster; node 2 was let in by node 1, and its token names node 0 as well; the
 * command so many addresses more at which nobody is. */
static void form_with(uint64_t seed, size_t more)
{
	struct hostport addrs[8] = {{.port = 0}};
	struct core_net_answer token;
	struct gossip_command join = {.kind = CMD_JOIN, .addrs = addrs, .addr_count = 1 + more};

	core_net_open(&net, 3, seed);
	net.count = 2;
	assert_true(core_net_form(&net));
	net.count = 3;
	token = core_net_token(&net, 0);
	join.text = (const char *)token.bytes;
	for (size_t i = 0; i <= more; i++)
		addrs[i] = net.nodes[1].addr;
	for (size_t i = 1; i <= more; i++)
		addrs[i].ip = inet_from_v4(0x0a000100u + (uint32_t)i);
	net.nodes[0].deaf = true;
	assert_int_equal(core_net_command(&net, 2, &join, 5000).err.code, 0);
	net.nodes[0].deaf = false;
	assert_true(core_net_until(&net, core_net_all_alive, 10000));
	core_net_run(&net, 1000);
}

static void form(uint64_t seed)
{
	form_with(seed, 0);
}

/* As if the member row of one node had never come to the disk of another. */
static void forget(size_t at, size_t whom)
{
	struct vec *stored = &net.nodes[at].stored;

	for (size_t i = stored->count; i-- > 0;) {
		struct core_net_write *write = *(struct core_net_write **)vec_at(stored, i);
		struct rec_member rec;
		struct row_view row;
		if (write->kind != WRITE_SNAPSHOT)
			continue;
		assert_int_equal(row_parse(write->bytes, write->len, &row), 0);
		if (row.kind != ROW_MEMBER)
			continue;
		assert_int_equal(rec_member_decode(row.value, row.value_len, &rec), 0);
		if (strcmp(rec.name, net.nodes[whom].name) != 0)
			continue;
		heap_give(&net.heap, write, sizeof(*write));
		vec_remove(stored, i);
	}
}

static bool the_first_and_the_last_meet(const struct core_net *of)
{
	return core_net_state(of, 0, 2) == MEMBER_ALIVE && core_net_state(of, 2, 0) == MEMBER_ALIVE;
}

/* Who let it in is dead, it has moved itself, and of the others it knows an address alone. */
static void who_finds_nobody_asks_where_its_token_said(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		form(seed);
		core_net_kill(&net, 2);
		core_net_kill(&net, 1);
		forget(2, 0);
		net.nodes[2].addr.ip = inet_from_v4(0x0a0000f0);
		core_net_run(&net, 20000);
		assert_int_equal(core_net_state(&net, 0, 2), MEMBER_FAILED);
		core_net_start(&net, 2);
		assert_int_equal(core_net_state(&net, 2, 0), MEMBER_UNKNOWN);
		/* Alone after 5 s, nobody alive some 7 s later, two addresses in turn. */
		assert_true(core_net_until(&net, the_first_and_the_last_meet, 25000));
		if (seed < 5)
			core_net_close(&net);
	}
}

/* Who knew them both is dead, and neither has heard of the other. */
static void two_strangers_of_one_cluster_meet_by_a_knock(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		form(seed);
		core_net_kill(&net, 2);
		core_net_kill(&net, 1);
		core_net_kill(&net, 0);
		forget(2, 0);
		forget(0, 2);
		core_net_start(&net, 0);
		core_net_run(&net, 20000);
		core_net_start(&net, 2);
		assert_int_equal(core_net_state(&net, 0, 2), MEMBER_UNKNOWN);
		assert_int_equal(core_net_state(&net, 2, 0), MEMBER_UNKNOWN);
		assert_true(core_net_until(&net, the_first_and_the_last_meet, 40000));
		if (seed < 5)
			core_net_close(&net);
	}
}

/* Who let it in has lost its disk, and the other had not stored either of them. */
static void who_was_let_in_by_somebody_forgotten_says_who_that_was(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		form(seed);
		core_net_kill(&net, 1);
		core_net_run(&net, 20000);
		core_net_kill(&net, 0);
		forget(0, 1);
		forget(0, 2);
		core_net_start(&net, 0);
		assert_int_equal(core_net_state(&net, 0, 1), MEMBER_UNKNOWN);
		assert_int_equal(core_net_state(&net, 0, 2), MEMBER_UNKNOWN);
		assert_true(core_net_until(&net, the_first_and_the_last_meet, 20000));
		assert_int_not_equal(core_net_state(&net, 0, 1), MEMBER_UNKNOWN);
		if (seed < 5)
			core_net_close(&net);
	}
}

/* Who let it in has left and is all that it has ever heard of; so nobody has failed in its eyes. */
static void who_knows_but_one_who_left_asks_where_its_token_said(void **state)
{
	struct gossip_command leave = {.kind = CMD_LEAVE};

	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		form(seed);
		assert_int_equal(core_net_command(&net, 1, &leave, 5000).err.code, 0);
		core_net_run(&net, 40000); /* so that both have it on their disks */
		core_net_kill(&net, 2);
		core_net_kill(&net, 1);
		core_net_kill(&net, 0);
		forget(2, 0);
		forget(0, 2);
		core_net_start(&net, 0);
		core_net_start(&net, 2);
		assert_int_equal(core_net_state(&net, 2, 0), MEMBER_UNKNOWN);
		assert_int_equal(core_net_state(&net, 2, 1), MEMBER_LEFT);
		/* Alone after 5 s, then two addresses in turn. */
		assert_true(core_net_until(&net, the_first_and_the_last_meet, 15000));
		if (seed < 5)
			core_net_close(&net);
	}
}

/* Many seeds that nobody is at, and a round of them takes minutes: whom it pings meanwhile, each of
 * two every eight seconds, is shown its own row all the same. */
static void a_long_round_of_seeds_does_not_hide_the_own_row(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		form_with(seed, 7);
		core_net_kill(&net, 1);
		core_net_kill(&net, 0);
		forget(0, 2);
		core_net_run(&net, 70000); /* in the second round, which ends after 240 s */
		core_net_start(&net, 0);
		assert_int_equal(core_net_state(&net, 0, 2), MEMBER_UNKNOWN);
		assert_int_not_equal(core_net_state(&net, 0, 1), MEMBER_UNKNOWN);
		assert_true(core_net_until(&net, the_first_and_the_last_meet, 9500));
		if (seed < 12)
			core_net_close(&net);
	}
}

/* Its disk went back before the two were let in, and it lives elsewhere now: they see each other
 * and look for it where it was, and it has never heard of them. Only the last one knows an address
 * at which anybody is, and who let that one in is forgotten as well. */
static void two_who_are_forgotten_together_ask_their_seeds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		form_with(seed, 3);
		core_net_kill(&net, 0);
		core_net_run(&net, 20000);
		assert_int_equal(core_net_state(&net, 1, 0), MEMBER_FAILED);
		assert_int_equal(core_net_state(&net, 1, 2), MEMBER_ALIVE);
		forget(0, 1);
		forget(0, 2);
		net.nodes[0].addr.ip = inet_from_v4(0x0a000102);
		core_net_start(&net, 0);
		assert_int_equal(core_net_state(&net, 0, 1), MEMBER_UNKNOWN);
		assert_int_equal(core_net_state(&net, 0, 2), MEMBER_UNKNOWN);
		/* Of each two throws one is a knock, at one of four in turn, and of two answers
		 * one is the row of whom node 0 let in itself. */
		assert_true(core_net_until(&net, core_net_all_alive, 1200000));
		if (seed < 5)
			core_net_close(&net);
	}
}

/* Its disk has an earlier epoch than was in use. */
static void set_back(size_t node, uint64_t epoch)
{
	struct vec *stored = &net.nodes[node].stored;

	for (size_t i = 0; i < stored->count; i++) {
		struct core_net_write *write = *(struct core_net_write **)vec_at(stored, i);
		if (write->kind == WRITE_META && write->meta == META_EPOCH)
			wire_put(write->bytes, epoch, 8);
	}
}

/* Who let it in is dead, and of the other its disk knows nothing any more; that one knows a later
 * start of it. */
static void who_went_back_and_knows_nobody_there_is_told_so(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		form(seed);
		for (size_t i = 0; i < 4; i++) {
			core_net_kill(&net, 2);
			core_net_run(&net, 300);
			core_net_start(&net, 2);
			core_net_run(&net, 3000);
		}
		core_net_kill(&net, 1);
		core_net_kill(&net, 2);
		core_net_run(&net, 20000);
		forget(2, 0);
		set_back(2, 1);
		core_net_start(&net, 2);
		assert_int_equal(core_net_state(&net, 2, 0), MEMBER_UNKNOWN);
		assert_true(core_net_until(&net, the_first_and_the_last_meet, 60000));
		if (seed < 5)
			core_net_close(&net);
	}
}

static size_t knocks(void)
{
	size_t count = 0;

	for (size_t i = 0; i < net.recorded.count; i++) {
		const struct core_net_event *sent = vec_at(&net.recorded, i);
		count += sent->len == DATAGRAM_BYTES_MAX && (sent->bytes[0] & 0x0f) == DGRAM_CERT;
	}
	return count;
}

static void nobody_is_asked_while_all_are_there(void **state)
{
	(void)state;
	form_with(1, 3);
	net.record = true;
	core_net_run(&net, 600000);
	assert_true(core_net_all_alive(&net));
	assert_int_equal(knocks(), 0);
}

/* Node 0 is the seed of all and stays; the one that fails was nobody's. */
static void seeds_that_are_there_are_not_asked_for_one_who_failed(void **state)
{
	(void)state;
	core_net_open(&net, 4, 1);
	assert_true(core_net_form(&net));
	core_net_kill(&net, 3);
	net.record = true;
	core_net_run(&net, 600000);
	assert_int_equal(core_net_state(&net, 2, 3), MEMBER_FAILED);
	assert_int_equal(knocks(), 0);
}

/* While one has failed all others together knock once in half a minute: with one seed that is he,
 * so many throws of a die with as many sides as they are. */
static void however_many_miss_one_they_ask_as_often(void **state)
{
	static const size_t counts[] = {3, 12};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		core_net_open(&net, counts[i], 1);
		assert_true(core_net_form(&net));
		core_net_kill(&net, 0);
		net.record = true;
		core_net_run(&net, 1800000);
		assert_int_equal(core_net_state(&net, 1, 0), MEMBER_FAILED);
		assert_int_equal(core_net_state(&net, 1, 2), MEMBER_ALIVE);
		assert_in_range(knocks(), 35, 80);
		if (i < 1)
			core_net_close(&net);
	}
}

/* With all else that a node says when nobody answers it: an idle one has 300 bytes a second. */
static void it_asks_every_four_seconds_at_first_and_ever_less_often(void **state)
{
	size_t knocked;
	uint64_t before;

	(void)state;
	form(1);
	core_net_kill(&net, 0);
	core_net_kill(&net, 1);
	core_net_run(&net, 10000);
	net.record = true;
	core_net_run(&net, 12000);
	assert_in_range(knocks(), 3, 4);
	core_net_run(&net, 600000);
	knocked = knocks();
	before = net.nodes[2].sent_bytes;
	core_net_run(&net, 300000);
	assert_in_range(knocks() - knocked, 9, 11);
	assert_in_range(net.nodes[2].sent_bytes - before, 9 * DATAGRAM_BYTES_MAX, 300 * 300);
}

static bool the_last_sees_the_first(const struct core_net *of)
{
	return core_net_state(of, 2, 0) == MEMBER_ALIVE;
}

static bool the_last_sees_nobody(const struct core_net *of)
{
	return core_net_state(of, 2, 0) == MEMBER_FAILED;
}

/* However seldom it asked when it was found. */
static void who_is_lost_again_asks_at_once(void **state)
{
	(void)state;
	form(1);
	core_net_kill(&net, 0);
	core_net_kill(&net, 1);
	core_net_run(&net, 600000);
	net.record = true;
	while (knocks() == 0)
		core_net_run(&net, 10);
	net.record = false;
	core_net_start(&net, 0);
	assert_true(core_net_until(&net, the_last_sees_the_first, 30000));
	core_net_kill(&net, 0);
	net.recorded.count = 0;
	net.record = true;
	assert_true(core_net_until(&net, the_last_sees_nobody, 30000));
	core_net_run(&net, 500);
	assert_int_equal(knocks(), 1);
}

static int load(const uint8_t *bytes, size_t len)
{
	static struct blob_store blobs;
	struct heap heap;
	const struct page_source pages = core_kit_pages();
	struct seeded crypto;
	struct gossip_config config = {
	    .crypto = seeded_init(&crypto, 1), .pages = pages, .blobs = &blobs};
	const struct write write = {
	    .kind = WRITE_META, .meta = META_SEEDS, .bytes = bytes, .len = len};
	struct gossip *core;
	int rc;

	heap_init(&heap, &pages);
	blob_store_init(&blobs, &heap, 1);
	core = gossip_new(&config);
	rc = gossip_load(core, &write);
	gossip_free(core);
	blob_store_close(&blobs);
	heap_close(&heap);
	return rc;
}

static void what_is_stored_is_checked(void **state)
{
	uint8_t bytes[17 * 18];

	(void)state;
	memset(bytes, 1, sizeof(bytes));
	assert_int_equal(load(bytes, 18), 0);
	assert_int_equal(load(bytes, 16 * 18), 0);
	assert_int_equal(load(bytes, 17 * 18), WEFT_E_INVALID);
	assert_int_equal(load(bytes, 17), WEFT_E_INVALID);
	bytes[16] = bytes[17] = 0;
	assert_int_equal(load(bytes, 18), WEFT_E_INVALID);
}

#define STORY(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STORY(who_finds_nobody_asks_where_its_token_said),
	    STORY(two_strangers_of_one_cluster_meet_by_a_knock),
	    STORY(who_was_let_in_by_somebody_forgotten_says_who_that_was),
	    STORY(who_knows_but_one_who_left_asks_where_its_token_said),
	    STORY(a_long_round_of_seeds_does_not_hide_the_own_row),
	    STORY(two_who_are_forgotten_together_ask_their_seeds),
	    STORY(who_went_back_and_knows_nobody_there_is_told_so),
	    STORY(nobody_is_asked_while_all_are_there),
	    STORY(seeds_that_are_there_are_not_asked_for_one_who_failed),
	    STORY(however_many_miss_one_they_ask_as_often),
	    STORY(it_asks_every_four_seconds_at_first_and_ever_less_often),
	    STORY(who_is_lost_again_asks_at_once),
	    cmocka_unit_test(what_is_stored_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
