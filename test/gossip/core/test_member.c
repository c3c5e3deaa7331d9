/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "test/gossip/core_kit.h"

static struct core_kit kit;

static int setup(void **state)
{
	(void)state;
	core_kit_open(&kit, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	member_check(&kit.members);
	core_kit_close(&kit);
	return 0;
}

static void members_stand_in_order_of_id_and_stay_at_their_address(void **state)
{
	struct member *first = core_kit_member(&kit, 50, "a");
	struct id id = id_numbered(50);

	(void)state;
	for (uint8_t i = 1; i < 90; i++) {
		id = id_numbered((uint8_t)(i * 37));
		if (!id_is_zero(&id))
			assert_non_null(member_intern(&kit.members, &id));
	}
	id = id_numbered(50);
	assert_ptr_equal(member_find(&kit.members, &id), first);
	member_check(&kit.members);
}

/* Two nodes that learn the same in another order agree; what was told of nobody adds nothing. */
static void the_hash_of_the_liveness_is_that_of_what_is_known(void **state)
{
	struct member *first = core_kit_member(&kit, 2, "two");
	struct member *second = core_kit_member(&kit, 18, "eighteen"); /* the same bucket */
	uint32_t *hash = &kit.members.liveness[2];
	uint32_t both;

	(void)state;
	assert_int_equal(*hash, 0);
	member_set_state(&kit.members, first, MEMBER_SUSPECT);
	assert_int_equal(*hash, 0);
	member_set_incarnation(&kit.members, first, 3);
	assert_int_not_equal(*hash, 0);
	member_set_state(&kit.members, second, MEMBER_FAILED);
	both = *hash;
	member_set_state(&kit.members, first, MEMBER_FAILED);
	assert_int_not_equal(*hash, both);
	member_set_state(&kit.members, first, MEMBER_ALIVE);
	assert_int_equal(*hash, both);
	member_set_state(&kit.members, second, MEMBER_LEFT);
	member_set_incarnation(&kit.members, first, 0);
	assert_int_equal(*hash, 0);
	member_set_state(&kit.members, second, MEMBER_FAILED);
	member_set_incarnation(&kit.members, first, 3);
	assert_int_equal(*hash, both);
	for (size_t i = 0; i < MEMBER_BUCKETS; i++)
		assert_true(i == 2 || kit.members.liveness[i] == 0);
}

static void the_cap_of_members_is_kept(void **state)
{
	struct id id = id_numbered(1);

	(void)state;
	kit.core.limits.members_max = 1;
	assert_null(member_intern(&kit.members, &id));
	id = kit.core.self.id;
	assert_non_null(member_intern(&kit.members, &id));
}

static void a_first_record_makes_a_member_alive_and_is_reported_once(void **state)
{
	struct member *member = core_kit_member(&kit, 2, "two");

	(void)state;
	assert_int_equal(member->state, MEMBER_ALIVE);
	assert_int_equal(kit.members.present_count, 2);
	assert_int_equal(kit.members.arrivals.count, 1);
	assert_int_equal(kit.last_trace.event, TRACE_MEMBER_ALIVE);
	assert_true(member_flush(&kit.members));
	assert_int_equal(kit.update.change_count, 1);
	assert_int_equal(kit.update.changes[0].before, MEMBER_UNKNOWN);
	assert_int_equal(kit.update.changes[0].after, MEMBER_ALIVE);
}

static void changes_that_find_no_room_are_reported_later_with_the_last_state(void **state)
{
	struct member *member = core_kit_member(&kit, 2, "two");

	(void)state;
	kit.update.change_count = UPDATE_CHANGES;
	assert_false(member_flush(&kit.members));
	member_set_state(&kit.members, member, MEMBER_SUSPECT);
	member_set_state(&kit.members, member, MEMBER_FAILED);
	core_kit_step(&kit, 1);
	assert_true(member_flush(&kit.members));
	assert_int_equal(kit.update.change_count, 1);
	assert_int_equal(kit.update.changes[0].before, MEMBER_UNKNOWN);
	assert_int_equal(kit.update.changes[0].after, MEMBER_FAILED);
}

static void who_was_heard_since_it_was_asked_is_not_doubted(void **state)
{
	struct member *member = core_kit_member(&kit, 2, "two");
	struct mono asked = kit.core.now;

	(void)state;
	member->heard = mono_add_ms(asked, 1);
	member_doubt(&kit.members, member, asked);
	assert_int_equal(kit.members.doubted.count, 0);
	for (unsigned i = 0; i < 2; i++) {
		member_doubt(&kit.members, member, mono_add_ms(asked, 2));
		assert_true(member->doubted);
		assert_int_equal(kit.members.doubted.count, 1);
	}
}

static void a_member_that_leaves_and_joins_again_arrives_again(void **state)
{
	struct member *member = core_kit_member(&kit, 2, "two");
	struct rec_member rec = *member->rec;

	(void)state;
	kit.members.arrivals.count = 0;
	rec.left = true;
	member_apply_record(&kit.members, member, &rec, 1);
	assert_int_equal(member->state, MEMBER_LEFT);
	assert_int_equal(kit.members.arrivals.count, 0);
	rec.left = false;
	member_apply_record(&kit.members, member, &rec, 2);
	assert_int_equal(member->state, MEMBER_ALIVE);
	assert_int_equal(member->epoch, 2);
	assert_int_equal(kit.members.arrivals.count, 1);
}

static void a_record_is_held_once_whoever_published_it(void **state)
{
	struct member *two = core_kit_member(&kit, 2, "two");
	struct member *three = core_kit_member(&kit, 3, "three");
	struct rec_member rec = *two->rec;
	size_t before = kit.blobs.count;

	(void)state;
	member_apply_record(&kit.members, three, &rec, 1);
	assert_ptr_equal(two->rec, three->rec);
	assert_int_equal(kit.blobs.count, before - 1);
	member_apply_record(&kit.members, two, two->rec, 2);
	assert_string_equal(two->rec->name, "two");
	assert_int_equal(kit.blobs.count, before - 1);
}

static void of_somebody_unheard_of_there_is_an_empty_record(void **state)
{
	const struct id id = id_numbered(9);
	const uint8_t key[SIGN_PUB_BYTES] = {7};
	const struct hostport at = {inet_from_v4(0x0a000009), GOSSIP_PORT};
	struct member *member = member_intern(&kit.members, &id);

	(void)state;
	assert_string_equal(member->rec->name, "");
	assert_false(member->has_key);
	member_vouch(&kit.members, member, key, &at);
	assert_memory_equal(member->rec->pubkey, key, sizeof(key));
	assert_true(member->has_key);
	assert_false(member->has_record);
}

static void a_record_of_a_removed_member_does_not_bring_it_back(void **state)
{
	struct member *member = core_kit_member(&kit, 2, "two");
	struct rec_member rec = *member->rec;

	(void)state;
	member_set_state(&kit.members, member, MEMBER_REMOVED);
	member_apply_record(&kit.members, member, &rec, 9);
	assert_int_equal(member->state, MEMBER_REMOVED);
}

static void one_name_for_two_running_nodes_is_flagged_at_the_higher_id(void **state)
{
	struct member *low = core_kit_member(&kit, 2, "web");
	struct member *high = core_kit_member(&kit, 3, "web");

	(void)state;
	assert_false(low->name_shared);
	assert_true(high->name_shared);
	member_set_state(&kit.members, low, MEMBER_FAILED);
	assert_false(high->name_shared);
	member_set_state(&kit.members, low, MEMBER_LEFT);
}

static void a_new_name_ends_the_sharing(void **state)
{
	struct member *low = core_kit_member(&kit, 2, "web");
	struct member *high = core_kit_member(&kit, 3, "web");
	struct rec_member rec = *low->rec;

	(void)state;
	memcpy(rec.name, "db", 3);
	member_apply_record(&kit.members, low, &rec, 1);
	assert_false(high->name_shared);
}

static void a_confirmed_address_outlives_a_record_that_says_the_same(void **state)
{
	struct member *member = core_kit_member(&kit, 2, "two");
	struct rec_member rec = *member->rec;
	struct hostport moved = {.ip = inet_from_v4(0x0a0000ffu), .port = 9999};

	(void)state;
	member->addr = moved;
	member_apply_record(&kit.members, member, &rec, 1);
	assert_true(hostport_eq(&member->addr, &moved));
	rec.gossip.port = 7000;
	member_apply_record(&kit.members, member, &rec, 1);
	assert_true(hostport_eq(&member->addr, &rec.gossip));
}

static void picking_is_even_and_leaves_out_self_the_failed_and_the_skipped(void **state)
{
	struct id skip = id_numbered(3);
	unsigned hits[256] = {0};

	(void)state;
	for (uint8_t i = 1; i <= 10; i++)
		core_kit_member(&kit, i, "n");
	for (uint8_t i = 5; i <= 10; i++) {
		struct id id = id_numbered(i);
		member_set_state(&kit.members, member_find(&kit.members, &id), MEMBER_FAILED);
	}
	for (int i = 0; i < 3000; i++)
		hits[member_pick(&kit.members, &skip, 1)->id.b[0]]++;
	assert_int_equal(hits[1] + hits[2] + hits[4], 3000);
	assert_in_range(hits[1], 850, 1150);
	assert_in_range(hits[2], 850, 1150);
}

static void picking_finds_the_only_one_left_and_says_when_nobody_is(void **state)
{
	(void)state;
	for (uint8_t i = 1; i < 90; i++) {
		struct member *member = core_kit_member(&kit, i, "n");
		if (i != 77)
			member_set_state(&kit.members, member, MEMBER_FAILED);
	}
	assert_int_equal(member_pick(&kit.members, NULL, 0)->id.b[0], 77);
	struct id last = id_numbered(77);
	assert_null(member_pick(&kit.members, &last, 1));
}

static void the_ring_goes_on_at_the_smallest_id_and_passes_the_absent(void **state)
{
	struct member *low = core_kit_member(&kit, 2, "n");
	struct member *high = core_kit_member(&kit, 200, "n");

	(void)state;
	assert_ptr_equal(member_successor(&kit.members, &kit.core.self.id), high);
	assert_ptr_equal(member_successor(&kit.members, &high->id), low);
	member_set_state(&kit.members, high, MEMBER_FAILED);
	assert_ptr_equal(member_successor(&kit.members, &kit.core.self.id), low);
	member_set_state(&kit.members, low, MEMBER_FAILED);
	assert_null(member_successor(&kit.members, &kit.core.self.id));
}

#define WITH_KIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_KIT(members_stand_in_order_of_id_and_stay_at_their_address),
	    WITH_KIT(the_cap_of_members_is_kept),
	    WITH_KIT(the_hash_of_the_liveness_is_that_of_what_is_known),
	    WITH_KIT(a_first_record_makes_a_member_alive_and_is_reported_once),
	    WITH_KIT(changes_that_find_no_room_are_reported_later_with_the_last_state),
	    WITH_KIT(who_was_heard_since_it_was_asked_is_not_doubted),
	    WITH_KIT(a_member_that_leaves_and_joins_again_arrives_again),
	    WITH_KIT(a_record_is_held_once_whoever_published_it),
	    WITH_KIT(of_somebody_unheard_of_there_is_an_empty_record),
	    WITH_KIT(a_record_of_a_removed_member_does_not_bring_it_back),
	    WITH_KIT(one_name_for_two_running_nodes_is_flagged_at_the_higher_id),
	    WITH_KIT(a_new_name_ends_the_sharing),
	    WITH_KIT(a_confirmed_address_outlives_a_record_that_says_the_same),
	    WITH_KIT(picking_is_even_and_leaves_out_self_the_failed_and_the_skipped),
	    WITH_KIT(picking_finds_the_only_one_left_and_says_when_nobody_is),
	    WITH_KIT(the_ring_goes_on_at_the_smallest_id_and_passes_the_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
