/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "daemon/node/memo.h"
#include "test/base/cmocka_all.h"

static const struct node_asked asked = {"attach", {{4, 5}}};

static struct node_answer sample(void)
{
	struct node_answer answer = {.id = {{1, 2, 3}},
				     .text = "weft1-token",
				     .bytes = (const uint8_t *)"record",
				     .len = 6,
				     .endpoint_addr_count = 2,
				     .gateway = inet_from_v4(0x0a000001),
				     .mtu_bytes = 1450};

	answer.addrs[0] = (struct prefix){inet_from_v4(0x0a000002), 120};
	answer.addrs[1].ip.b[15] = 9;
	answer.addrs[1].bits = 64;
	answer.endpoint.id = answer.id;
	answer.endpoint.network.b[0] = 7;
	memcpy(answer.endpoint.name, "box", 4);
	memcpy(answer.endpoint.ifname, "eth0", 5);
	memcpy(answer.endpoint.host_ifname, "wfe1", 5);
	answer.endpoint.mac.b[0] = 2;
	return answer;
}

static void what_was_stored_comes_back(void **state)
{
	struct node_answer answer = sample(), back;
	struct node_asked whose;
	uint8_t bytes[ANSWER_BYTES_MAX];
	char text[64];
	int len = answer_encode(&answer, &asked, bytes, sizeof(bytes));

	(void)state;
	assert_true(len > 0);
	assert_int_equal(answer_decode(bytes, (size_t)len, &back, &whose, text, sizeof(text)), 0);
	assert_string_equal(whose.method, "attach");
	assert_true(id_eq(&whose.args, &asked.args));
	assert_string_equal(back.text, "weft1-token");
	assert_int_equal(back.len, 6);
	assert_memory_equal(back.bytes, "record", 6);
	assert_true(id_eq(&back.id, &answer.id));
	assert_int_equal(back.endpoint_addr_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(inet_eq(&back.addrs[i].ip, &answer.addrs[i].ip));
		assert_int_equal(back.addrs[i].bits, answer.addrs[i].bits);
	}
	assert_true(inet_eq(&back.gateway, &answer.gateway));
	assert_int_equal(back.mtu_bytes, 1450);
	assert_true(id_eq(&back.endpoint.network, &answer.endpoint.network));
	assert_string_equal(back.endpoint.name, "box");
	assert_string_equal(back.endpoint.ifname, "eth0");
	assert_string_equal(back.endpoint.host_ifname, "wfe1");
	assert_true(mac_eq(&back.endpoint.mac, &answer.endpoint.mac));
}

static void an_answer_without_endpoint_and_text_is_short(void **state)
{
	struct node_answer answer = {.id = {{1}}}, back;
	struct node_asked whose;
	uint8_t bytes[ANSWER_BYTES_MAX];
	char text[64];
	int len = answer_encode(&answer, &asked, bytes, sizeof(bytes));

	(void)state;
	assert_in_range(len, 1, 80);
	assert_int_equal(answer_decode(bytes, (size_t)len, &back, &whose, text, sizeof(text)), 0);
	assert_null(back.text);
	assert_true(id_is_zero(&back.endpoint.id));
}

static void that_no_answer_was_given_can_be_stored_too(void **state)
{
	struct node_answer back;
	struct node_asked whose;
	uint8_t bytes[8];
	char text[64];
	int len = answer_encode(NULL, NULL, bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(len, 1);
	assert_int_equal(answer_decode(bytes, 1, &back, &whose, text, sizeof(text)),
			 WEFT_E_NOT_FOUND);
}

static void damaged_bytes_are_refused(void **state)
{
	struct node_answer answer = sample(), back;
	struct node_asked whose;
	uint8_t bytes[ANSWER_BYTES_MAX], bad[ANSWER_BYTES_MAX];
	char text[64];
	size_t len = (size_t)answer_encode(&answer, &asked, bytes, sizeof(bytes));

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(answer_decode(bytes, cut, &back, &whose, text, sizeof(text)),
				 WEFT_E_INVALID);
	memcpy(bad, bytes, len);
	bad[len] = 0;
	assert_int_equal(answer_decode(bad, len + 1, &back, &whose, text, sizeof(text)),
			 WEFT_E_INVALID);
	assert_int_equal(answer_decode(bytes, len, &back, &whose, text, 4), WEFT_E_INVALID);
}

static void what_another_version_stored_counts_as_no_answer(void **state)
{
	/* {1, id, text, addresses, gateway, MTU, endpoint}: what the first version wrote of a
	 * token. */
	static const uint8_t first[] = {0x97, 0x01, 0xc4, 16, 1,  2,  3,  4,  5,    6,    7,
					8,    9,    10,   11, 12, 13, 14, 15, 16,   0xa1, 't',
					0x90, 0xc4, 16,   0,  0,  0,  0,  0,  0,    0,    0,
					0,    0,    0,    0,  0,  0,  0,  0,  0x00, 0xc0};
	struct node_answer answer = sample(), back;
	struct node_asked whose;
	uint8_t bytes[ANSWER_BYTES_MAX];
	char text[64];
	size_t len = (size_t)answer_encode(&answer, &asked, bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(answer_decode(first, sizeof(first), &back, &whose, text, sizeof(text)),
			 WEFT_E_NOT_FOUND);
	bytes[1] = 99;
	assert_int_equal(answer_decode(bytes, len, &back, &whose, text, sizeof(text)),
			 WEFT_E_NOT_FOUND);
}

static void what_does_not_fit_is_said(void **state)
{
	struct node_answer answer = sample();
	uint8_t bytes[16];

	(void)state;
	assert_int_equal(answer_encode(&answer, &asked, bytes, sizeof(bytes)), WEFT_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_stored_comes_back),
	    cmocka_unit_test(an_answer_without_endpoint_and_text_is_short),
	    cmocka_unit_test(that_no_answer_was_given_can_be_stored_too),
	    cmocka_unit_test(damaged_bytes_are_refused),
	    cmocka_unit_test(what_another_version_stored_counts_as_no_answer),
	    cmocka_unit_test(what_does_not_fit_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
