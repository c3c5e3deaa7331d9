/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Two networks that were made with one VNI, by makers who did not hear each other.
 */
#include <stdio.h>
#include <string.h>

#include "gossip/base/derive.h"
#include "overlay/names.h"
#include "stage.h"
#include "test/base/cmocka_all.h"

static const struct rec_attachment attached = {.mtu_bytes = 0};

static uint32_t number_of(struct fake_stage *stage, const struct id *network)
{
	struct overlay_network_state seen;

	assert_true(overlay_network_get(stage->ov, network, &seen));
	return seen.vni;
}

static const struct klink *link_of(struct fake_stage *stage, const char *name)
{
	const struct vec *links = &fake_kernel_state(stage->kernel)->of[KOBJ_LINK];

	for (size_t i = 0; i < links->count; i++) {
		const struct klink *link = vec_at(links, i);

		if (strcmp(link->name, name) == 0)
			return link;
	}
	return NULL;
}

/* Another network with the stage's number, in which this host takes part as well. */
static struct id make_other(struct fake_stage *stage, uint8_t number)
{
	struct id other = stage_id(4, number);
	struct rec_network rec = stage->rec;

	assert_int_equal(prefix_parse("10.8.0.0/24", &rec.pools[0].subnet), 0);
	assert_int_equal(inet_parse("10.8.0.1", &rec.pools[0].gateway), 0);
	overlay_network_put(stage->ov, &other, &rec);
	overlay_attachment_put(stage->ov, &other, &stage->self, &attached);
	return other;
}

static void the_higher_id_moves_and_the_lower_is_not_touched(void **state)
{
	struct fake_stage *stage = *state;
	char before[16384], after[16384];
	char bridge[IFNAME_BYTES];
	struct id other;

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	other = make_other(stage, 2);
	(void)stage_settle(stage, 1000);
	assert_int_equal(number_of(stage, &stage->network), STAGE_VNI);
	assert_int_equal(number_of(stage, &other), vni_of_network(&other, 0));
	name_bridge(vni_of_network(&other, 0), bridge);
	assert_non_null(link_of(stage, bridge));
	assert_int_equal(stage_count(stage, KOBJ_LINK), 5);
	assert_null(strstr(stage->done, "wfbr001000"));
	assert_null(strstr(stage->done, "wfvx001000"));
	overlay_network_end(stage->ov, &other);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(strstr(before, "bridge "), strstr(after, "bridge ")); /* no sysctls */
}

static void the_way_to_a_host_of_two_networks_is_asked_about_once(void **state)
{
	struct fake_stage *stage = *state;
	struct id other, peer = stage_id(1, 2);
	uint64_t asked;

	stage_make_all(stage);
	overlay_mark_all(stage->ov, stage->now);
	asked = fake_kernel_counts(stage->kernel)->paths;
	(void)stage_reconcile(stage);
	asked = fake_kernel_counts(stage->kernel)->paths - asked;
	assert_int_equal(asked, 2); /* to each peer */
	other = make_other(stage, 2);
	overlay_attachment_put(stage->ov, &other, &peer, &attached);
	(void)stage_settle(stage, 1000);
	overlay_mark_all(stage->ov, stage->now);
	asked = fake_kernel_counts(stage->kernel)->paths;
	(void)stage_reconcile(stage);
	assert_int_equal(fake_kernel_counts(stage->kernel)->paths - asked, 2);
}

static void a_network_that_moves_takes_its_boxes_entries_and_addresses_along(void **state)
{
	struct fake_stage *stage = *state;
	char bridge[IFNAME_BYTES], vxlan[IFNAME_BYTES], before[16384], after[16384];
	struct mac mac = mac_of_bridge(&stage->self, STAGE_VNI);
	struct id other;
	uint32_t vni;

	stage_make_all(stage);
	stage_remember(stage, before, sizeof(before));
	other = make_other(stage, 0);
	(void)stage_settle(stage, 1000);
	vni = number_of(stage, &stage->network);
	assert_int_equal(vni, vni_of_network(&stage->network, 0));
	assert_int_equal(number_of(stage, &other), STAGE_VNI);
	name_bridge(vni, bridge);
	name_vxlan(vni, vxlan);
	assert_memory_equal(link_of(stage, bridge)->mac.b, mac.b, sizeof(mac.b));
	assert_int_equal(link_of(stage, vxlan)->vxlan.vni, vni);
	assert_string_equal(link_of(stage, "wfe020b00000000")->master, bridge);
	assert_int_equal(stage_count(stage, KOBJ_NEIGH), 2);
	for (size_t i = 0; i < 2; i++) {
		const struct kneigh *neigh =
		    vec_at(&fake_kernel_state(stage->kernel)->of[KOBJ_NEIGH], i);
		assert_string_equal(neigh->dev, vxlan);
	}
	assert_string_equal(link_of(stage, "wfvx001000")->master, "wfbr001000");
	assert_int_equal(stage->lost, 0);
	assert_int_equal(stage->failed, 0);

	/* The number is free again, and the fact says what it said. */
	overlay_network_end(stage->ov, &other);
	(void)stage_settle(stage, 1000);
	stage_remember(stage, after, sizeof(after));
	assert_string_equal(strstr(before, "bridge "), strstr(after, "bridge ")); /* no sysctls */
	assert_int_equal(stage->failed, 0);
}

static void a_network_of_other_hosts_counts_as_well(void **state)
{
	struct fake_stage *stage = *state;
	struct id other = stage_id(4, 0);

	stage_make_all(stage);
	overlay_network_put(stage->ov, &other, &stage->rec);
	(void)stage_settle(stage, 1000);
	assert_int_equal(number_of(stage, &stage->network), vni_of_network(&stage->network, 0));
	assert_null(link_of(stage, "wfbr001000"));
	assert_int_equal(stage_count(stage, KOBJ_LINK), 3);
}

static void a_box_plugged_in_while_its_network_moves_is_in_the_right_one(void **state)
{
	struct fake_stage *stage = *state;
	struct weft_err err = {0};
	char bridge[IFNAME_BYTES];

	stage_make_all(stage);
	(void)make_other(stage, 0);
	assert_int_equal(stage_attach(stage, 14, "10.7.0.14/24", &err), 0);
	name_bridge(vni_of_network(&stage->network, 0), bridge);
	assert_string_equal(link_of(stage, "wfe020e00000000")->master, bridge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STAGED(the_higher_id_moves_and_the_lower_is_not_touched),
	    STAGED(the_way_to_a_host_of_two_networks_is_asked_about_once),
	    STAGED(a_network_that_moves_takes_its_boxes_entries_and_addresses_along),
	    STAGED(a_network_of_other_hosts_counts_as_well),
	    STAGED(a_box_plugged_in_while_its_network_moves_is_in_the_right_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
