/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/linux/linux_look.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/base/cmocka_all.h"
#include "world.h"

/* What was told, a line each. */
struct told {
	char text[2048];
};

static void tell(struct told *told, const char *a, const char *b)
{
	size_t len = strlen(told->text);

	snprintf(told->text + len, sizeof(told->text) - len, "%s|%s\n", a, b);
}

static int set_up(void **state)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	*state = calloc(1, sizeof(struct told));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void on_feature(void *arg, const char *feature, const char *why)
{
	tell(arg, feature, why ? why : "");
}

static void this_kernel_has_what_weft_needs(void **state)
{
	struct told *told = *state;

	look_features(told, on_feature);
	assert_string_equal(told->text,
			    "bridge|\nvxlan|\nvxlan forwarding|\nvxlan neighbour "
			    "proxy|\nveth as a locked port|\nnftables|\nnftables at a device|\n");
}

static void what_the_kernel_refuses_is_told_with_its_reason(void **state)
{
	struct told *told = *state;

	/* The name is taken, so the device cannot be made. */
	assert_int_equal(system("ip link add name wfvx001000 type bridge"), 0);
	look_features(told, on_feature);
	assert_non_null(strstr(told->text, "vxlan|File exists"));
	assert_non_null(strstr(told->text, "veth as a locked port|\n"));
}

static void on_vxlan(void *arg, const struct look_vxlan *vxlan)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u %d %d", vxlan->vni, vxlan->port, vxlan->external,
		 vxlan->is_weft);
	tell(arg, vxlan->name, text);
}

static void vxlan_devices_are_seen_with_their_port(void **state)
{
	struct told *told = *state;

	assert_int_equal(
	    system("ip link add name ta type vxlan id 7 dstport 4789 local 127.0.0.1 && "
		   "ip link add name tb type vxlan external dstport 8472 && "
		   "ip link add name tc type vxlan id 9 dstport 4790 && "
		   "ip link set tc alias weft:00 && ip link add name td type bridge"),
	    0);
	assert_int_equal(look_vxlans(told, on_vxlan), 0);
	assert_non_null(strstr(told->text, "ta|7 4789 0 0\n"));
	assert_non_null(strstr(told->text, "tb|0 8472 1 0\n"));
	assert_non_null(strstr(told->text, "tc|9 4790 0 1\n"));
	assert_null(strstr(told->text, "td|"));
}

static void on_prefix(void *arg, const struct prefix *prefix, const char *what)
{
	char text[PREFIX_TEXT_BYTES];

	prefix_format(prefix, text);
	tell(arg, text, what);
}

static void addresses_and_routes_are_seen(void **state)
{
	struct told *told = *state;

	assert_int_equal(
	    system("ip link add name ta type bridge && ip addr add 192.0.2.1/24 dev ta && "
		   "ip link set ta up && ip route add 198.51.100.0/24 dev ta"),
	    0);
	assert_int_equal(look_prefixes(told, on_prefix), 0);
	assert_non_null(strstr(told->text, "192.0.2.0/24|"));
	assert_non_null(strstr(told->text, "198.51.100.0/24|"));
}

static void the_limits_of_neighbours_are_read(void **state)
{
	struct look_neighbours table;

	(void)state;
	assert_int_equal(look_neighbours(&table), 0);
	assert_true(table.soft > 0 && table.hard >= table.soft);
}

static void neighbours_are_counted_by_what_the_limits_count(void **state)
{
	struct look_neighbours table;

	(void)state;
	/* A bridge would speak to routers by itself, and make a neighbour of them. */
	assert_int_equal(
	    system("ip link add name ta type veth peer name tb && "
		   "ip addr add 192.0.2.1/24 dev ta && "
		   "ip link set ta up && "
		   "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 nud permanent dev ta && "
		   "ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 nud stale dev ta && "
		   "ip neigh add 192.0.2.4 lladdr 02:00:00:00:00:04 nud stale extern_learn dev ta"),
	    0);
	assert_int_equal(look_neighbours(&table), 0);
	assert_int_equal(table.here, 1);
	assert_int_equal(table.exempt, 2);
	assert_true(table.entries >= 3);
}

static void the_rules_of_a_firewall_are_listed(void **state)
{
	struct told *told = *state;
	char *listing;

	assert_int_equal(look_rules("list chains", &listing), 0);
	assert_null(strstr(listing, "forward"));
	free(listing);
	assert_int_equal(system("nft 'table inet fw { chain f { type filter hook forward priority "
				"0; policy drop; iifname \"wfbr*\" accept; }; }'"),
			 0);
	assert_int_equal(look_rules("list chain inet fw f", &listing), 0);
	assert_non_null(strstr(listing, "\"hook\": \"forward\""));
	assert_non_null(strstr(listing, "\"right\": \"wfbr*\""));
	free(listing);
	assert_int_equal(look_rules("list chain inet fw g", &listing), -EPERM);
	assert_null(listing);
	assert_string_equal(told->text, "");
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    ALONE(this_kernel_has_what_weft_needs),
	    ALONE(what_the_kernel_refuses_is_told_with_its_reason),
	    ALONE(vxlan_devices_are_seen_with_their_port),
	    ALONE(addresses_and_routes_are_seen),
	    ALONE(the_limits_of_neighbours_are_read),
	    ALONE(neighbours_are_counted_by_what_the_limits_count),
	    ALONE(the_rules_of_a_firewall_are_listed),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
