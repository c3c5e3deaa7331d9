/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The checkers themselves: each is fed a history that violates it and must fail by its name. The
 * world behind them is a real one of three hosts that ran for a few seconds; the histories are made
 * up. Checkers that look at the state of nodes are tried by mutants of the code (mutants.txt).
 */
#include <string.h>

#include "checks_parts.h"
#include "faults.h"
#include "gossip/base/pack.h"
#include "gossip/core/wire.h"
#include "selftest_kit.h"

/* Host 1 stores this epoch. */
static void epoch_stored(uint64_t epoch)
{
	struct write write = {.kind = WRITE_META, .meta = META_EPOCH};
	uint8_t bytes[16];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_uint(&pack, epoch);
	write.bytes = bytes;
	write.len = pack.len;
	check_write(&world, &world.hosts[1], &write);
}

static void epoch_goes_back(void)
{
	epoch_stored(2000);
	assert_false(world.failed);
	epoch_stored(1999);
}

static void an_epoch_that_goes_back_is_caught(void **state)
{
	(void)state;
	epoch_goes_back();
	assert_caught(CHECKER_INCARNATION);
}

static void an_epoch_of_who_was_copied_must_not_go_back_either(void **state)
{
	(void)state;
	world.hosts[1].was_astray = true;
	epoch_goes_back();
	assert_caught(CHECKER_INCARNATION);
}

static void an_epoch_of_an_older_disk_may_be_smaller(void **state)
{
	(void)state;
	check_disk_replaced(&world, &world.hosts[1]);
	epoch_stored(2000);
	check_disk_replaced(&world, &world.hosts[1]);
	epoch_stored(1999);
	assert_false(world.failed);
}

/* This host has the removal of host 1 on its disk. */
static void removal_stored(size_t by)
{
	static uint8_t bytes[ROW_BYTES_MAX];
	struct write write = {.kind = WRITE_FACT, .bytes = bytes};
	struct node_batch batch = {.token = 1, .count = 1, .writes = &write};
	struct row_view row = row_of(0, FACT_REMOVAL, 1, "");
	struct sim_host *host = &world.hosts[by];
	struct sim_commit *commit;
	int len;

	row.epoch = 0;
	memcpy(row.key, world.hosts[1].id.b, ID_BYTES);
	row.key_len = ID_BYTES;
	len = row_encode(&row, bytes, sizeof(bytes) - ROW_SIG_BYTES);
	assert_true(len > 0);
	memcpy(bytes + len, signature, ROW_SIG_BYTES);
	write.len = (size_t)len + ROW_SIG_BYTES;
	assert_null(host->commits);
	commit = disk_submit(host, &batch);
	disk_apply(&world, host, commit);
	host->commits = NULL;
	host->commits_end = &host->commits;
	disk_commit_free(commit);
}

static void a_removal_on_the_disk_counts_after_a_start(void **state)
{
	(void)state;
	removal_stored(0);
	check_step(&world, &world.hosts[0]);
	assert_false(world.failed); /* what it heard, it heard before */
	world.now = mono_add_ms(world.now, 1000);
	world.hosts[0].boot++;
	check_start(&world, &world.hosts[0], true);
	check_step(&world, &world.hosts[0]);
	assert_caught(CHECKER_REMOVED_HEARD);
}

static void a_removal_that_only_a_removed_one_has_does_not_count_yet(void **state)
{
	(void)state;
	world.hosts[2].state = HOST_REMOVED;
	removal_stored(2);
	assert_int_equal(world.hosts[1].state, HOST_UP);
	removal_stored(0);
	assert_int_equal(world.hosts[1].state, HOST_REMOVED);
}

static void who_may_be_the_last_to_know_a_removal_is_needed(void **state)
{
	(void)state;
	world.has_admins = true;
	assert_false(admins_need(&world, &world.hosts[2]));
	removal_stored(2);
	assert_int_equal(world.hosts[1].state, HOST_REMOVED);
	assert_true(admins_need(&world, &world.hosts[2]));
	removal_stored(0);
	assert_false(admins_need(&world, &world.hosts[2]));
}

static void member_shown(size_t host, size_t member, enum member_state before,
			 enum member_state after)
{
	update = (struct node_update){.change_count = 1};
	update.changes[0].kind = CHANGE_MEMBER;
	update.changes[0].member = world.hosts[member].id;
	update.changes[0].before = before;
	update.changes[0].after = after;
	check_update(&world, &world.hosts[host], &update);
}

static void a_node_that_takes_itself_for_dead_is_caught(void **state)
{
	(void)state;
	member_shown(1, 1, MEMBER_ALIVE, MEMBER_FAILED);
	assert_caught(CHECKER_SELF_DEAD);
}

static void who_left_and_is_a_member_again_is_caught(void **state)
{
	(void)state;
	member_shown(0, 1, MEMBER_ALIVE, MEMBER_LEFT);
	assert_false(world.failed);
	member_shown(0, 1, MEMBER_LEFT, MEMBER_ALIVE);
	assert_caught(CHECKER_LEFT_BACK);
}

static void a_leave_that_names_nobody_is_caught(void **state)
{
	struct rec_member rec = {.name = "h1", .wire_min = 1, .wire_max = 1, .left = true};
	struct row_view row = row_of(1, ROW_MEMBER, 1, "");
	struct write write = {.kind = WRITE_OWN_ROW};
	uint8_t value[VALUE_BYTES_MAX], bytes[ROW_BYTES_MAX];
	int len;

	(void)state;
	rec.gossip = world.hosts[1].addr;
	len = rec_member_encode(&rec, value, sizeof(value));
	assert_true(len > 0);
	row.key_len = 0;
	row.epoch = 1000;
	row.value = value;
	row.value_len = (size_t)len;
	len = row_encode(&row, bytes, sizeof(bytes) - ROW_SIG_BYTES);
	assert_true(len > 0);
	memcpy(bytes + len, signature, ROW_SIG_BYTES);
	write.bytes = bytes;
	write.len = (size_t)len + ROW_SIG_BYTES;
	assert_int_equal(row_parse(write.bytes, write.len, &write.row), 0);
	update = (struct node_update){.batch_count = 1};
	update.batches[0] = (struct node_batch){.token = 1, .count = 1, .writes = &write};
	check_update(&world, &world.hosts[1], &update);
	assert_caught(CHECKER_NAMED);
}

static void a_healthy_member_that_is_failed_is_caught(void **state)
{
	(void)state;
	check_disturbed(&world, &world.hosts[2]);
	member_shown(0, 2, MEMBER_ALIVE, MEMBER_FAILED);
	assert_false(world.failed);
	member_shown(0, 1, MEMBER_ALIVE, MEMBER_FAILED);
	assert_caught(CHECKER_FALSE_FAILED);
}

/* Host 1 is dead, and the others have not noticed for so long. */
static void dead_for(int64_t ms)
{
	if (world.hosts[1].running)
		host_stop(&world, &world.hosts[1], true);
	world.hosts[1].state = HOST_DOWN;
	members_second(&world);
	world.now = mono_add_ms(world.now, ms);
	members_second(&world);
}

static void a_dead_member_that_is_alive_for_long_is_caught(void **state)
{
	(void)state;
	dead_for(44000);
	assert_false(world.failed);
	dead_for(2000);
	assert_caught(CHECKER_ALIVE_LONG);
}

static void a_dead_member_may_live_on_in_a_copy(void **state)
{
	(void)state;
	world.hosts[2].state = HOST_COPY;
	world.hosts[2].copy_of = 1;
	dead_for(100000);
	assert_false(world.failed);
	world.hosts[2].copy_of = 0;
	dead_for(46000);
	assert_caught(CHECKER_ALIVE_LONG);
}

static void a_failed_member_that_moves_is_not_failed_anew(void **state)
{
	(void)state;
	member_shown(0, 1, MEMBER_FAILED, MEMBER_FAILED);
	assert_false(world.failed);
}

static void sent(size_t len)
{
	static const uint8_t bytes[2048];

	update = (struct node_update){.send_count = 1};
	update.sends[0] = (struct gossip_send){world.hosts[1].addr, bytes, len};
	check_update(&world, &world.hosts[0], &update);
}

static void a_datagram_that_is_too_long_is_caught(void **state)
{
	(void)state;
	sent(DATAGRAM_BYTES_MAX);
	assert_false(world.failed);
	sent(DATAGRAM_BYTES_MAX + 1);
	assert_caught(CHECKER_MTU);
}

static void a_flood_is_caught(void **state)
{
	(void)state;
	for (int i = 0; i < 10000 && !world.failed; i++)
		sent(1000);
	assert_caught(CHECKER_RATE);
}

/* What host 0 hears from a stranger, and what of this type it sends there; none of it reaches its
 * node. */
static void stranger_gets(size_t len, uint8_t type, size_t answer)
{
	const uint8_t bytes[DATAGRAM_BYTES_MAX] = {WIRE_VERSION << 4 | DGRAM_CERT_SEALED};
	const uint8_t answer_bytes[DATAGRAM_BYTES_MAX] = {(uint8_t)(WIRE_VERSION << 4 | type)};
	const struct hostport stranger = {inet_from_v4(0x0b000001u), 99};
	struct node_event event = {.kind = NODE_EV_DATAGRAM,
				   .now = world.now,
				   .from = stranger,
				   .bytes = bytes,
				   .len = len,
				   .ok = true};

	check_event(&world, &world.hosts[0], &event);
	update = (struct node_update){.send_count = answer > 0};
	update.sends[0] = (struct gossip_send){stranger, answer_bytes, answer};
	check_update(&world, &world.hosts[0], &update);
	hostile_judge(&world, &world.hosts[0], &event);
}

static void stranger_says(size_t len, size_t answer)
{
	stranger_gets(len, DGRAM_CERT_SEALED, answer);
}

static void an_answer_that_is_longer_than_what_came_is_caught(void **state)
{
	(void)state;
	stranger_says(160, 160);
	assert_false(world.failed);
	stranger_says(160, 161);
	assert_caught(CHECKER_REPLAY);
}

static void two_datagrams_may_be_answered_with_as_much_as_both_had(void **state)
{
	(void)state;
	stranger_says(160, 0);
	stranger_says(160, 320);
	assert_false(world.failed);
	stranger_says(160, 161);
	assert_caught(CHECKER_REPLAY);
}

static void a_stranger_that_is_knocked_at_is_caught(void **state)
{
	(void)state;
	stranger_gets(DATAGRAM_BYTES_MAX, DGRAM_CERT, DATAGRAM_BYTES_MAX);
	assert_false(world.failed);
	stranger_gets(160, DGRAM_CERT, DATAGRAM_BYTES_MAX);
	assert_caught(CHECKER_REPLAY);
}

static void a_certificate_answers_no_more_than_the_datagram_at_hand(void **state)
{
	(void)state;
	stranger_gets(160, DGRAM_CERT, 0);
	stranger_gets(160, DGRAM_CERT, 161);
	assert_caught(CHECKER_REPLAY);
}

static void what_came_before_a_start_excuses_no_answer(void **state)
{
	(void)state;
	stranger_says(160, 0);
	world.hosts[0].boot++;
	stranger_says(160, 161);
	assert_caught(CHECKER_REPLAY);
}

static void whatever_came_before_excuses_no_more_than_a_datagram(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		stranger_says(DATAGRAM_BYTES_MAX - 1, 0);
	stranger_says(1, DATAGRAM_BYTES_MAX);
	assert_false(world.failed);
	stranger_says(160, 161);
	assert_caught(CHECKER_REPLAY);
}

static void a_queue_above_its_cap_is_caught(void **state)
{
	struct gauges full = {.rows = 10, .frames = 4096, .queued = 10};

	(void)state;
	gauges_judge(&world, &world.hosts[0], &full, 3);
	assert_false(world.failed);
	full.frames++;
	gauges_judge(&world, &world.hosts[0], &full, 3);
	assert_caught(CHECKER_QUEUES);
}

static void a_row_that_waits_twice_is_caught(void **state)
{
	const struct gauges twice = {.rows = 10, .queued = 11};

	(void)state;
	gauges_judge(&world, &world.hosts[0], &twice, 3);
	assert_caught(CHECKER_QUEUES);
}

static void memory_that_no_row_explains_is_caught(void **state)
{
	struct gauges lean = {.rows = 10, .used = (3u << 20) + 10 * 4096 + 3 * (64u << 10)};

	(void)state;
	gauges_judge(&world, &world.hosts[0], &lean, 3);
	assert_false(world.failed);
	lean.used++;
	gauges_judge(&world, &world.hosts[0], &lean, 3);
	assert_caught(CHECKER_MEMORY);
}

static void an_answer_that_the_disk_does_not_know_is_caught(void **state)
{
	struct sim_request request = {.kind = NODE_NETWORK_CREATE};
	struct node_answer answer = {.id.b = {1, 2, 3}};

	(void)state;
	check_answer(&world, &world.hosts[0], &request, &answer);
	assert_caught(CHECKER_TOLD);
}

static void a_request_without_an_answer_is_caught(void **state)
{
	struct sim_request request = {.kind = NODE_ATTACH, .bound = {1}};

	(void)state;
	vec_push(&world.requests, &request);
	check_requests(&world);
	assert_caught(CHECKER_ANSWERED);
}

static void what_never_lets_a_second_pass_is_caught(void **state)
{
	struct mono second = {(world.now.ns / NS_PER_S + 1) * NS_PER_S};

	(void)state;
	sim_run_until(&world, second);
	world.counters[COUNT_STEPS] += 20000;
	sim_run_until(&world, mono_add_ms(second, 500));
	assert_false(world.failed);
	world.counters[COUNT_STEPS] += 100000;
	sim_run_until(&world, mono_add_ms(second, 900));
	assert_caught(CHECKER_STORM);
}

/* Not a checker: what the world must not do to its hosts. */
static void who_alone_knows_another_does_not_lose_its_disk_nor_does_the_other_move(void **state)
{
	struct sim_host *hosts = world.hosts, *known = &hosts[2], *knower = &hosts[1];

	(void)state;
	assert_true(faults_leave_links(&world, &known, 1, NULL));
	assert_true(faults_leave_links(&world, NULL, 0, knower));
	disk_wipe(&world, &hosts[0].disk);
	disk_wipe(&world, &known->disk);
	assert_true(faults_leave_links(&world, &knower, 1, NULL));
	assert_false(faults_leave_links(&world, &known, 1, NULL));
	assert_false(faults_leave_links(&world, NULL, 0, knower));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TRY(an_epoch_that_goes_back_is_caught),
	    TRY(an_epoch_of_who_was_copied_must_not_go_back_either),
	    TRY(an_epoch_of_an_older_disk_may_be_smaller),
	    TRY(a_removal_on_the_disk_counts_after_a_start),
	    TRY(a_removal_that_only_a_removed_one_has_does_not_count_yet),
	    TRY(who_may_be_the_last_to_know_a_removal_is_needed),
	    TRY(a_node_that_takes_itself_for_dead_is_caught),
	    TRY(a_healthy_member_that_is_failed_is_caught),
	    TRY(a_dead_member_that_is_alive_for_long_is_caught),
	    TRY(a_dead_member_may_live_on_in_a_copy),
	    TRY(a_failed_member_that_moves_is_not_failed_anew),
	    TRY(who_left_and_is_a_member_again_is_caught),
	    TRY(a_leave_that_names_nobody_is_caught),
	    TRY(a_datagram_that_is_too_long_is_caught),
	    TRY(a_flood_is_caught),
	    TRY(an_answer_that_is_longer_than_what_came_is_caught),
	    TRY(two_datagrams_may_be_answered_with_as_much_as_both_had),
	    TRY(a_stranger_that_is_knocked_at_is_caught),
	    TRY(a_certificate_answers_no_more_than_the_datagram_at_hand),
	    TRY(what_came_before_a_start_excuses_no_answer),
	    TRY(whatever_came_before_excuses_no_more_than_a_datagram),
	    TRY(a_queue_above_its_cap_is_caught),
	    TRY(a_row_that_waits_twice_is_caught),
	    TRY(memory_that_no_row_explains_is_caught),
	    TRY(an_answer_that_the_disk_does_not_know_is_caught),
	    TRY(a_request_without_an_answer_is_caught),
	    TRY(what_never_lets_a_second_pass_is_caught),
	    TRY(who_alone_knows_another_does_not_lose_its_disk_nor_does_the_other_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) + selftest_rows() + selftest_addresses() +
	       selftest_copies();
}
