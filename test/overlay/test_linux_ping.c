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

/* Keeps what passes the switch in a file, until the end of the test. */
static void wire_watch(const struct world *world)
{
	assert_int_equal(ns_run(world->switch_ns,
				"timeout 100 tcpdump -U --immediate-mode -nn -i sw -w "
				"/tmp/weft-test-%d.pcap 2>/dev/null & "
				"echo $! >/tmp/weft-test-%d.pid; "
				"for i in $(seq 1000); do [ -s /tmp/weft-test-%d.pcap ]"
				" && exit 0; sleep 0.05; done; exit 1",
				getpid(), getpid(), getpid()),
			 0);
}

/* A ping of the underlay's own: once it is in the file, so is all that passed before. */
static void wire_mark(const struct world *world)
{
	assert_true(ns_pings(world->hosts[0].ns, "192.168.77.2"));
	assert_int_equal(ns_run(world->switch_ns,
				"for i in $(seq 1000); do tcpdump -nn -r /tmp/weft-test-%d.pcap "
				"icmp 2>/dev/null | grep -q '192.168.77.2 > 192.168.77.1: ICMP "
				"echo reply' && exit 0; sleep 0.05; done; exit 1",
				getpid()),
			 0);
}

static int wire_forget(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command),
		 "cd /tmp && { [ ! -e weft-test-%d.pid ] || kill $(cat weft-test-%d.pid); "
		 "rm -f weft-test-%d.pcap weft-test-%d.pid; }",
		 getpid(), getpid(), getpid(), getpid());
	return system(command);
}

static void all_ping_all(enum overlay_layout layout, enum overlay_fdb_form form, bool multicast)
{
	static const char *const addrs[] = {"10.7.0.11", "10.7.0.12", "10.7.0.21", "10.7.0.31"};
	static const int at[] = {0, 0, 1, 2};
	struct id network = world_id(4, 1);
	struct box boxes[4] = {{0}};
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
	wire_watch(&world);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 4; j++) {
			if (i != j)
				assert_true(ns_pings(boxes[i].ns, addrs[j]));
		}
		assert_true(ns_pings(boxes[i].ns, "10.7.0.1"));
		assert_true(ns_pings(boxes[i].ns, "10.7.0.251")); /* the first one itself */
		assert_true(ns_pings(boxes[i].ns, "10.7.0.252"));
		assert_true(ns_pings(world.hosts[2].ns, addrs[i]));
	}
	wire_mark(&world);
	assert_int_equal(ns_run(world.switch_ns,
				"tcpdump -nn -r /tmp/weft-test-%d.pcap 'udp port 4789' "
				"2>/dev/null | grep -q 'ICMP echo'",
				getpid()),
			 0);
	/* nothing of the overlay on the wire but the pings; boxes' multicast only when it is on */
	ns_read(world.switch_ns, out, sizeof(out),
		"tcpdump -nn -r /tmp/weft-test-%d.pcap 'udp port 4789' 2>/dev/null | "
		"grep -v VXLAN | grep -v 'ICMP echo' %s",
		getpid(), multicast ? "| grep -v 'IP6'" : "");
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
#define TEST(name) cmocka_unit_test_teardown(name, wire_forget)
	    TEST(proxy_with_destinations_answers_every_first_ping),
	    TEST(proxy_with_multicast_answers_every_first_ping),
	    TEST(suppress_with_destinations_answers_every_first_ping),
	    TEST(suppress_with_multicast_and_nexthops_answers_every_first_ping),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
