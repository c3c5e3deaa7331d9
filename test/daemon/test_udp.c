/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "daemon/udp.h"
#include "test/base/cmocka_all.h"

struct got {
	size_t count, bytes;
	struct hostport from;
};

static void each(void *ctx, const struct hostport *from, const uint8_t *bytes, size_t len)
{
	struct got *got = ctx;

	(void)bytes;
	got->count++;
	got->bytes += len;
	got->from = *from;
}

static struct hostport address_of(const struct udp *udp)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	assert_int_equal(getsockname(udp->fd, (struct sockaddr *)&in, &len), 0);
	return (struct hostport){inet_from_v4(ntohl(in.sin_addr.s_addr)), ntohs(in.sin_port)};
}

static void open_pair(struct udp *a, struct udp *b)
{
	struct hostport local = {inet_from_v4(0x7f000001), 0};
	struct weft_err err = {0};

	assert_int_equal(udp_open(a, &local, &err), 0);
	assert_int_equal(udp_open(b, &local, &err), 0);
}

static void a_burst_arrives_whole_with_its_sender(void **state)
{
	static const uint8_t bytes[DATAGRAM_BYTES_MAX];
	struct gossip_send sends[100];
	struct got got = {.count = 0};
	struct udp a, b;
	struct hostport from, to;

	(void)state;
	open_pair(&a, &b);
	from = address_of(&a);
	to = address_of(&b);
	for (size_t i = 0; i < 100; i++)
		sends[i] = (struct gossip_send){to, bytes, i + 1};
	udp_send(&a, sends, 100);
	while (got.count < 100) {
		struct pollfd wait = {.fd = b.fd, .events = POLLIN};

		assert_int_equal(poll(&wait, 1, 60000), 1);
		udp_receive(&b, &got, each);
	}
	assert_int_equal(got.bytes, 100 * 101 / 2);
	assert_true(hostport_eq(&got.from, &from));
	assert_int_equal(a.counts.sent, 100);
	assert_int_equal(b.counts.received, 100);
	udp_close(&a);
	udp_close(&b);
}

static void what_is_too_large_is_counted_and_not_passed_on(void **state)
{
	static const uint8_t bytes[DATAGRAM_BYTES_MAX + 1];
	struct got got = {.count = 0};
	struct pollfd wait;
	struct udp a, b;
	struct gossip_send send;

	(void)state;
	open_pair(&a, &b);
	send = (struct gossip_send){address_of(&b), bytes, sizeof(bytes)};
	udp_send(&a, &send, 1);
	wait = (struct pollfd){.fd = b.fd, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, 60000), 1);
	assert_int_equal(udp_receive(&b, &got, each), 1);
	assert_int_equal(got.count, 0);
	assert_int_equal(b.counts.oversized, 1);
	udp_close(&a);
	udp_close(&b);
}

static void a_send_that_the_kernel_refuses_does_not_stop_the_rest(void **state)
{
	static const uint8_t byte = 1;
	struct got got = {.count = 0};
	struct gossip_send sends[2];
	struct udp a, b;
	struct pollfd wait;

	(void)state;
	open_pair(&a, &b);
	/* A socket bound to loopback cannot send elsewhere. */
	sends[0] = (struct gossip_send){{inet_from_v4(0xe0000001), 0}, &byte, 1};
	sends[1] = (struct gossip_send){address_of(&b), &byte, 1};
	udp_send(&a, sends, 2);
	wait = (struct pollfd){.fd = b.fd, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, 60000), 1);
	udp_receive(&b, &got, each);
	assert_int_equal(got.count, 1);
	assert_int_equal(a.counts.send_failed, 1);
	udp_close(&a);
	udp_close(&b);
}

static void an_address_in_use_is_named(void **state)
{
	struct weft_err err = {0};
	struct hostport taken;
	struct udp a, b;

	(void)state;
	open_pair(&a, &b);
	taken = address_of(&a);
	udp_close(&b);
	assert_int_equal(udp_open(&b, &taken, &err), WEFT_E_INVALID);
	assert_non_null(strstr(err.message, "127.0.0.1:"));
	assert_int_equal(b.fd, -1);
	udp_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_burst_arrives_whole_with_its_sender),
	    cmocka_unit_test(what_is_too_large_is_counted_and_not_passed_on),
	    cmocka_unit_test(a_send_that_the_kernel_refuses_does_not_stop_the_rest),
	    cmocka_unit_test(an_address_in_use_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
