/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Boxes: plugged in whole or not at all, followed when the MTU changes, kept apart, let out, and
 * found again when their address moves.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay/kernel.h"
#include "world.h"
#include "test/base/cmocka_all.h"

struct stage {
	struct world world;
	struct id red, blue;
	struct rec_network red_rec, blue_rec;
	struct box boxes[4];
};

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	*state = stage;
	stage->red = world_id(4, 1);
	stage->blue = world_id(4, 2);
	world_open(&stage->world, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	world_network(&stage->red_rec, "10.7.0.0/24", "10.7.0.1", 4096);
	world_network(&stage->blue_rec, "10.8.0.0/24", "10.8.0.1", 4097);
	world_share(&stage->world, &stage->red, &stage->red_rec);
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	for (int i = 0; i < 4; i++) {
		if (stage->boxes[i].ns > 0)
			close(stage->boxes[i].ns);
	}
	world_close(&stage->world);
	free(stage);
	return 0;
}

static void plug(struct stage *stage, int box, int host, const struct id *network, const char *addr)
{
	struct weft_err err = {0};

	if (box_attach(&stage->world, &stage->world.hosts[host], &stage->boxes[box], network,
		       (uint8_t)(box + 1), addr, &err) != 0)
		fail_msg("%s", err.message);
}

static void an_endpoint_gets_its_name_address_mac_mtu_and_routes(void **state)
{
	struct stage *stage = *state;
	char mac[MAC_TEXT_BYTES], port[IFNAME_BYTES];

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	mac_format(&stage->boxes[0].endpoint.mac, mac);
	assert_int_equal(ns_run(stage->boxes[0].ns,
				"ip link show eth0 | grep -q 'mtu 1450.*UP' && "
				"ip link show eth0 | grep -q %s && "
				"ip addr show eth0 | grep -q 'inet 10.7.0.11/24 brd 10.7.0.255' && "
				"ip route | grep -q 'default via 10.7.0.1 dev eth0' && "
				"ip route | grep -q '10.7.0.0/24 dev eth0'",
				mac),
			 0);
	/* at once, without a reconcile: the attach itself made everything */
	name_port(&stage->boxes[0].endpoint.id, port);
	assert_int_equal(ns_run(stage->world.hosts[0].ns,
				"bridge -d link show dev %s | grep -q 'learning off flood off.*"
				"locked on' && bridge fdb show dev %s | grep -q '%s.*static'",
				port, port, mac),
			 0);
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.1"));
}

static uint64_t dumps_of(const struct host *host)
{
	struct overlay_totals totals;

	overlay_totals_get(host->ov, &totals);
	return totals.dumps;
}

/* Neither at once nor by the notifications that follow: a host may have hundreds of boxes, and its
 * networks a hundred thousand endpoints. */
static void whoever_comes_and_goes_has_nobody_else_read(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	uint64_t dumps;

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	assert_true(host_settle(&stage->world, host, 2000));
	dumps = dumps_of(host);
	plug(stage, 1, 0, &stage->red, "10.7.0.12/24");
	assert_true(host_settle(&stage->world, host, 2000));
	assert_int_equal(dumps_of(host), dumps);
	world_go(host->ns);
	assert_int_equal(overlay_detach(host->ov, &stage->red, &stage->boxes[1].endpoint.id, NULL),
			 0);
	world_go(stage->world.home);
	assert_true(host_settle(&stage->world, host, 2000));
	assert_int_equal(dumps_of(host), dumps);
	assert_int_equal(ns_run(host->ns, "test $(ip -br link | grep -c wfe) = 1"), 0);
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.1"));
}

static void an_internal_network_gives_no_default_route(void **state)
{
	struct stage *stage = *state;

	stage->blue_rec.internal = true;
	world_share(&stage->world, &stage->blue, &stage->blue_rec);
	plug(stage, 0, 0, &stage->blue, "10.8.0.11/24");
	assert_int_equal(ns_run(stage->boxes[0].ns, "ip route | grep -q default"), 1);
}

static void a_taken_interface_name_is_a_clear_error_and_leaves_nothing(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	struct weft_err err = {0};

	stage->boxes[0].ns = world_new_ns(&stage->world);
	assert_int_equal(ns_run(stage->boxes[0].ns, "ip link add eth0 type veth peer name other"),
			 0);
	assert_int_equal(
	    box_attach(&stage->world, host, &stage->boxes[0], &stage->red, 1, "10.7.0.11/24", &err),
	    WEFT_E_EXISTS);
	assert_non_null(strstr(err.message, "already has an interface named eth0"));
	assert_int_equal(ns_run(host->ns, "ip -br link | grep wfe"), 1);
	assert_int_equal(ns_run(stage->boxes[0].ns, "ip -d link show eth0 | grep -q veth"), 0);
	/* and again, once the name is free */
	assert_int_equal(ns_run(stage->boxes[0].ns, "ip link del eth0"), 0);
	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.1"));
}

static void a_host_end_of_an_interrupted_attach_makes_way_and_a_foreign_one_stays(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	struct id id = world_id(2, 1);
	char port[IFNAME_BYTES], alias[WEFT_ALIAS_BYTES];
	struct weft_err err = {0};

	name_port(&id, port);
	name_alias(&stage->red, alias);
	assert_int_equal(ns_run(host->ns, "ip link add %s type veth peer name q", port), 0);
	assert_int_equal(
	    box_attach(&stage->world, host, &stage->boxes[0], &stage->red, 1, "10.7.0.11/24", &err),
	    WEFT_E_EXISTS);
	assert_non_null(strstr(err.message, "that is not weft's"));
	assert_int_equal(ns_run(host->ns, "ip -br link show q"), 0);
	assert_int_equal(ns_run(host->ns, "ip link set %s alias %s", port, alias), 0);
	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	assert_int_not_equal(ns_run(host->ns, "ip -br link show q"), 0);
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.1"));
}

static void an_attach_that_fails_half_way_leaves_nothing(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	struct weft_err err = {0};

	stage->boxes[0].ns = world_new_ns(&stage->world);
	stage->red_rec.pool_count = 2; /* the route to a second subnet is there already */
	assert_int_equal(prefix_parse("10.9.0.0/24", &stage->red_rec.pools[1].subnet), 0);
	world_share(&stage->world, &stage->red, &stage->red_rec);
	assert_int_equal(ns_run(stage->boxes[0].ns, "ip link add o type veth peer name p && ip "
						    "link set o up && ip route add 10.9.0.0/24 dev "
						    "o scope link proto static"),
			 0);
	assert_int_equal(
	    box_attach(&stage->world, host, &stage->boxes[0], &stage->red, 1, "10.7.0.11/24", &err),
	    WEFT_E_KERNEL);
	assert_non_null(strstr(err.message, "its routes"));
	assert_int_equal(ns_run(host->ns, "ip -br link | grep wfe"), 1);
	assert_int_equal(ns_run(stage->boxes[0].ns, "ip -br link | grep eth0"), 1);
}

static void an_unknown_network_is_not_found(void **state)
{
	struct stage *stage = *state;
	struct weft_err err = {0};
	struct id nowhere = world_id(4, 9);

	assert_int_equal(box_attach(&stage->world, &stage->world.hosts[0], &stage->boxes[0],
				    &nowhere, 1, "10.7.0.11/24", &err),
			 WEFT_E_NOT_FOUND);
}

static void detach_is_idempotent_and_withdraws(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	const struct id *id = &stage->boxes[0].endpoint.id;
	struct weft_err err = {0};

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	world_go(host->ns);
	for (int i = 0; i < 3; i++)
		assert_int_equal(overlay_detach(host->ov, &stage->red, id, &err), 0);
	world_go(stage->world.home);
	assert_true(host_settle(&stage->world, host, 2000));
	assert_int_equal(host->told_lost, 0);
	assert_int_equal(ns_run(stage->boxes[0].ns, "ip -br link | grep eth0"), 1);
	assert_int_equal(ns_run(host->ns, "ip -br link | grep wfe"), 1);
}

/* The kernel takes a dead namespace apart when it finds the time. */
static bool has_lost(const struct host *host)
{
	return host->told_lost > 0;
}

static void an_endpoint_whose_namespace_died_is_told_as_lost(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	struct weft_err err = {0};

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	assert_true(host_settle(&stage->world, host, 2000));
	close(stage->boxes[0].ns);
	stage->boxes[0].ns = 0;
	assert_true(host_until(&stage->world, host, has_lost));
	assert_int_equal(host->told_lost, 1);
	world_go(host->ns);
	assert_int_equal(overlay_detach(host->ov, &stage->red, &stage->boxes[0].endpoint.id, &err),
			 0);
	world_go(stage->world.home);
	assert_true(host_settle(&stage->world, host, 2000));
	assert_int_equal(host->told_lost, 1);
}

static void two_networks_never_reach_each_other(void **state)
{
	struct stage *stage = *state;

	world_share(&stage->world, &stage->blue, &stage->blue_rec);
	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	plug(stage, 1, 1, &stage->red, "10.7.0.12/24");
	plug(stage, 2, 0, &stage->blue, "10.8.0.11/24");
	plug(stage, 3, 1, &stage->blue, "10.8.0.12/24");
	assert_true(world_settle(&stage->world, 3000));
	for (int i = 0; i < WORLD_HOSTS; i++)
		assert_int_equal(ns_run(stage->world.hosts[i].ns, "grep -q 1 "
								  "/proc/sys/net/ipv4/ip_forward"),
				 0);
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.12"));
	assert_true(ns_pings(stage->boxes[2].ns, "10.8.0.12"));
	assert_true(ns_pings_in_vain(stage->boxes[0].ns, "10.8.0.11"));
	assert_true(ns_pings_in_vain(stage->boxes[0].ns, "10.8.0.12"));
	assert_true(ns_pings_in_vain(stage->boxes[0].ns, "10.8.0.1")); /* the other's gateway */
	assert_true(
	    ns_pings_in_vain(stage->boxes[0].ns, "10.8.0.251")); /* the other's host address */
	assert_true(
	    ns_pings_in_vain(stage->boxes[0].ns, "192.168.77.1")); /* its host's outer address */
}

static void a_box_reaches_the_outside_by_its_gateway(void **state)
{
	struct stage *stage = *state;

	/* the outside knows no route back: only masquerading can be answered */
	assert_int_equal(ns_run(stage->world.switch_ns, "ip addr add 192.168.77.99/24 dev sw"), 0);
	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	stage->blue_rec.internal = true;
	world_share(&stage->world, &stage->blue, &stage->blue_rec);
	plug(stage, 1, 0, &stage->blue, "10.8.0.11/24");
	assert_true(world_settle(&stage->world, 3000));
	assert_true(ns_pings(stage->boxes[0].ns, "192.168.77.99"));
	assert_int_equal(ns_run(stage->boxes[1].ns, "ip route add default via 10.8.0.1"), 0);
	assert_true(ns_pings_in_vain(stage->boxes[1].ns, "192.168.77.99")); /* internal */
	assert_int_equal(
	    ns_run(stage->world.switch_ns, "ip route add 10.7.0.0/24 via 192.168.77.1"), 0);
	assert_true(
	    ns_pings_in_vain(stage->world.switch_ns, "10.7.0.11")); /* from outside only answers */
}

static void a_box_cannot_take_anothers_mac(void **state)
{
	struct stage *stage = *state;
	char mac[MAC_TEXT_BYTES];

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	plug(stage, 1, 1, &stage->red, "10.7.0.12/24");
	plug(stage, 2, 0, &stage->red, "10.7.0.13/24");
	assert_true(world_settle(&stage->world, 3000));
	mac_format(&stage->boxes[1].endpoint.mac, mac);
	(void)ns_run(stage->boxes[2].ns,
		     "ip link set eth0 address %s; "
		     "ping -n -c2 -i0.2 -W1 10.7.0.1 >/dev/null 2>&1",
		     mac);
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.12"));
}

static void the_mtu_follows_the_underlay_into_the_boxes(void **state)
{
	static const char *const look = "ip link show %s | grep -q 'mtu %d'";
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	char port[IFNAME_BYTES];

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	name_port(&stage->boxes[0].endpoint.id, port);
	for (int round = 0; round < 2; round++) {
		int mtu = round == 0 ? 1350 : 1450;

		assert_int_equal(ns_run(host->ns, "ip link set eth0 mtu %d", mtu + 50), 0);
		assert_true(host_settle(&stage->world, host, 2000));
		assert_int_equal(host->told_mtu, mtu);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		assert_int_equal(ns_run(host->ns, look, "wfvx001000", mtu), 0);
		assert_int_equal(ns_run(host->ns, look, "wfbr001000", mtu), 0);
		assert_int_equal(ns_run(host->ns, look, port, mtu), 0);
		assert_int_equal(ns_run(stage->boxes[0].ns, look, "eth0", mtu), 0);
#pragma GCC diagnostic pop
	}
	assert_int_equal(ns_run(host->ns, "ip link set eth0 mtu 9000"), 0);
	assert_int_equal(ns_run(host->ns, "ip route add 192.168.77.2/32 dev eth0 mtu 1400"), 0);
	assert_true(host_settle(&stage->world, host, 2000));
	assert_int_equal(host->told_mtu, 1350);
}

static void the_smallest_mtu_of_the_attached_hosts_counts(void **state)
{
	const struct rec_attachment narrow = {.mtu_bytes = 1300};
	struct overlay_network_state seen;
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];

	overlay_attachment_put(host->ov, &stage->red, &stage->world.hosts[2].node, &narrow);
	assert_true(host_settle(&stage->world, host, 2000));
	assert_true(overlay_network_get(host->ov, &stage->red, &seen));
	assert_int_equal(seen.mtu_bytes, 1300);
	assert_int_equal(seen.own_mtu_bytes, 1450);
	assert_int_equal(ns_run(host->ns, "ip link show wfbr001000 | grep -q 'mtu 1300'"), 0);
}

/* Without the announcement the box would go on to the old MAC for half a minute. */
static void an_address_that_moves_is_found_at_once(void **state)
{
	struct stage *stage = *state;

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	plug(stage, 1, 1, &stage->red, "10.7.0.12/24");
	assert_true(world_settle(&stage->world, 3000));
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.12"));
	for (int i = 0; i < WORLD_HOSTS; i++)
		overlay_endpoint_end(stage->world.hosts[i].ov, &stage->red,
				     &stage->boxes[1].endpoint.id, &stage->world.hosts[1].node,
				     (struct overlay_version){1, 2});
	world_go(stage->world.hosts[1].ns);
	assert_int_equal(overlay_detach(stage->world.hosts[1].ov, &stage->red,
					&stage->boxes[1].endpoint.id, NULL),
			 0);
	world_go(stage->world.home);
	assert_true(world_settle(&stage->world, 3000));
	plug(stage, 2, 2, &stage->red, "10.7.0.12/24");
	assert_true(world_settle(&stage->world, 3000));
	assert_true(ns_pings(stage->boxes[0].ns, "10.7.0.12"));
}

static void an_overlap_names_what_it_overlaps(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	struct weft_err err = {0};
	struct prefix prefix;

	assert_true(host_settle(&stage->world, host, 2000));
	assert_int_equal(ns_run(host->ns, "ip route add 10.50.0.0/16 via 192.168.77.2"), 0);
	world_go(host->ns);
	assert_int_equal(prefix_parse("192.168.0.0/16", &prefix), 0);
	assert_int_equal(overlay_overlaps(host->ov, &prefix, &err), WEFT_E_POOL_OVERLAP);
	assert_non_null(strstr(err.message, "192.168.77."));
	assert_non_null(strstr(err.message, "eth0"));
	assert_int_equal(prefix_parse("10.50.7.0/24", &prefix), 0);
	assert_int_equal(overlay_overlaps(host->ov, &prefix, &err), WEFT_E_POOL_OVERLAP);
	assert_non_null(strstr(err.message, "route 10.50.0.0/16"));
	assert_int_equal(prefix_parse("10.7.0.0/24", &prefix), 0); /* weft's own */
	assert_int_equal(overlay_overlaps(host->ov, &prefix, &err), 0);
	world_go(stage->world.home);
}

static void vxlan_from_anybody_else_is_dropped(void **state)
{
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	char mac[MAC_TEXT_BYTES];

	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	assert_true(world_settle(&stage->world, 3000));
	mac_format(&stage->boxes[0].endpoint.mac, mac);
	/* a stranger with the VNI and a fitting neighbour entry; first as stranger, then let in */
	assert_int_equal(
	    ns_run(stage->world.switch_ns,
		   "ip addr add 192.168.77.66/24 dev sw && ip link add vx type vxlan id 4096 "
		   "dstport 4789 local 192.168.77.66 remote 192.168.77.1 && ip link set vx up && "
		   "ip addr add 10.7.0.66/24 dev vx && ip neigh add 10.7.0.11 lladdr %s dev vx",
		   mac),
	    0);
	assert_true(ns_pings_in_vain(stage->world.switch_ns, "10.7.0.11"));
	assert_int_equal(ns_run(host->ns, "nft list chain inet weft from_001000 | grep -q 'packets "
					  "[1-9]'"),
			 0);
	/* VXLAN of weft is not tracked */
	assert_int_equal(ns_run(host->ns, "grep 4789 /proc/net/nf_conntrack"), 1);
}

static void flows_of_an_address_are_forgotten(void **state)
{
	static const char *const look = "grep -q 10.7.0.11 /proc/net/nf_conntrack";
	static const char *const other = "grep -q 10.7.0.12 /proc/net/nf_conntrack";
	struct stage *stage = *state;
	struct host *host = &stage->world.hosts[0];
	struct inet ip;

	assert_int_equal(ns_run(stage->world.switch_ns, "ip addr add 192.168.77.99/24 dev sw"), 0);
	plug(stage, 0, 0, &stage->red, "10.7.0.11/24");
	plug(stage, 1, 0, &stage->red, "10.7.0.12/24");
	assert_true(host_settle(&stage->world, host, 2000));
	assert_true(ns_pings(stage->boxes[0].ns, "192.168.77.99"));
	assert_true(ns_pings(stage->boxes[1].ns, "192.168.77.99"));
	assert_int_equal(ns_run(host->ns, "%s", look), 0);
	assert_int_equal(inet_parse("10.7.0.11", &ip), 0);
	world_go(host->ns);
	assert_int_equal(linux_kernel_ops()->flush_flows(host->kernel, &ip), 0);
	world_go(stage->world.home);
	assert_int_equal(ns_run(host->ns, "%s", look), 1);
	assert_int_equal(ns_run(host->ns, "%s", other), 0);
}

/* A second pool of the other family: the same paths, the same answers. */
static void ipv6_pools_are_served_too(void **state)
{
	struct stage *stage = *state;
	struct rec_pool *pool = &stage->red_rec.pools[1];

	stage->red_rec.pool_count = 2;
	assert_int_equal(prefix_parse("fd00:7::/64", &pool->subnet), 0);
	assert_int_equal(inet_parse("fd00:7::1", &pool->gateway), 0);
	world_share(&stage->world, &stage->red, &stage->red_rec);
	plug(stage, 0, 0, &stage->red, "fd00:7::11/64");
	plug(stage, 1, 1, &stage->red, "fd00:7::12/64");
	assert_true(world_settle(&stage->world, 3000));
	assert_int_equal(stage->world.hosts[0].told_failed, 0);
	assert_true(ns_pings(stage->boxes[0].ns, "fd00:7::1"));
	assert_true(ns_pings(stage->boxes[0].ns, "fd00:7::12"));
	assert_true(ns_pings(stage->boxes[1].ns, "fd00:7::11"));
	/* the slow timer finds nothing to do: what was read is what was written */
	overlay_mark_all(stage->world.hosts[0].ov, (struct mono){INT64_MAX / 2});
	stage->world.hosts[0].done[0] = '\0';
	assert_true(host_settle(&stage->world, &stage->world.hosts[0], 2000));
	assert_string_equal(stage->world.hosts[0].done, "");
}

int main(void)
{
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    STAGED(an_endpoint_gets_its_name_address_mac_mtu_and_routes),
	    STAGED(whoever_comes_and_goes_has_nobody_else_read),
	    STAGED(an_internal_network_gives_no_default_route),
	    STAGED(a_taken_interface_name_is_a_clear_error_and_leaves_nothing),
	    STAGED(a_host_end_of_an_interrupted_attach_makes_way_and_a_foreign_one_stays),
	    STAGED(an_attach_that_fails_half_way_leaves_nothing),
	    STAGED(an_unknown_network_is_not_found),
	    STAGED(detach_is_idempotent_and_withdraws),
	    STAGED(an_endpoint_whose_namespace_died_is_told_as_lost),
	    STAGED(two_networks_never_reach_each_other),
	    STAGED(a_box_reaches_the_outside_by_its_gateway),
	    STAGED(a_box_cannot_take_anothers_mac),
	    STAGED(the_mtu_follows_the_underlay_into_the_boxes),
	    STAGED(the_smallest_mtu_of_the_attached_hosts_counts),
	    STAGED(an_address_that_moves_is_found_at_once),
	    STAGED(an_overlap_names_what_it_overlaps),
	    STAGED(vxlan_from_anybody_else_is_dropped),
	    STAGED(flows_of_an_address_are_forgotten),
	    STAGED(ipv6_pools_are_served_too),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
