/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Boxes on different hosts reach each other on the real kernel, in every layout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"
#include "test/base/cmocka_all.h"

/* Pings between boxes that never spoke. */
struct pings {
	size_t count;
	double ms[64];
};

static void first_ping(struct pings *pings, int ns, const char *to)
{
	assert_true(pings->count < 64);
	assert_true(ns_pings(ns, to, &pings->ms[pings->count++]));
}

static int ms_cmp(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return first < second ? -1 : first > second;
}

/* Answered within 50 ms; a busy machine may hold up some of them, not half. */
static void assert_fast(struct pings *pings)
{
	assert_true(pings->count > 0);
	qsort(pings->ms, pings->count, sizeof(pings->ms[0]), ms_cmp);
	assert_true(pings->ms[pings->count / 2] < 50.0);
}

static void all_ping_all(enum overlay_layout layout, enum overlay_fdb_form form, bool multicast)
{
	static const char *const addrs[] = {"10.7.0.11", "10.7.0.12", "10.7.0.21", "10.7.0.31"};
	static const int at[] = {0, 0, 1, 2};
	struct id network = world_id(4, 1);
	struct box boxes[4] = {{0}};
	struct pings pings = {.count = 0};
	struct rec_network rec;
	struct world world;
	char out[8192];

	world_open(&world, layout, form);
	world_network(&rec, "10.7.0.0/24", "10.7.0.1", 4096);
	rec.multicast = multicast;
	world_share(&world, &network, &rec);
	for (int i = 0; i < 4; i++) {
		struct weft_err err = {0};
		char addr[32];

		snprintf(addr, sizeof(addr), "%s/24", addrs[i]);
		if (box_attach(&world, &world.hosts[at[i]], &boxes[i], &network, (uint8_t)(i + 1),
			       addr, &err) != 0)
			fail_msg("%s", err.message);
	}
	assert_true(world_settle(&world, 3000));
	for (int i = 0; i < WORLD_HOSTS; i++) {
		if (world.hosts[i].told_failed > 0)
			fail_msg("%s", world.hosts[i].failed);
	}
	assert_int_equal(ns_run(world.switch_ns,
				"timeout 100 tcpdump -U -nn -i sw -w "
				"/tmp/weft-test-%d.pcap 2>/dev/null & "
				"echo $! >/tmp/weft-test-%d.pid; "
				"for i in $(seq 1000); do [ -s /tmp/weft-test-%d.pcap ]"
				" && exit 0; sleep 0.05; done; exit 1",
				getpid(), getpid(), getpid()),
			 0);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 4; j++) {
			if (i != j)
				first_ping(&pings, boxes[i].ns, addrs[j]);
		}
		first_ping(&pings, boxes[i].ns, "10.7.0.1");   /* its gateway */
		first_ping(&pings, boxes[i].ns, "10.7.0.251"); /* the first host itself */
		first_ping(&pings, boxes[i].ns, "10.7.0.252");
		first_ping(&pings, world.hosts[2].ns, addrs[i]);
	}
	assert_fast(&pings);
	/* nothing of the overlay on the wire but the pings; boxes' multicast only when it is on */
	ns_read(world.switch_ns, out, sizeof(out),
		"kill $(cat /tmp/weft-test-%d.pid); "
		"tcpdump -nn -r /tmp/weft-test-%d.pcap 'udp port 4789' 2>/dev/null | "
		"grep -v VXLAN | grep -v 'ICMP echo' %s; "
		"rm -f /tmp/weft-test-%d.pcap /tmp/weft-test-%d.pid",
		getpid(), getpid(), multicast ? "| grep -v 'IP6'" : "", getpid(), getpid());
	assert_string_equal(out, "");
	world_close(&world);
}

static void proxy_with_destinations_answers_every_first_ping(void **state)
{
	(void)state;
	all_ping_all(OVERLAY_PROXY, OVERLAY_FDB_DST, false);
}

static void proxy_with_multicast_answers_every_first_ping(void **state)
{
	(void)state;
	all_ping_all(OVERLAY_PROXY, OVERLAY_FDB_DST, true);
}

static void suppress_with_destinations_answers_every_first_ping(void **state)
{
	(void)state;
	all_ping_all(OVERLAY_SUPPRESS, OVERLAY_FDB_DST, false);
}

static void suppress_with_multicast_and_nexthops_answers_every_first_ping(void **state)
{
	(void)state;
	all_ping_all(OVERLAY_SUPPRESS, OVERLAY_FDB_NEXTHOP, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(proxy_with_destinations_answers_every_first_ping),
	    cmocka_unit_test(proxy_with_multicast_answers_every_first_ping),
	    cmocka_unit_test(suppress_with_destinations_answers_every_first_ping),
	    cmocka_unit_test(suppress_with_multicast_and_nexthops_answers_every_first_ping),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
