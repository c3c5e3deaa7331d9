/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What somebody does to weft's objects is repaired within a second, what is not weft's is left
 * alone, and a daemon that starts over finds everything as it should be and says nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay/names.h"
#include "world.h"
#include "test/base/cmocka_all.h"

#define VNI 4096

struct stage {
	struct world world;
	struct id network;
	struct rec_network rec;
	struct box box[2]; /* on the first and the second host */
};

static void tell_rows(struct stage *stage)
{
	world_share(&stage->world, &stage->network, &stage->rec);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct weft_err err = {0};

	assert_non_null(stage);
	*state = stage;
	stage->network = world_id(4, 1);
	world_open(&stage->world, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	world_network(&stage->rec, "10.7.0.0/24", "10.7.0.1", VNI);
	tell_rows(stage);
	assert_int_equal(box_attach(&stage->world, &stage->world.hosts[0], &stage->box[0],
				    &stage->network, 1, "10.7.0.11/24", &err),
			 0);
	assert_int_equal(box_attach(&stage->world, &stage->world.hosts[1], &stage->box[1],
				    &stage->network, 2, "10.7.0.12/24", &err),
			 0);
	assert_true(world_settle(&stage->world, 3000));
	assert_true(ns_pings(stage->box[0].ns, "10.7.0.12"));
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	close(stage->box[0].ns);
	close(stage->box[1].ns);
	world_close(&stage->world);
	free(stage);
	return 0;
}

/* The state of a host as text: everything that weft makes. */
static void snapshot(int ns, char *out, size_t cap)
{
	ns_read(
	    ns, out, cap,
	    "(ip -d link show type bridge | grep -o 'mcast_snooping.'; ip -br link | "
	    "sed 's/@[^ ]*//; s/ 7a:.*//'; ip route; ip -br addr show dev wfbr001000 | tr ' ' "
	    "'\n'; "
	    "bridge fdb show dev wfvx001000; ip neigh show dev wfvx001000; bridge -d link show | "
	    "sed 's/^[0-9]*: //; s/@[^ :]*//') | sort; nft -s list table inet weft | grep -v seal");
}

static void assert_repaired(struct stage *stage, const char *damage)
{
	struct host *host = &stage->world.hosts[0];
	static char before[65536], after[65536];

	snapshot(host->ns, before, sizeof(before));
	assert_int_equal(ns_run(host->ns, "%s", damage), 0);
	assert_true(host_settle(&stage->world, host, 1000));
	snapshot(host->ns, after, sizeof(after));
	if (strcmp(before, after) != 0)
		fail_msg("after %s:\n%s\n--- was\n%s", damage, after, before);
	assert_true(ns_pings(stage->box[0].ns, "10.7.0.12"));
	assert_true(ns_pings(host->ns, "10.7.0.12"));
}

static void removed_entries_come_back(void **state)
{
	char mac[MAC_TEXT_BYTES], command[256];
	struct stage *stage = *state;

	mac_format(&stage->box[1].endpoint.mac, mac);
	snprintf(command, sizeof(command), "bridge fdb del %s dev wfvx001000 self", mac);
	assert_repaired(stage, command);
	assert_repaired(stage, "ip neigh del 10.7.0.12 dev wfvx001000");
	assert_repaired(stage,
			"ip neigh replace 10.7.0.12 lladdr 02:00:00:00:00:09 dev wfvx001000");
	snprintf(command, sizeof(command),
		 "bridge fdb replace %s dev wfvx001000 dst 192.168.77.9 self permanent", mac);
	assert_repaired(stage, command);
	snprintf(command, sizeof(command),
		 "bridge fdb del %s dev wfvx001000 self; bridge fdb add 02:00:00:00:00:01 dev "
		 "wfvx001000 dst 192.168.77.3 self permanent",
		 mac);
	assert_repaired(stage, command);
}

static void removed_routes_and_addresses_come_back(void **state)
{
	struct stage *stage = *state;

	assert_repaired(stage, "ip route del 10.7.0.0/24 dev wfbr001000");
	assert_repaired(stage, "ip addr del 10.7.0.1/32 dev wfbr001000");
	assert_repaired(stage, "ip addr add 10.9.9.9/24 dev wfbr001000");
	assert_repaired(stage, "ip addr flush dev wfbr001000");
}

static void changed_devices_are_put_right(void **state)
{
	struct stage *stage = *state;

	assert_repaired(stage, "ip link set wfvx001000 mtu 1300");
	assert_repaired(stage, "ip link set wfbr001000 down");
	assert_repaired(stage, "ip link set wfbr001000 down; ip link set wfbr001000 up");
	assert_repaired(stage, "ip link set wfbr001000 address 02:00:00:00:00:07");
	assert_repaired(stage, "ip link set wfvx001000 nomaster");
	assert_repaired(stage, "ip link set wfvx001000 down");
	assert_repaired(stage, "bridge link set dev wfvx001000 learning on");
	assert_repaired(stage, "ip link set wfbr001000 type bridge mcast_snooping 1");
	assert_repaired(stage, "for p in $(ip -br link | grep -o '^wfe[^@]*'); do "
			       "bridge link set dev $p locked off learning on; done");
}

static void removed_devices_come_back(void **state)
{
	struct stage *stage = *state;

	assert_repaired(stage, "ip link del wfvx001000");
	assert_repaired(stage, "ip link del wfbr001000");
	assert_repaired(stage, "ip link del wfvx001000; ip link del wfbr001000");
}

static void flushed_rules_come_back(void **state)
{
	struct stage *stage = *state;

	assert_repaired(stage, "nft flush ruleset");
	assert_repaired(stage, "nft flush chain inet weft forward");
	assert_repaired(stage, "nft add rule inet weft input accept");
	assert_repaired(stage, "nft delete table inet weft");
	assert_repaired(stage, "sysctl -qw net.ipv4.ip_forward=0; ip link set wfvx001000 mtu 1200");
}

static void tell_all_again(struct stage *stage)
{
	struct host *host = &stage->world.hosts[0];

	tell_rows(stage);
	overlay_local_put(host->ov, &stage->box[0].endpoint);
	box_publish(&stage->world, &stage->box[1], 1);
}

/* Makes devices and tables of a name until each monitor has told of one. */
static void assert_heard(int ns, const char *name, const char *file)
{
	assert_int_equal(
	    ns_run(ns,
		   "for i in $(seq 1000); do ip link add %s type veth peer name %s1; ip link del "
		   "%s; nft add table inet %s; nft delete table inet %s; grep -q %s %s.ip && "
		   "grep -q %s %s.bridge && grep -q %s %s.nft && exit 0; sleep 0.02; done; exit 1",
		   name, name, name, name, name, name, file, name, file, name, file),
	    0);
}

static void monitor_file(char file[64])
{
	snprintf(file, 64, "/tmp/weft-test-monitor-%d", getpid());
}

static int monitors_tear_down(void **state)
{
	struct stage *stage = *state;
	char file[64];

	monitor_file(file);
	(void)ns_run(stage->world.home, "[ ! -e %s.pids ] || kill $(cat %s.pids); rm -f %s.*", file,
		     file, file);
	return tear_down(state);
}

static void a_restart_is_silent(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	static char heard[8192];
	char file[64];

	monitor_file(file);
	host_stop(&stage->world, host);
	assert_int_equal(ns_run(host->ns,
				"for m in 'ip monitor all' 'bridge monitor' 'nft monitor'; do "
				"timeout 100 stdbuf -oL $m >%s.${m%%%% *} 2>&1 & echo $! "
				">>%s.pids; done",
				file, file),
			 0);
	/* both markers prove that the monitors were listening all along */
	assert_heard(host->ns, "begin", file);
	host_start(&stage->world, host);
	tell_all_again(stage);
	host->told_done = 0;
	host->done[0] = '\0';
	assert_true(host_settle(&stage->world, host, 3000));
	assert_string_equal(host->done, "");
	assert_heard(host->ns, "last", file);
	ns_read(host->ns, heard, sizeof(heard), "grep -h wf %s.*", file);
	assert_string_equal(heard, "");
}

static void a_restart_repairs_what_was_broken_meanwhile(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	static char before[65536], after[65536];

	snapshot(host->ns, before, sizeof(before));
	host_stop(&stage->world, host);
	assert_int_equal(ns_run(host->ns, "ip neigh del 10.7.0.12 dev wfvx001000; nft flush "
					  "ruleset; ip link del wfvx001000"),
			 0);
	host_start(&stage->world, host);
	tell_all_again(stage);
	assert_true(host_settle(&stage->world, host, 3000));
	snapshot(host->ns, after, sizeof(after));
	assert_string_equal(before, after);
}

static void what_is_not_wefts_is_left_alone(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	static char before[8192], after[8192];
	static const char *const look =
	    "ip link show br9; ip addr show dev br9; bridge fdb show br br9; ip neigh show dev "
	    "br9; ip route show table main | grep -v wfbr; nft list table inet other; nft list "
	    "table ip nat; ip nexthop";

	assert_int_equal(
	    ns_run(host->ns,
		   "ip link add br9 type bridge && ip link add p9 type veth peer name p8 && "
		   "ip link set p9 master br9 && ip link set br9 up && ip link set p9 up && "
		   "ip addr add 10.99.0.1/24 dev br9 && ip neigh add 10.99.0.5 lladdr "
		   "02:00:00:00:00:55 dev br9 nud permanent && bridge fdb add 02:00:00:00:00:55 "
		   "dev p9 master static && ip route add 10.98.0.0/16 via 10.99.0.5 && "
		   "ip nexthop add id 77 via 192.168.77.2 dev eth0 && "
		   "nft add table inet other && nft add chain inet other c && "
		   "nft add rule inet other c counter && nft add table ip nat && "
		   "nft 'add chain ip nat post { type nat hook postrouting priority 100; }'"),
	    0);
	assert_true(host_settle(&stage->world, host, 2000));
	ns_read(host->ns, before, sizeof(before), "%s", look);
	assert_repaired(stage, "ip link del wfbr001000; ip link del wfvx001000; nft delete table "
			       "inet weft");
	overlay_network_end(host->ov, &stage->network);
	assert_true(host_settle(&stage->world, host, 2000));
	ns_read(host->ns, after, sizeof(after), "%s", look);
	assert_string_equal(before, after);
	assert_int_equal(ns_run(host->ns, "ip -br link | grep -q wf || nft list table inet weft "
					  "2>/dev/null"),
			 1);
}

static void a_host_may_move_to_another_outer_address(void **state)
{
	struct stage *stage = *state;
	struct world *world = &stage->world;
	struct host *host = &world->hosts[0];

	assert_int_equal(ns_run(host->ns, "sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1 && "
					  "ip addr add 192.168.77.101/24 dev eth0"),
			 0);
	assert_int_equal(inet_parse("192.168.77.101", &host->vtep), 0);
	overlay_vtep_set(host->ov, &host->vtep);
	for (int i = 0; i < WORLD_HOSTS; i++)
		overlay_member_put(world->hosts[i].ov, &host->node, &host->vtep);
	assert_true(world_settle(world, 2000));
	assert_int_equal(host->told_failed, 0);
	assert_int_equal(ns_run(host->ns, "ip addr del 192.168.77.1/24 dev eth0 && "
					  "ip -d link show wfvx001000 | grep -q 'local "
					  "192.168.77.101'"),
			 0);
	assert_true(world_settle(world, 2000));
	assert_true(ns_pings(stage->box[0].ns, "10.7.0.12"));
	assert_true(ns_pings(stage->box[1].ns, "10.7.0.11"));
}

static void a_foreign_device_of_the_name_is_reported_and_kept(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[2];
	struct id other = world_id(4, 2);
	struct overlay_network_state seen;
	struct rec_network rec;

	world_network(&rec, "10.8.0.0/24", "10.8.0.1", VNI + 1);
	assert_int_equal(ns_run(host->ns,
				"ip link add wfbr001001 type bridge && ip addr add "
				"10.123.0.1/24 dev wfbr001001 && ip link add wfe1 type veth "
				"peer name wfe2 && ip addr add 10.124.0.1/24 dev wfe1"),
			 0);
	world_share(&stage->world, &other, &rec);
	assert_true(host_settle(&stage->world, host, 2000));
	assert_true(overlay_network_get(host->ov, &other, &seen));
	assert_true(seen.failed > 0);
	assert_non_null(strstr(seen.error, "not weft's"));
	assert_int_equal(ns_run(host->ns, "ip -d link show wfbr001001 | grep -q 'alias weft'"), 1);
	assert_int_equal(ns_run(host->ns, "ip addr show dev wfbr001001 | grep -q 10.123.0.1 && "
					  "ip addr show dev wfe1 | grep -q 10.124.0.1"),
			 0);
	/* out of the way, it is made after the pause */
	assert_int_equal(ns_run(host->ns, "ip link del wfbr001001"), 0);
	assert_true(host_settle(&stage->world, host, 5000));
	assert_true(overlay_network_get(host->ov, &other, &seen));
	assert_int_equal(seen.failed, 0);
}

static void a_box_that_a_killed_daemon_plugged_half_is_told_as_lost(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	char port[IFNAME_BYTES];

	name_port(&stage->box[0].endpoint.id, port);
	host_stop(&stage->world, host);
	/* as plugging leaves it before the box has its address, and what of the host's own brings
	 * up whatever appears */
	assert_int_equal(ns_run(stage->box[0].ns, "ip addr flush eth0; ip link set eth0 down"), 0);
	assert_int_equal(
	    ns_run(host->ns, "ip link set %s up nomaster; ip link set %s alias ''", port, port), 0);
	host_start(&stage->world, host);
	tell_all_again(stage);
	assert_true(host_settle(&stage->world, host, 3000));
	assert_int_equal(host->told_lost, 1);
	assert_string_equal(host->failed, "");
	assert_int_not_equal(ns_run(host->ns, "ip link show %s 2>/dev/null", port), 0);
	assert_int_not_equal(ns_run(stage->box[0].ns, "ip link show eth0 2>/dev/null"), 0);
}

static void leftovers_of_a_killed_daemon_are_adopted_or_swept(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[2];
	struct id other = world_id(4, 2);
	struct rec_network rec;

	/* made and grouped, but killed before the alias; and a port of an attach that never ended
	 */
	assert_int_equal(
	    ns_run(host->ns, "ip link add wfbr001001 group 2003134068 type bridge && "
			     "ip link add wfe0123456789ab group 2003134068 type veth peer name x"),
	    0);
	world_network(&rec, "10.8.0.0/24", "10.8.0.1", VNI + 1);
	world_share(&stage->world, &other, &rec);
	assert_true(host_settle(&stage->world, host, 2000));
	assert_int_equal(ns_run(host->ns, "ip link show wfbr001001 | grep -q 'alias weft:0402'"),
			 0);
	assert_int_equal(ns_run(host->ns, "ip link show wfe0123456789ab 2>/dev/null"), 1);
}

int main(void)
{
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    STAGED(removed_entries_come_back),
	    STAGED(removed_routes_and_addresses_come_back),
	    STAGED(changed_devices_are_put_right),
	    STAGED(removed_devices_come_back),
	    STAGED(flushed_rules_come_back),
	    cmocka_unit_test_setup_teardown(a_restart_is_silent, set_up, monitors_tear_down),
	    STAGED(a_restart_repairs_what_was_broken_meanwhile),
	    STAGED(what_is_not_wefts_is_left_alone),
	    STAGED(a_host_may_move_to_another_outer_address),
	    STAGED(a_foreign_device_of_the_name_is_reported_and_kept),
	    STAGED(a_box_that_a_killed_daemon_plugged_half_is_told_as_lost),
	    STAGED(leftovers_of_a_killed_daemon_are_adopted_or_swept),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
