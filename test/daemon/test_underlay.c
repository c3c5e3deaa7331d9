/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Each test runs in a network namespace of its own, where nothing is but what it makes. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/underlay.h"
#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"

#define CHECK(expr) ((expr) ? (void)0 : check_failed(#expr, __LINE__))

static void check_failed(const char *expr, int line)
{
	fprintf(stderr, "test_underlay.c:%d: %s does not hold\n", line, expr);
	_exit(1);
}

static void ip(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "ip %s", arguments);
	CHECK(system(command) == 0);
}

static struct inet address(const char *text)
{
	struct inet ip;

	CHECK(inet_parse(text, &ip) == 0);
	return ip;
}

static int is_address(bool v6, const char *text)
{
	struct inet found, wanted = address(text);

	return underlay_address(v6, &found) == 0 && inet_eq(&found, &wanted);
}

/* Runs a test in a child with two devices, m0 (MTU 1400) and its peer. */
static void in_namespace(void (*run)(void))
{
	int status;
	pid_t child;

	if (geteuid() != 0) {
		print_message("needs root for a namespace\n");
		skip();
	}
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		CHECK(unshare(CLONE_NEWNET) == 0);
		ip("link set lo up");
		ip("link add m0 mtu 1400 type veth peer name wfbr0");
		ip("link set m0 up");
		ip("link set wfbr0 up");
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void look_without_route(void)
{
	struct inet found;

	CHECK(underlay_address(false, &found) == WEFT_E_NOT_FOUND);
	ip("addr add 10.1.0.1/24 dev wfbr0");
	ip("addr add 169.254.7.7/16 dev m0");
	CHECK(underlay_address(false, &found) == WEFT_E_NOT_FOUND);
	CHECK(underlay_address(true, &found) == WEFT_E_NOT_FOUND);
	ip("addr add 10.2.0.1/24 dev m0");
	CHECK(is_address(false, "10.2.0.1"));
	ip("addr add fd00:2::1/64 dev m0 nodad");
	CHECK(is_address(true, "fd00:2::1"));
}

static void without_a_default_route_it_is_an_address_that_others_can_reach(void **state)
{
	(void)state;
	in_namespace(look_without_route);
}

static void look_with_route(void)
{
	struct inet to = address("10.3.0.9"), source, wanted;

	ip("addr add 10.2.0.1/24 dev m0");
	ip("addr add 10.3.0.1/24 dev m0");
	ip("route add default via 10.3.0.254");
	CHECK(is_address(false, "10.3.0.1"));
	CHECK(underlay_source(&to, &source) == 0);
	wanted = address("10.3.0.1");
	CHECK(inet_eq(&source, &wanted));
	to = address("fd00:9::1");
	CHECK(underlay_source(&to, &source) == WEFT_E_NOT_FOUND);
}

static void with_one_it_is_the_address_that_packets_leave_with(void **state)
{
	(void)state;
	in_namespace(look_with_route);
}

static void look_at_mtu(void)
{
	struct inet here, other = address("10.9.9.9");

	ip("addr add 10.2.0.1/24 dev m0");
	ip("addr add fd00:2::1/64 dev m0 nodad");
	here = address("10.2.0.1");
	CHECK(underlay_has(&here) && !underlay_has(&other));
	CHECK(underlay_inner_mtu(&here) == 1400 - VXLAN_OVERHEAD_V4);
	ip("link set m0 mtu 9000");
	CHECK(underlay_inner_mtu(&here) == 9000 - VXLAN_OVERHEAD_V4);
	here = address("fd00:2::1");
	CHECK(underlay_inner_mtu(&here) == 9000 - VXLAN_OVERHEAD_V6);
	CHECK(underlay_inner_mtu(&other) == UNDERLAY_MTU_PRESET - VXLAN_OVERHEAD_V4);
	/* Loopback's 65,536 fits into no field of 16 bits, its inside does. */
	here = address("127.0.0.1");
	CHECK(underlay_inner_mtu(&here) == UINT16_MAX - VXLAN_OVERHEAD_V4);
}

static void the_inner_mtu_follows_the_device_of_the_address(void **state)
{
	(void)state;
	in_namespace(look_at_mtu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_default_route_it_is_an_address_that_others_can_reach),
	    cmocka_unit_test(with_one_it_is_the_address_that_packets_leave_with),
	    cmocka_unit_test(the_inner_mtu_follows_the_device_of_the_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
