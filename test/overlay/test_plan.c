/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Plans against golden files: what is done, in which order, for typical changes. Run with
 * WEFT_GOLDEN_WRITE=1 to write the files anew, then read the difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/plan.h"
#include "stage.h"
#include "test/base/cmocka_all.h"

static void compare(const char *name, const char *text)
{
	static char wanted[65536];
	char path[512];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s.txt", GOLDEN_DIR, name);
	if (getenv("WEFT_GOLDEN_WRITE") != NULL) {
		file = fopen(path, "w");
		assert_non_null(file);
		assert_int_equal(fputs(text, file) >= 0, 1);
		fclose(file);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(wanted, 1, sizeof(wanted) - 1, file);
	wanted[len] = '\0';
	fclose(file);
	assert_string_equal(text, wanted);
}

/* All that the overlay does from here until it rests. */
static void record(struct fake_stage *stage, char *out, size_t cap, const char *title)
{
	size_t len = strlen(out);

	len += (size_t)snprintf(out + len, cap - len, "# %s\n", title);
	for (int i = 0; i < 10; i++) {
		overlay_notify(stage->ov, stage->now);
		if (overlay_deadline(stage->ov).ns > mono_add_ms(stage->now, 1000).ns)
			break;
		if (overlay_deadline(stage->ov).ns > stage->now.ns)
			stage->now = overlay_deadline(stage->ov);
		(void)stage_reconcile(stage);
		len += (size_t)snprintf(out + len, cap - len, "%s", stage->done);
	}
	assert_int_equal(stage->failed, 0);
}

static void tell_story(const char *name, enum overlay_layout layout, enum overlay_fdb_form form,
		       bool multicast)
{
	static char text[65536];
	struct fake_stage stage;
	struct weft_err err;
	struct id id, node;
	struct klink link = {.kind = KLINK_VXLAN};

	text[0] = '\0';
	stage_open(&stage, layout, form);
	stage.rec.multicast = multicast;
	overlay_network_put(stage.ov, &stage.network, &stage.rec);
	stage_endpoint(&stage, 12, 2, "10.7.0.12/24", 1);
	record(&stage, text, sizeof(text), "a network, the host's own lease, one remote endpoint");
	assert_int_equal(stage_attach(&stage, 11, "10.7.0.11/24", &err), 0);
	record(&stage, text, sizeof(text), "an attach: the plug made everything");
	stage_endpoint(&stage, 13, 3, "10.7.0.13/24", 1);
	record(&stage, text, sizeof(text), "one remote endpoint more");
	stage_endpoint(&stage, 13, 2, "10.7.0.13/24", 2);
	record(&stage, text, sizeof(text), "it moves to another host");
	stage_member(&stage, 2, "192.0.2.22");
	record(&stage, text, sizeof(text), "that host changes its VTEP");
	fake_kernel_underlay_set(stage.kernel, 1400);
	record(&stage, text, sizeof(text), "the underlay's MTU shrinks");
	fake_kernel_underlay_set(stage.kernel, 1600);
	record(&stage, text, sizeof(text), "and grows");
	name_vxlan(STAGE_VNI, link.name);
	assert_true(fake_kernel_remove(stage.kernel, KOBJ_LINK, &link));
	record(&stage, text, sizeof(text), "somebody deletes the VXLAN device");
	name_bridge(STAGE_VNI, link.name);
	assert_true(fake_kernel_remove(stage.kernel, KOBJ_LINK, &link));
	record(&stage, text, sizeof(text), "and the bridge");
	id = stage_id(2, 12);
	node = stage_id(1, 2);
	overlay_endpoint_end(stage.ov, &stage.network, &id, &node, (struct overlay_version){1, 3});
	record(&stage, text, sizeof(text), "an endpoint ends");
	overlay_network_end(stage.ov, &stage.network);
	record(&stage, text, sizeof(text), "the network ends");
	stage_close(&stage);
	compare(name, text);
}

static void the_plans_of_proxy_with_destinations(void **state)
{
	(void)state;
	tell_story("plan-proxy-dst", OVERLAY_PROXY, OVERLAY_FDB_DST, false);
}

static void the_plans_of_proxy_with_multicast(void **state)
{
	(void)state;
	tell_story("plan-proxy-dst-multicast", OVERLAY_PROXY, OVERLAY_FDB_DST, true);
}

static void the_plans_of_suppress_with_nexthops(void **state)
{
	(void)state;
	tell_story("plan-suppress-nexthop", OVERLAY_SUPPRESS, OVERLAY_FDB_NEXTHOP, false);
}

/* The texts of the tables, which the kernel's own tests only see as accepted. */
static void the_rules_of_two_networks(void **state)
{
	static char text[65536];
	const struct rec_attachment attachment = {.mtu_bytes = 0};
	struct id other = stage_id(4, 2);
	struct fake_stage stage;
	struct rec_network rec;
	(void)state;

	stage_open(&stage, OVERLAY_PROXY, OVERLAY_FDB_DST);
	stage.rec.multicast = true;
	overlay_network_put(stage.ov, &stage.network, &stage.rec);
	rec = stage.rec;
	rec.vni = STAGE_VNI + 1;
	rec.internal = true;
	rec.multicast = false;
	assert_int_equal(prefix_parse("10.8.0.0/16", &rec.pools[0].subnet), 0);
	assert_int_equal(inet_parse("10.8.0.1", &rec.pools[0].gateway), 0);
	overlay_network_put(stage.ov, &other, &rec);
	overlay_attachment_put(stage.ov, &other, &stage.self, &attachment);
	(void)stage_settle(&stage, 1000);
	snprintf(text, sizeof(text), "%s%s", fake_kernel_rules(stage.kernel, KRULES_HOST),
		 fake_kernel_rules(stage.kernel, KRULES_PORTS));
	stage_close(&stage);
	compare("rules", text);
}

/* The merge by itself: what is wanted twice is wanted once, what stands right is not touched. */
static void equal_states_give_an_empty_plan(void **state)
{
	struct page_source pages = page_source_mmap();
	struct kneigh neigh = {.dev = "wfvx001000", .mac = {{2, 1}}};
	struct kstate want, have;
	struct plan plan;
	struct heap heap;
	(void)state;

	heap_init(&heap, &pages);
	kstate_init(&want, &heap);
	kstate_init(&have, &heap);
	plan_init(&plan, &heap);
	for (uint32_t i = 0; i < 50; i++) {
		neigh.ip = inet_from_v4(0x0a000000u + i * 7 % 50);
		vec_push(&want.of[KOBJ_NEIGH], &neigh);
		vec_push(&want.of[KOBJ_NEIGH], &neigh);
		neigh.ip = inet_from_v4(0x0a000000u + i * 11 % 50);
		vec_push(&have.of[KOBJ_NEIGH], &neigh);
	}
	kstate_sort(&want);
	kstate_sort(&have);
	plan_entries(&plan, &want, &have);
	assert_int_equal(plan.ops.count, 0);
	vec_remove(&have.of[KOBJ_NEIGH], 49);
	vec_remove(&have.of[KOBJ_NEIGH], 0);
	plan_entries(&plan, &want, &have);
	assert_int_equal(plan.ops.count, 2);
	plan_entries(&plan, &have, &want);
	assert_int_equal(plan.ops.count, 4);
	heap_close(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_plans_of_proxy_with_destinations),
	    cmocka_unit_test(the_plans_of_proxy_with_multicast),
	    cmocka_unit_test(the_plans_of_suppress_with_nexthops),
	    cmocka_unit_test(the_rules_of_two_networks),
	    cmocka_unit_test(equal_states_give_an_empty_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
