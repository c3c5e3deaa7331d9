/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/linux/linux_watch.h"

#include <arpa/inet.h>
#include <endian.h>
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

/* Sends a datagram of so many bytes to a port of this host's: header and nonce, then zeros. */
static void send_to(uint16_t port, uint64_t header, uint64_t nonce, size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint64_t bytes[128] = {htobe64(header), htobe64(nonce)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && len <= sizeof(bytes));
	assert_int_equal(sendto(fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
	close(fd);
}

static struct watch_want want(uint32_t number, const char *from, uint64_t nonce)
{
	struct watch_want want = {.number = number, .nonce = nonce};

	assert_int_equal(inet_parse(from, &want.from), 0);
	return want;
}

static struct linux_watch *open_watch(void)
{
	char why[WATCH_WHY_BYTES] = "";
	struct linux_watch *watch = linux_watch_open(why);

	assert_string_equal(why, "");
	assert_non_null(watch);
	return watch;
}

static size_t take(struct linux_watch *watch, const struct watch_want *wants, size_t count,
		   struct watch_seen *seen)
{
	char why[WATCH_WHY_BYTES] = "";
	size_t seen_count;

	assert_int_equal(linux_watch_take(watch, wants, count, seen, &seen_count, why), 0);
	return seen_count;
}

static void probes_are_seen_with_their_size_and_nothing_else_is(void **state)
{
	const struct watch_want wants[] = {want(7, "127.0.0.1", 0x1122334455667788),
					   want(8, "127.0.0.1", 2), want(9, "127.0.0.2", 3),
					   want(10, "::1", 4)};
	struct watch_seen seen[4 * WATCH_SEEN_MAX];
	char why[WATCH_WHY_BYTES] = "";
	struct linux_watch *watch = open_watch();

	(void)state;
	assert_int_equal(linux_watch_add(watch, wants, 4, why), 0);
	send_to(4789, WATCH_PROBE_HEADER, 0x1122334455667788, 1000);
	send_to(4789, WATCH_PROBE_HEADER, 0x1122334455667788, 1000);
	send_to(4790, WATCH_PROBE_HEADER, 2, 100);
	/* No probe; an unknown nonce; from elsewhere than it was expected. */
	send_to(4789, UINT64_C(0x0877666400000000), 2, 1000);
	send_to(4789, WATCH_PROBE_HEADER, 5, 1000);
	send_to(4789, WATCH_PROBE_HEADER, 3, 1000);
	send_to(4789, WATCH_PROBE_HEADER, 4, 1000);
	assert_int_equal(take(watch, wants, 4, seen), 2);
	assert_int_equal(seen[0].number, 7);
	assert_int_equal(seen[0].to_port, 4789);
	assert_int_equal(seen[0].bytes, WATCH_UDP_BYTES + 1000);
	assert_int_equal(seen[0].packets, 2);
	assert_int_equal(seen[1].number, 8);
	assert_int_equal(seen[1].to_port, 4790);
	linux_watch_close(watch);
}

static void who_sends_without_end_fills_what_is_counted_of_himself(void **state)
{
	const struct watch_want wants[] = {want(1, "127.0.0.1", 1), want(2, "127.0.0.1", 2)};
	struct watch_seen seen[2 * WATCH_SEEN_MAX];
	char why[WATCH_WHY_BYTES] = "";
	struct linux_watch *watch = open_watch();

	(void)state;
	assert_int_equal(linux_watch_add(watch, wants, 2, why), 0);
	for (uint16_t i = 0; i < 2 * WATCH_SEEN_MAX; i++)
		send_to((uint16_t)(20000 + i), WATCH_PROBE_HEADER, 1, 100);
	send_to(4789, WATCH_PROBE_HEADER, 2, 100);
	assert_int_equal(take(watch, &wants[1], 1, seen), 1);
	assert_int_equal(take(watch, &wants[0], 1, seen), WATCH_SEEN_MAX);
	linux_watch_close(watch);
}

static void what_is_expected_no_longer_can_be_expected_anew(void **state)
{
	struct watch_want wants[32];
	struct watch_seen seen[32 * WATCH_SEEN_MAX];
	char why[WATCH_WHY_BYTES] = "";
	struct linux_watch *watch = open_watch();

	(void)state;
	for (uint32_t i = 0; i < 32; i++)
		wants[i] = want(i + 1, "127.0.0.1", i);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(linux_watch_add(watch, wants, 32, why), 0);
		send_to(4789, WATCH_PROBE_HEADER, 31, 100);
		assert_int_equal(take(watch, wants, 32, seen), 1);
		assert_int_equal(seen[0].number, 32);
	}
	linux_watch_close(watch);
}

static void what_was_not_asked_for_is_an_error(void **state)
{
	const struct watch_want unknown = want(1, "127.0.0.1", 1);
	struct watch_seen seen[WATCH_SEEN_MAX];
	char why[WATCH_WHY_BYTES] = "";
	size_t seen_count;
	struct linux_watch *watch = open_watch();

	(void)state;
	assert_int_not_equal(linux_watch_take(watch, &unknown, 1, seen, &seen_count, why), 0);
	assert_string_not_equal(why, "");
	linux_watch_close(watch);
}

static void what_a_firewall_drops_is_not_seen(void **state)
{
	const struct watch_want wants = want(1, "127.0.0.1", 1);
	struct watch_seen seen[WATCH_SEEN_MAX];
	char why[WATCH_WHY_BYTES] = "";
	struct linux_watch *watch = open_watch();

	(void)state;
	assert_int_equal(linux_watch_add(watch, &wants, 1, why), 0);
	assert_int_equal(system("nft 'table inet fw { chain c { type filter hook input priority "
				"100; udp dport 4790 drop; }; }'"),
			 0);
	send_to(4790, WATCH_PROBE_HEADER, 1, 100);
	send_to(4791, WATCH_PROBE_HEADER, 1, 100);
	assert_int_equal(take(watch, &wants, 1, seen), 1);
	assert_int_equal(seen[0].to_port, 4791);
	linux_watch_close(watch);
}

static void nothing_is_left_behind(void **state)
{
	(void)state;
	linux_watch_close(open_watch());
	assert_int_not_equal(system("nft list tables | grep -q weft_diag"), 0);
}

static void elements_are_read_or_refused(void **state)
{
	struct watch_seen seen;

	(void)state;
	assert_int_equal(watch_seen_parse(" 4789 . 1480 counter packets 3 bytes 4500", &seen), 0);
	assert_int_equal(seen.packets, 3);
	assert_int_equal(seen.to_port, 4789);
	assert_int_equal(watch_seen_parse(" 70000 . 3 counter packets 4", &seen), -EINVAL);
	assert_int_equal(watch_seen_parse("counter packets 4", &seen), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(probes_are_seen_with_their_size_and_nothing_else_is, set_up),
	    cmocka_unit_test_setup(who_sends_without_end_fills_what_is_counted_of_himself, set_up),
	    cmocka_unit_test_setup(what_is_expected_no_longer_can_be_expected_anew, set_up),
	    cmocka_unit_test_setup(what_was_not_asked_for_is_an_error, set_up),
	    cmocka_unit_test_setup(what_a_firewall_drops_is_not_seen, set_up),
	    cmocka_unit_test_setup(nothing_is_left_behind, set_up),
	    cmocka_unit_test(elements_are_read_or_refused),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
