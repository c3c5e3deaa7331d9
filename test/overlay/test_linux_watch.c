/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/linux_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"
#include "test/base/cmocka_all.h"

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up"), 0);
	return 0;
}

/* Sends len bytes to a port of this host's. */
static uint16_t send_to(uint16_t port, const uint8_t *bytes, size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in own = {0};
	socklen_t own_len = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &own_len), 0);
	close(fd);
	return ntohs(own.sin_port);
}

static void probes_are_seen_with_their_size_and_nothing_else_is(void **state)
{
	static const uint8_t probe[1000] = {0x00, 0x77, 0x66, 0x64};
	static const uint8_t vxlan[1000] = {0x08, 0x77, 0x66, 0x64};
	struct watch_seen seen[4];
	char why[WATCH_WHY_BYTES] = "";
	struct linux_watch *watch = linux_watch_open(why);
	uint16_t from;

	(void)state;
	assert_string_equal(why, "");
	assert_non_null(watch);
	assert_int_equal(linux_watch_read(watch, seen, 4), 0);
	from = send_to(4789, probe, sizeof(probe));
	send_to(4789, vxlan, sizeof(vxlan));
	assert_int_equal(linux_watch_read(watch, seen, 4), 1);
	assert_int_equal(seen[0].from_port, from);
	assert_int_equal(seen[0].to_port, 4789);
	assert_int_equal(seen[0].bytes, WATCH_UDP_BYTES + sizeof(probe));
	assert_int_equal(seen[0].packets, 1);
	linux_watch_close(watch);
}

static void what_a_firewall_drops_is_not_seen(void **state)
{
	static const uint8_t probe[16] = {0x00, 0x77, 0x66, 0x64};
	struct watch_seen seen[4];
	char why[WATCH_WHY_BYTES] = "";
	struct linux_watch *watch = linux_watch_open(why);

	(void)state;
	assert_non_null(watch);
	assert_int_equal(system("nft 'table inet fw { chain c { type filter hook input priority "
				"100; udp dport 4790 drop; }; }'"),
			 0);
	send_to(4790, probe, sizeof(probe));
	send_to(4791, probe, sizeof(probe));
	assert_int_equal(linux_watch_read(watch, seen, 4), 1);
	assert_int_equal(seen[0].to_port, 4791);
	linux_watch_close(watch);
}

static void nothing_is_left_behind(void **state)
{
	char why[WATCH_WHY_BYTES] = "";

	(void)state;
	linux_watch_close(linux_watch_open(why));
	assert_string_equal(why, "");
	assert_int_not_equal(system("nft list tables | grep -q weft_diag"), 0);
}

static void elements_are_read_or_refused(void **state)
{
	struct watch_seen seen;

	(void)state;
	assert_int_equal(
	    watch_seen_parse(" 192.0.2.7 . 40000 . 4789 . 1480 counter packets 3 bytes "
			     "4500",
			     &seen),
	    0);
	assert_int_equal(seen.packets, 3);
	assert_int_equal(seen.from_port, 40000);
	assert_int_equal(
	    watch_seen_parse(" 2001:db8::7 . 1 . 2 . 3 counter packets 4 bytes 5 }", &seen), 0);
	assert_false(inet_is_v4(&seen.from));
	assert_int_equal(watch_seen_parse(" 1.2.3.4 . 70000 . 2 . 3 counter packets 4", &seen),
			 -EINVAL);
	assert_int_equal(watch_seen_parse("counter packets 4", &seen), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(probes_are_seen_with_their_size_and_nothing_else_is, set_up),
	    cmocka_unit_test_setup(what_a_firewall_drops_is_not_seen, set_up),
	    cmocka_unit_test_setup(nothing_is_left_behind, set_up),
	    cmocka_unit_test(elements_are_read_or_refused),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
