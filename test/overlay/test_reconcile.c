/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The reconciler over the fake kernel: rows in, operations out, and nothing more than needed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stage.h"
#include "test/base/cmocka_all.h"

static const char vxlan[IFNAME_BYTES] = "wfvx001000";
static const char bridge[IFNAME_BYTES] = "wfbr001000";

static void a_second_reconcile_sends_nothing(void **state)
{
	struct fake_stage *stage = *state;
	uint64_t operations;

	stage_make_all(stage);
	operations = fake_kernel_counts(stage->kernel)->operations;
	overlay_mark_all(stage->ov, stage->now);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(fake_kernel_counts(stage->kernel)->operations, operations);
	assert_string_equal(stage->done, "");
}

static void own_changes_do_not_wake_the_overlay_for_ever(void **state)
{
	struct fake_stage *stage = *state;

	stage_make_all(stage);
	assert_int_equal(stage_settle(stage, 1000), 0);
}

static void a_restart_with_the_same_rows_sends_nothing(void **state)
{
	struct fake_stage *stage = *state;
	struct local_endpoint endpoint = {.addr_count = 1, .ifname = "eth0"};
	uint64_t operations, sets;

	stage_make_all(stage);
	operations = fake_kernel_counts(stage->kernel)->operations;
	sets = fake_kernel_counts(stage->kernel)->rule_sets;
	stage_restart(stage, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
	stage_endpoint(stage, 13, 3, "10.7.0.13/24", 1);
	endpoint.id = stage_id(2, 11);
	endpoint.network = stage->network;
	endpoint.mac = mac_of_endpoint(&endpoint.id);
	assert_int_equal(prefix_parse("10.7.0.11/24", &endpoint.addrs[0]), 0);
	overlay_local_put(stage->ov, &endpoint);
	assert_true(stage_settle(stage, 1000) > 0);
	assert_int_equal(fake_kernel_counts(stage->kernel)->operations, operations);
	assert_int_equal(fake_kernel_counts(stage->kernel)->rule_sets, sets);
}

static void one_more_endpoint_reads_only_its_own_keys(void **state)
{
	struct fake_stage *stage = *state;
	uint64_t dumps;

	stage_make_all(stage);
	dumps = fake_kernel_counts(stage->kernel)->dumps;
	stage_endpoint(stage, 14, 2, "10.7.0.14/24", 7);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(fake_kernel_counts(stage->kernel)->dumps, dumps);
	assert_int_equal(stage->report.operations, 2);
	assert_int_equal(stage->last_applied.version.sequence, 7);
	assert_memory_equal(stage->last_applied.owner.b, stage_id(1, 2).b, ID_BYTES);
}

static void an_older_version_is_passed_over(void **state)
{
	struct fake_stage *stage = *state;

	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 5);
	assert_int_equal(stage_reconcile(stage), 0);
	stage_endpoint(stage, 12, 2, "10.7.0.99/24", 4);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_string_equal(stage->done, "");
}

static void a_repeated_row_of_a_new_version_is_told_as_applied(void **state)
{
	struct fake_stage *stage = *state;

	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 5);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(stage->applied, 1);
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 6);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(stage->applied, 2);
	assert_int_equal(stage->last_applied.version.sequence, 6);
	assert_string_equal(stage->done, "");
}

static void an_endpoint_of_an_unknown_member_waits_for_it(void **state)
{
	struct fake_stage *stage = *state;

	stage_endpoint(stage, 15, 9, "10.7.0.15/24", 1);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(stage->applied, 0);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 0);
	stage_member(stage, 9, "192.0.2.9");
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 1);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 1);
}

static void a_member_that_goes_takes_its_entries_and_brings_them_back(void **state)
{
	struct fake_stage *stage = *state;
	struct id node = stage_id(1, 2);
	char before[16384], after[16384];

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	overlay_member_end(stage->ov, &node);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 1);
	stage_member(stage, 2, "192.0.2.2");
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
}

static void a_members_new_vtep_moves_its_entries(void **state)
{
	struct fake_stage *stage = *state;

	stage_make_all(stage);
	stage_member(stage, 2, "192.0.2.77");
	(void)stage_settle(stage, 1000);
	assert_non_null(strstr(fake_kernel_rules(stage->kernel, KRULES_HOST), "192.0.2.77"));
	assert_null(strstr(fake_kernel_rules(stage->kernel, KRULES_HOST), "192.0.2.2,"));
	for (size_t i = 0; i < stage_count(stage, KOBJ_FDB); i++) {
		char line[256];

		kobj_format(KOBJ_FDB, vec_at(&fake_kernel_state(stage->kernel)->of[KOBJ_FDB], i),
			    line, sizeof(line));
		assert_null(strstr(line, "dst 192.0.2.2\n"));
	}
}

static void two_claims_of_an_address_have_one_winner_until_one_ends(void **state)
{
	struct fake_stage *stage = *state;
	struct id low = stage_id(2, 12), node = stage_id(1, 2);
	struct overlay_network_state seen;
	struct mac mac = mac_of_endpoint(&low);
	const struct kneigh *neigh;

	stage_endpoint(stage, 13, 3, "10.7.0.12/24", 1);
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 1);
	neigh = vec_at(&fake_kernel_state(stage->kernel)->of[KOBJ_NEIGH], 0);
	assert_memory_equal(neigh->mac.b, mac.b, sizeof(mac.b));
	assert_true(overlay_network_get(stage->ov, &stage->network, &seen));
	assert_int_equal(seen.conflicts, 1);
	overlay_endpoint_end(stage->ov, &stage->network, &low, &node,
			     (struct overlay_version){1, 2});
	assert_int_equal(stage_reconcile(stage), 0);
	low = stage_id(2, 13);
	mac = mac_of_endpoint(&low);
	neigh = vec_at(&fake_kernel_state(stage->kernel)->of[KOBJ_NEIGH], 0);
	assert_memory_equal(neigh->mac.b, mac.b, sizeof(mac.b));
	assert_int_equal(fake_kernel_counts(stage->kernel)->announcements, 1);
	/* Who dies before it has told finds the entry missing, and tells then. */
	assert_int_equal(fake_kernel_counts(stage->kernel)->announced_late, 0);
	assert_int_equal(fake_kernel_counts(stage->kernel)->flushes, 1);
	assert_true(overlay_network_get(stage->ov, &stage->network, &seen));
	assert_int_equal(seen.conflicts, 0);
}

static void a_local_address_is_never_sent_away(void **state)
{
	struct fake_stage *stage = *state;

	stage_make_all(stage);
	stage_endpoint(stage, 99, 2, "10.7.0.11/24", 1);
	assert_int_equal(stage_reconcile(stage), 0);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 2);
}

static void a_network_that_ends_leaves_nothing_behind(void **state)
{
	struct fake_stage *stage = *state;

	stage_make_all(stage);
	overlay_network_end(stage->ov, &stage->network);
	(void)stage_settle(stage, 1000);
	for (int kind = KOBJ_LINK; kind < KOBJ_KINDS; kind++)
		assert_int_equal(stage_count(stage, (enum kobj_kind)kind), 0);
	assert_string_equal(fake_kernel_rules(stage->kernel, KRULES_HOST), "");
}

static void devices_of_a_network_not_known_yet_are_spared(void **state)
{
	struct fake_stage *stage = *state;
	struct local_endpoint endpoint = {.addr_count = 1, .ifname = "eth0"};
	char before[16384], after[16384];

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	overlay_free(stage->ov);
	stage->ov = stage_bare(stage);
	endpoint.id = stage_id(2, 11);
	endpoint.network = stage->network;
	endpoint.mac = mac_of_endpoint(&endpoint.id);
	assert_int_equal(prefix_parse("10.7.0.11/24", &endpoint.addrs[0]), 0);
	overlay_local_put(stage->ov, &endpoint);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 3);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 2);
	stage_rows(stage);
	stage_endpoint(stage, 12, 2, "10.7.0.12/24", 1);
	stage_endpoint(stage, 13, 3, "10.7.0.13/24", 1);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(before, after);
}

static void a_network_in_which_nothing_of_this_host_is_has_no_devices(void **state)
{
	struct fake_stage *stage = *state;
	struct id own = stage_id(3, 1), other = stage_id(4, 2);
	struct rec_network rec = stage->rec;
	struct overlay_network_state seen;

	stage_make_all(stage);
	(void)own;
	rec.vni = STAGE_VNI + 1;
	overlay_network_put(stage->ov, &other, &rec);
	(void)stage_settle(stage, 1000);
	assert_true(overlay_network_get(stage->ov, &other, &seen));
	assert_false(seen.present);
	assert_int_equal(stage_count(stage, KOBJ_LINK), 3);
}

static void a_change_of_layout_or_form_leaves_only_the_new_one(void **state)
{
	static const struct {
		enum overlay_layout layout;
		enum overlay_fdb_form form;
	} steps[] = {{OVERLAY_PROXY, OVERLAY_FDB_DST},
		     {OVERLAY_SUPPRESS, OVERLAY_FDB_NEXTHOP},
		     {OVERLAY_SUPPRESS, OVERLAY_FDB_DST},
		     {OVERLAY_PROXY, OVERLAY_FDB_DST}};
	char fresh[16384], changed[16384];
	struct fake_stage stage;
	(void)state;

	stage_open(&stage, steps[0].layout, steps[0].form);
	for (size_t i = 0; i < 4; i++) {
		struct fake_stage other;

		if (i > 0)
			stage_restart(&stage, steps[i].layout, steps[i].form);
		stage_endpoint(&stage, 12, 2, "10.7.0.12/24", 1);
		(void)stage_settle(&stage, 5000);
		assert_int_equal(stage.failed, 0);
		stage_open(&other, steps[i].layout, steps[i].form);
		stage_endpoint(&other, 12, 2, "10.7.0.12/24", 1);
		(void)stage_settle(&other, 5000);
		stage_remember(&stage, changed, sizeof(changed));
		stage_remember(&other, fresh, sizeof(fresh));
		assert_string_equal(fresh, changed);
		stage_close(&other);
	}
	stage_close(&stage);
}

/* Its MTU was not asked for while nobody here was in it. */
static void a_network_that_a_box_is_the_first_to_want_has_an_mtu(void **state)
{
	struct fake_stage *stage = *state;
	struct weft_err err = {0};
	const struct vec *links = &fake_kernel_state(stage->kernel)->of[KOBJ_LINK];

	overlay_free(stage->ov);
	stage->ov = stage_bare(stage);
	overlay_network_put(stage->ov, &stage->network, &stage->rec);
	(void)stage_settle(stage, 1000);
	assert_int_equal(links->count, 0);
	assert_int_equal(stage_attach(stage, 11, "10.7.0.11/24", &err), 0);
	assert_true(links->count > 0);
	for (size_t i = 0; i < links->count; i++)
		assert_int_equal(((const struct klink *)vec_at(links, i))->mtu, 1450);
}

static void the_mtu_is_told_and_reaches_devices_and_boxes(void **state)
{
	struct fake_stage *stage = *state;
	const struct kbox_mtu *box;

	stage_make_all(stage);
	assert_int_equal(stage->mtu_told, 1450);
	fake_kernel_underlay_set(stage->kernel, 9000);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->mtu_told, 8950);
	box = vec_at(&fake_kernel_state(stage->kernel)->of[KOBJ_BOX_MTU], 0);
	assert_int_equal(box->mtu, 8950);
	/* outwards when it grows, the box last; the box first when it shrinks */
	assert_true(strstr(stage->done, vxlan) < strstr(stage->done, bridge));
	assert_true(strstr(stage->done, "veth") < strstr(stage->done, "box"));
	fake_kernel_underlay_set(stage->kernel, 1400);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->mtu_told, 1350);
	assert_ptr_equal(strstr(stage->done, "change box"), stage->done);
}

/* Endpoints from first on, in a version of their owner's. */
static void put_many(struct fake_stage *stage, uint32_t first, uint32_t count, uint64_t sequence)
{
	const struct id node = stage_id(1, 2);

	for (uint32_t i = first; i < first + count; i++) {
		struct id endpoint = {{7, (uint8_t)i, (uint8_t)(i >> 8)}};
		struct rec_endpoint row = {.addr_count = 1};

		row.mac = mac_of_endpoint(&endpoint);
		row.addrs[0] = (struct prefix){inet_from_v4(0x0a080000u + i), 112};
		overlay_endpoint_put(stage->ov, &stage->network, &endpoint, &node,
				     (struct overlay_version){1, sequence}, &row);
	}
}

static void a_thousand_endpoints_come_and_go(void **state)
{
	struct fake_stage *stage = *state;
	struct overlay_totals totals;

	(void)stage_settle(stage, 1000);
	put_many(stage, 0, 4000, 1);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 4000);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 4000);
	for (uint32_t i = 0; i < 4000; i++) {
		struct id endpoint = {{7, (uint8_t)i, (uint8_t)(i >> 8)}}, node = stage_id(1, 2);

		overlay_endpoint_end(stage->ov, &stage->network, &endpoint, &node,
				     (struct overlay_version){1, 2});
	}
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 0);
	overlay_totals_get(stage->ov, &totals);
	assert_int_equal(totals.remotes, 0);
}

/* Or a network that grows fast would be read from its beginning again and again. */
static void of_a_large_network_what_changes_is_looked_at_and_no_more(void **state)
{
	struct fake_stage *stage = *state;
	uint64_t dumps;

	put_many(stage, 0, 16000, 1);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 16000);
	dumps = fake_kernel_counts(stage->kernel)->dumps;
	put_many(stage, 3000, 1500, 2);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 17500);
	assert_int_equal(fake_kernel_counts(stage->kernel)->dumps, dumps);
	/* of a share that is as dear as all are, all are */
	put_many(stage, 0, 8000, 3);
	(void)stage_settle(stage, 1000);
	assert_int_equal(stage->applied, 25500);
	assert_int_equal(fake_kernel_counts(stage->kernel)->dumps, dumps + 1);
}

static void an_overlap_is_named(void **state)
{
	struct fake_stage *stage = *state;
	struct weft_err err = {0};
	struct prefix prefix;

	assert_int_equal(prefix_parse("10.20.0.0/16", &prefix), 0);
	assert_int_equal(overlay_overlaps(stage->ov, &prefix, &err), 0);
	fake_kernel_prefix_add(stage->kernel, &prefix);
	assert_int_equal(prefix_parse("10.20.7.0/24", &prefix), 0);
	assert_int_equal(overlay_overlaps(stage->ov, &prefix, &err), WEFT_E_POOL_OVERLAP);
	assert_non_null(strstr(err.message, "a route of the test"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STAGED(a_second_reconcile_sends_nothing),
	    STAGED(own_changes_do_not_wake_the_overlay_for_ever),
	    STAGED(a_restart_with_the_same_rows_sends_nothing),
	    STAGED(one_more_endpoint_reads_only_its_own_keys),
	    STAGED(an_older_version_is_passed_over),
	    STAGED(a_repeated_row_of_a_new_version_is_told_as_applied),
	    STAGED(an_endpoint_of_an_unknown_member_waits_for_it),
	    STAGED(a_member_that_goes_takes_its_entries_and_brings_them_back),
	    STAGED(a_members_new_vtep_moves_its_entries),
	    STAGED(two_claims_of_an_address_have_one_winner_until_one_ends),
	    STAGED(a_local_address_is_never_sent_away),
	    STAGED(a_network_that_ends_leaves_nothing_behind),
	    STAGED(devices_of_a_network_not_known_yet_are_spared),
	    STAGED(a_network_in_which_nothing_of_this_host_is_has_no_devices),
	    cmocka_unit_test(a_change_of_layout_or_form_leaves_only_the_new_one),
	    STAGED(a_network_that_a_box_is_the_first_to_want_has_an_mtu),
	    STAGED(the_mtu_is_told_and_reaches_devices_and_boxes),
	    STAGED(a_thousand_endpoints_come_and_go),
	    STAGED(of_a_large_network_what_changes_is_looked_at_and_no_more),
	    STAGED(an_overlap_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
