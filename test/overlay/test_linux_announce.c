/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "overlay/linux/netlink.h"
#include "test/base/cmocka_all.h"
#include "world.h"

#define FRAME_MAX 256

/* A veth in a namespace of its own; what leaves by "near" is read at "far". */
struct wire {
	struct page_source pages;
	struct linux_kernel *kernel;
	int far;
};

static const struct mac mac = {{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};

static struct inet inet_of(const char *text)
{
	struct inet ip;

	assert_int_equal(inet_parse(text, &ip), 0);
	return ip;
}

static int set_up(void **state)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	struct timeval wait = {.tv_sec = 2};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct weft_err err = {0};

	assert_non_null(wire);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up && "
				"ip link add near type veth peer name far && "
				"ip link set near addrgenmode none && "
				"ip link set far addrgenmode none && "
				"ip link set near up && ip link set far up"),
			 0);
	wire->pages = page_source_mmap();
	wire->kernel = linux_kernel_open(&wire->pages, 1, &err);
	assert_non_null(wire->kernel);
	at.sll_ifindex = (int)if_nametoindex("far");
	wire->far = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	assert_true(wire->far >= 0);
	assert_int_equal(bind(wire->far, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setsockopt(wire->far, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	*state = wire;
	return 0;
}

static int tear_down(void **state)
{
	struct wire *wire = *state;

	close(wire->far);
	linux_kernel_close(wire->kernel);
	free(wire);
	return 0;
}

/* The next frame that this MAC sent. */
static size_t take_frame(const struct wire *wire, uint8_t frame[FRAME_MAX])
{
	for (;;) {
		ssize_t len = recv(wire->far, frame, FRAME_MAX, 0);

		assert_true(len > 0);
		if (len > 12 && memcmp(frame + 6, mac.b, 6) == 0)
			return (size_t)len;
	}
}

static void an_address_of_ipv4_is_announced_by_a_gratuitous_arp(void **state)
{
	static const uint8_t golden[42] = {
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 0x08, 0x06,
	    0,    1,    8,    0,    6,    4,    0,    1,    0x02, 0x11, 0x22, 0x33, 0x44, 0x55,
	    10,   64,   1,    5,    0,    0,    0,    0,    0,    0,    10,   64,   1,    5};
	struct wire *wire = *state;
	struct inet ip = inet_of("10.64.1.5");
	uint8_t frame[FRAME_MAX];

	assert_int_equal(linux_kernel_ops()->announce(wire->kernel, "near", &ip, &mac), 0);
	assert_int_equal(take_frame(wire, frame), sizeof(golden));
	assert_memory_equal(frame, golden, sizeof(golden));
}

/* The sum of RFC 1071 over the pseudo header and the payload; 0xffff for a right one. */
static uint16_t icmp6_sum(const uint8_t *ip6, size_t payload)
{
	uint32_t sum = (uint32_t)payload + 58;

	for (size_t i = 8; i < 40 + payload; i += 2)
		sum += (uint32_t)ip6[i] << 8 | ip6[i + 1];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void an_address_of_ipv6_is_announced_by_an_advertisement_to_all(void **state)
{
	struct wire *wire = *state;
	struct inet ip = inet_of("fd00:64::1:5"), all = inet_of("ff02::1");
	uint8_t frame[FRAME_MAX];
	const uint8_t *ip6 = frame + 14, *icmp = ip6 + 40;

	assert_int_equal(linux_kernel_ops()->announce(wire->kernel, "near", &ip, &mac), 0);
	assert_int_equal(take_frame(wire, frame), 86);
	assert_memory_equal(frame, "\x33\x33\0\0\0\1", 6);
	assert_memory_equal(frame + 12, "\x86\xdd", 2);
	assert_int_equal(ip6[7], 255); /* nobody beyond this link sent it */
	assert_memory_equal(ip6 + 8, ip.b, 16);
	assert_memory_equal(ip6 + 24, all.b, 16);
	assert_int_equal(icmp[0], 136);
	assert_int_equal(icmp[4], 0x20); /* overrides what is known */
	assert_memory_equal(icmp + 8, ip.b, 16);
	assert_memory_equal(icmp + 24, "\2\1", 2);
	assert_memory_equal(icmp + 26, mac.b, 6);
	assert_int_equal(icmp6_sum(ip6, 32), 0xffff);
}

static void nothing_is_announced_where_the_bridge_is_gone(void **state)
{
	struct wire *wire = *state;
	struct inet ip = inet_of("10.64.1.5");

	assert_int_equal(linux_kernel_ops()->announce(wire->kernel, "nobody", &ip, &mac), -ENODEV);
}

static void count_flow(void *arg, struct nlmsghdr *nlh)
{
	(void)nlh;
	(*(size_t *)arg)++;
}

/* How many flows of a family the kernel tracks. */
static size_t flows(uint8_t family)
{
	const struct nfgenmsg head = {.nfgen_family = family, .version = NFNETLINK_V0};
	struct chan chan;
	size_t count = 0;

	assert_int_equal(chan_open(&chan, NETLINK_NETFILTER, -1), 0);
	(void)chan_begin(&chan, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, &head,
			 sizeof(head));
	assert_int_equal(chan_dump(&chan, count_flow, &count), 0);
	chan_close(&chan);
	return count;
}

/* Sends a datagram from one address of this namespace to another. */
static void speak(const char *from, const char *to)
{
	struct inet a = inet_of(from), b = inet_of(to);
	struct sockaddr_in6 at = {.sin6_family = AF_INET6}, there = at;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	/* Addresses of IPv4 are mapped ones here too. */
	memcpy(&at.sin6_addr, a.b, 16);
	memcpy(&there.sin6_addr, b.b, 16);
	there.sin6_port = htons(9);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&there, sizeof(there)), 1);
	close(fd);
}

static void the_flows_of_an_address_go_in_either_direction_and_those_of_others_stay(void **state)
{
	struct wire *wire = *state;
	struct inet ip = inet_of("10.64.1.5"), ip6 = inet_of("fd00:64::5");

	assert_int_equal(
	    system("ip addr add 10.64.1.5/32 dev lo && ip addr add 10.64.1.6/32 dev lo && "
		   "ip addr add 10.64.1.7/32 dev lo && "
		   "ip addr add fd00:64::5/128 dev lo nodad && "
		   "ip addr add fd00:64::6/128 dev lo nodad && "
		   "nft 'add table inet t; add chain inet t c { type filter hook output "
		   "priority 0; }; add rule inet t c ct state new accept'"),
	    0);
	/* the kernel takes an address of IPv6 for its own when it finds the time */
	assert_int_equal(
	    system("for i in $(seq 6000); do test $(ip -6 route show table local | "
		   "grep -c 'local fd00:64:') = 2 && exit 0; sleep 0.01; done; exit 1"),
	    0);
	speak("10.64.1.5", "10.64.1.6");
	speak("10.64.1.6", "10.64.1.5");
	speak("10.64.1.6", "10.64.1.7");
	speak("fd00:64::5", "fd00:64::6");
	assert_int_equal(flows(AF_INET), 3);
	assert_int_equal(flows(AF_INET6), 1);
	assert_int_equal(linux_kernel_ops()->flush_flows(wire->kernel, &ip), 0);
	assert_int_equal(flows(AF_INET), 1);
	assert_int_equal(flows(AF_INET6), 1);
	assert_int_equal(linux_kernel_ops()->flush_flows(wire->kernel, &ip6), 0);
	assert_int_equal(flows(AF_INET), 1);
	assert_int_equal(flows(AF_INET6), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(an_address_of_ipv4_is_announced_by_a_gratuitous_arp),
	    TEST(an_address_of_ipv6_is_announced_by_an_advertisement_to_all),
	    TEST(nothing_is_announced_where_the_bridge_is_gone),
	    TEST(the_flows_of_an_address_go_in_either_direction_and_those_of_others_stay),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
