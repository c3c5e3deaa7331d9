/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include "gossip/base/pack.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

static struct tnet net;

static int teardown(void **state)
{
	(void)state;
	tnet_close(&net);
	return 0;
}

static void stage(size_t number, enum farewell_stage stage)
{
	tables_farewell(tnet_node(&net, number)->tables, stage);
}

static struct member *seen(size_t by, size_t number)
{
	struct id id = id_numbered((uint8_t)number);

	return member_find(&tnet_node(&net, by)->kit.members, &id);
}

/* The record that says so is not looked at by these tables. */
static void is_known_to_have_left(size_t by, size_t number)
{
	struct member *member = seen(by, number);

	member->compared = false;
	member_set_state(&tnet_node(&net, by)->kit.members, member, MEMBER_LEFT);
}

static void name(size_t number, const uint8_t *numbers, size_t count, uint8_t part)
{
	struct row_view row = {.kind = ROW_PARTING, .key_len = 2, .key = {0, part}};
	uint8_t ids[8 * ID_BYTES], value[sizeof(ids) + 4];
	struct pack pack;
	uint64_t token;

	for (size_t i = 0; i < count; i++)
		memcpy(ids + i * ID_BYTES, id_numbered(numbers[i]).b, ID_BYTES);
	pack_init(&pack, value, sizeof(value));
	pack_bin(&pack, ids, count * ID_BYTES);
	row.value = value;
	row.value_len = pack.len;
	assert_int_equal(tnet_put_rows(&net, number, &row, 1, &token, NULL), 0);
}

static void range(size_t number, uint32_t key, const char *value)
{
	assert_int_equal(tnet_put(&net, number, ROW_RANGE, NULL, key, value), 0);
}

static bool has(size_t number, size_t owner, uint32_t key)
{
	return tnet_has(&net, number, owner, NULL, ROW_RANGE, key, NULL);
}

static void who_leaves_compares_with_nobody_and_tells_its_rows_all_the_same(void **state)
{
	(void)state;
	tnet_open(&net, 2, 13);
	stage(1, FAREWELL_MUTE);
	tnet_run(&net, 20000);
	tnet_sync(&net, 2, 1);
	tnet_sync(&net, 1, 2);
	tnet_run(&net, 10000);
	assert_int_equal(tnet_node(&net, 1)->synced + tnet_node(&net, 2)->synced, 0);
	range(1, 1, "told");
	range(2, 2, "heard");
	tnet_run(&net, 100);
	assert_true(has(2, 1, 1));
	assert_true(has(1, 2, 2));
	stage(1, FAREWELL_NONE);
	tnet_sync(&net, 2, 1);
	tnet_run(&net, 1000);
	assert_int_equal(tnet_node(&net, 2)->synced, 1);
}

/* A pull that ends compares again, and "equal" would be an introduction. */
static void what_was_being_compared_ends_with_the_command(void **state)
{
	struct id other = id_numbered(2);

	(void)state;
	tnet_open(&net, 2, 14);
	tnet_cut(&net, 1, 2, true);
	for (uint32_t key = 0; key < 200; key++)
		range(2, key, "much");
	tnet_run(&net, 5000);
	tnet_cut(&net, 1, 2, false);
	tnet_sync(&net, 1, 2);
	while (!has(1, 2, 0))
		tnet_run(&net, 1);
	assert_non_null(repair_find(tnet_node(&net, 1)->tables, &other));
	stage(1, FAREWELL_MUTE);
	assert_null(repair_find(tnet_node(&net, 1)->tables, &other));
	tnet_run(&net, 10000);
	assert_int_equal(tnet_node(&net, 1)->synced + tnet_node(&net, 2)->synced, 0);
}

/* Node 1 leaves, and it alone has rows of 3, whom it named, of 4, whom it did not, and perhaps a
 * fact. */
static void leave_with_rows_of_others(bool fact, bool known)
{
	const uint8_t named[] = {2, 3};

	tnet_open(&net, 4, 15);
	if (known) {
		range(4, 0, "known to both");
		tnet_run(&net, 20000);
		assert_true(has(1, 4, 0) && has(2, 4, 0));
	}
	for (size_t number = 3; number <= 4; number++)
		tnet_cut(&net, 2, number, true);
	name(1, named, 2, 0);
	tnet_run(&net, 1000);
	tnet_cut(&net, 1, 2, true);
	range(3, 1, "of a named one");
	range(4, 1, "of another");
	if (fact)
		assert_int_equal(tnet_put(&net, 3, FACT_NETWORK, NULL, 7, "fact"), 0);
	tnet_run(&net, 20000); /* none of it is told any more */
	assert_true(has(1, 3, 1) && has(1, 4, 1));
	for (size_t number = 3; number <= 4; number++)
		tnet_cut(&net, 1, number, true);
	stage(1, FAREWELL_TELLS);
	is_known_to_have_left(2, 1);
	tnet_cut(&net, 1, 2, false);
}

static bool is_over(void)
{
	return tables_has_heard(tnet_node(&net, 2)->tables, seen(2, 1));
}

static void who_left_shows_what_it_has_but_of_nobody_whom_it_has_not_named(void **state)
{
	(void)state;
	leave_with_rows_of_others(true, false);
	assert_false(is_over());
	tnet_run(&net, 3000);
	assert_true(has(2, 3, 1));
	assert_true(tnet_has(&net, 2, 3, NULL, FACT_NETWORK, 7, NULL));
	assert_false(has(2, 4, 1));
	assert_false(is_over());
	/* The newcomer comes to be known by itself. */
	tnet_cut(&net, 2, 4, false);
	tnet_sync(&net, 2, 4);
	for (int i = 0; i < 20 && !is_over(); i++)
		tnet_run(&net, 250);
	assert_true(is_over());
	assert_true(has(2, 4, 1));
	assert_false(seen(2, 4)->state == MEMBER_LEFT);
}

static void is_over_within(int64_t ms_min, int64_t ms_max)
{
	int64_t ms = 0;

	for (; ms < 60000 && !is_over(); ms += 250)
		tnet_run(&net, 250);
	assert_in_range(ms, ms_min, ms_max);
}

static void what_nobody_can_mend_holds_up_no_leave(void **state)
{
	(void)state;
	leave_with_rows_of_others(true, false);
	is_over_within(3000, 10000);
	assert_true(has(2, 3, 1));
	assert_false(has(2, 4, 1));
}

/* What it does not show of an owner it does not take for missing here. */
static void what_is_known_of_whom_it_has_not_named_holds_up_no_leave(void **state)
{
	(void)state;
	leave_with_rows_of_others(true, true);
	is_over_within(3000, 15000);
	assert_true(has(2, 3, 1));
	assert_false(has(2, 4, 1));
	assert_in_range(tnet_node(&net, 2)->tables->counts.digests, 1, 60);
}

/* So many facts both have; one more the leaver has no room for. */
static void leave_with_no_room(uint32_t facts)
{
	tnet_open(&net, 2, 16);
	tnet_node(&net, 1)->kit.core.limits.facts_max = facts;
	for (uint32_t key = 0; key < facts; key++)
		assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, key, "known"), 0);
	tnet_run(&net, 20000);
	assert_int_equal(tnet_put(&net, 2, FACT_NETWORK, NULL, facts, "one too many"), 0);
	stage(1, FAREWELL_TELLS);
	is_known_to_have_left(2, 1);
	is_over_within(3000, 30000);
	assert_false(tnet_has(&net, 1, 2, NULL, FACT_NETWORK, facts, NULL));
}

/* It asks for the fact again and again, and has nothing itself to be asked for. */
static void who_left_and_can_take_no_more_holds_up_no_leave(void **state)
{
	(void)state;
	leave_with_no_room(1);
	tnet_close(&net);
	leave_with_no_room(200);
}

/* A row of somebody who is no node here, as node `number` was told it by the other one. */
static void told(size_t number, uint16_t kind, uint8_t owner, uint32_t key, size_t value_len)
{
	static const uint8_t zeros[VALUE_BYTES_MAX];
	struct row_view row = {.kind = kind,
			       .owner = id_numbered(owner),
			       .epoch = kind < ROW_KIND_FACTS,
			       .sequence = kind < ROW_KIND_FACTS ? key + 1 : 1,
			       .value = zeros,
			       .value_len = value_len};
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;

	tnet_key(&row, key);
	len = tnet_sign(&row, bytes);
	assert_int_equal(tnet_receive(&net, number, 3 - number, bytes, len), DROP_NONE);
}

/* It was away for long and fetches for a minute and a half, and one row it alone has. So much
 * differs that each comparison looks at a part of it. */
static void who_left_and_fetches_still_is_not_heard_before_its_rows_are_here(void **state)
{
	const uint8_t named[] = {2, 250};

	(void)state;
	tnet_open(&net, 2, 26);
	net.delay_ns_min = net.delay_ns_max = 300 * NS_PER_MS;
	seen(1, 2)->srtt_ns = seen(2, 1)->srtt_ns = 600 * NS_PER_MS;
	name(1, named, 2, 0);
	tnet_run(&net, 1000);
	tnet_cut(&net, 1, 2, true);
	for (uint32_t key = 0; key < 2000; key++) {
		for (size_t number = 1; number <= 2; number++)
			told(number, FACT_NETWORK, (uint8_t)(10 + key % 200), key, 10);
	}
	told(1, ROW_RANGE, 250, 1, 10);
	for (uint8_t owner = 10; owner < 240; owner++) {
		for (uint32_t key = 0; key < 20; key++)
			told(2, ROW_RANGE, owner, key, 900);
	}
	tnet_run(&net, 20000); /* none of it is told any more */
	stage(1, FAREWELL_TELLS);
	is_known_to_have_left(2, 1);
	tnet_cut(&net, 1, 2, false);
	rng_init(&tnet_node(&net, 2)->kit.core.rng, 14); /* its row is in none of the first parts */
	for (int ms = 0; ms < 200000 && !is_over(); ms += 50)
		tnet_run(&net, 50);
	assert_true(is_over());
	assert_true(has(2, 250, 1));
	/* All of them have come by then, or so many comparisons brought nothing. */
	if (!has(1, 239, 19))
		assert_in_range(tnet_node(&net, 2)->tables->counts.digests, 32, 100);
}

/* Nothing of what was asked for came, so often that it counts as heard if it counts. */
static void what_was_given_up_is_not_heard(void **state)
{
	struct id leaver = id_numbered(1);
	struct tables *tables;
	struct session *session;

	(void)state;
	tnet_open(&net, 2, 19);
	is_known_to_have_left(2, 1);
	tables = tnet_node(&net, 2)->tables;
	session = repair_open(tables, &leaver);
	for (int answered = 0; answered < 2; answered++) {
		for (int i = 0; i < 40 && session->used; i++) {
			session->answered = answered;
			session->applied = tables->counts.applied + 1; /* others told something */
			repair_again(tables, session);
		}
		assert_int_equal(seen(2, 1)->compared, answered);
		assert_int_equal(session->used, !answered);
	}
}

static void who_falls_silent_has_not_told_everything(void **state)
{
	struct id leaver = id_numbered(1);
	struct session *session = NULL;

	(void)state;
	leave_with_rows_of_others(false, false);
	assert_false(is_over());
	while (session == NULL || session->wants.count == 0) {
		tnet_run(&net, 1);
		session = repair_find(tnet_node(&net, 2)->tables, &leaver);
	}
	tnet_cut(&net, 1, 2, true);
	tnet_run(&net, 60000);
	assert_null(repair_find(tnet_node(&net, 2)->tables, &leaver));
	assert_false(has(2, 3, 1));
	assert_false(seen(2, 1)->compared);
	tnet_cut(&net, 1, 2, false);
	assert_false(is_over());
	tnet_run(&net, 3000);
	assert_true(has(2, 3, 1));
}

static void rows_of_a_removed_owner_are_shown_though_it_was_not_named(void **state)
{
	struct member *fourth;

	(void)state;
	leave_with_rows_of_others(true, false);
	fourth = seen(1, 4);
	member_set_state(&tnet_node(&net, 1)->kit.members, fourth, MEMBER_REMOVED);
	assert_false(is_over());
	tnet_run(&net, 3000);
	assert_true(has(2, 4, 1));
	assert_true(is_over());
}

static void to_equal_one_that_left_is_no_introduction(void **state)
{
	(void)state;
	tnet_open(&net, 2, 16);
	stage(1, FAREWELL_TELLS);
	is_known_to_have_left(2, 1);
	range(2, 1, "later than the leave");
	assert_false(is_over());
	tnet_run(&net, 1000);
	assert_true(is_over());
	assert_true(has(1, 2, 1));
	assert_int_equal(tnet_node(&net, 1)->synced + tnet_node(&net, 2)->synced, 0);
}

/* It was told of a newcomer after its command. */
static void who_leaves_passes_on_nobody_whom_it_has_not_named(void **state)
{
	const uint8_t named[] = {2, 3};

	(void)state;
	tnet_open(&net, 4, 17);
	name(1, named, 2, 0);
	tnet_run(&net, 1000);
	for (size_t number = 3; number <= 4; number++)
		tnet_cut(&net, 2, number, true);
	stage(1, FAREWELL_MUTE);
	range(3, 1, "of a named one");
	range(4, 1, "of another");
	tnet_run(&net, 500);
	assert_true(has(1, 3, 1) && has(1, 4, 1));
	assert_true(has(2, 3, 1));
	assert_false(has(2, 4, 1));
}

/* Its disk went back: it is shown that it left, and then whom it named. */
static void names_that_come_later_count(void **state)
{
	const uint8_t first[] = {2}, second[] = {3};
	struct id third = id_numbered(3);

	(void)state;
	tnet_open(&net, 3, 18);
	name(1, first, 1, 0);
	tnet_run(&net, 100);
	stage(1, FAREWELL_TELLS);
	assert_false(farewell_shows(tnet_node(&net, 1)->tables, &third));
	name(1, second, 1, 1);
	tnet_run(&net, 100);
	assert_true(farewell_shows(tnet_node(&net, 1)->tables, &third));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_teardown(name, teardown)
	    STORY(who_leaves_compares_with_nobody_and_tells_its_rows_all_the_same),
	    STORY(what_was_being_compared_ends_with_the_command),
	    STORY(who_left_shows_what_it_has_but_of_nobody_whom_it_has_not_named),
	    STORY(what_nobody_can_mend_holds_up_no_leave),
	    STORY(what_is_known_of_whom_it_has_not_named_holds_up_no_leave),
	    STORY(who_left_and_can_take_no_more_holds_up_no_leave),
	    STORY(who_left_and_fetches_still_is_not_heard_before_its_rows_are_here),
	    STORY(what_was_given_up_is_not_heard),
	    STORY(who_falls_silent_has_not_told_everything),
	    STORY(rows_of_a_removed_owner_are_shown_though_it_was_not_named),
	    STORY(to_equal_one_that_left_is_no_introduction),
	    STORY(who_leaves_passes_on_nobody_whom_it_has_not_named),
	    STORY(names_that_come_later_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
