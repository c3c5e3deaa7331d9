/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "cmocka_all.h"
#include "gossip/base/derive.h"

static struct id numbered(uint8_t number)
{
	struct id id = {{0}};

	memset(id.b, 0x5a, sizeof(id.b));
	id.b[ID_BYTES - 1] = number;
	return id;
}

static void macs_are_local_unicast_and_differ_by_use_and_id(void **state)
{
	struct id a = numbered(1), b = numbered(2);
	struct mac macs[] = {mac_of_endpoint(&a), mac_of_endpoint(&b),  mac_of_port(&a),
			     mac_of_port(&b),     mac_of_bridge(&a, 1), mac_of_bridge(&a, 2),
			     mac_of_bridge(&b, 1)};

	(void)state;
	for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
		assert_int_equal(macs[i].b[0], 0x02);
		for (size_t j = 0; j < i; j++)
			assert_false(mac_eq(&macs[i], &macs[j]));
	}
}

/* What hosts of all versions must agree on: a change here is a change of the protocol. */
static void what_hosts_agree_on_does_not_change(void **state)
{
	struct id id = numbered(7);
	struct mac mac = mac_of_endpoint(&id);
	char text[MAC_TEXT_BYTES];

	(void)state;
	mac_format(&mac, text);
	assert_string_equal(text, "02:02:7c:81:9c:6a");
	assert_int_equal(vni_of_network(&id, 0), 7586237);
}

static void a_vni_is_in_range_and_the_next_attempt_is_another(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct id id = numbered((uint8_t)i);
		uint32_t vni = vni_of_network(&id, 0);

		assert_in_range(vni, WEFT_VNI_MIN, WEFT_VNI_MAX);
		assert_int_not_equal(vni, vni_of_network(&id, 1));
	}
}

static void a_default_pool_is_an_aligned_24_of_10_64_slash_10(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		struct id id = numbered((uint8_t)i);
		struct prefix pool = pool_of_network(&id, i);
		struct inet base = prefix_base(&pool);

		assert_int_equal(prefix_len(&pool), 24);
		assert_true(inet_eq(&base, &pool.ip));
		assert_int_equal(inet_v4(&pool.ip) >> 22, 0x0a400000u >> 22);
	}
}

static void a_host_has_one_endpoint_a_network(void **state)
{
	struct id node = numbered(1), other = numbered(2), blue = numbered(3), red = numbered(4);
	struct id id = host_endpoint_of(&node, &blue);
	struct id again = host_endpoint_of(&node, &blue);
	struct id in_red = host_endpoint_of(&node, &red);
	struct id of_other = host_endpoint_of(&other, &blue);

	(void)state;
	assert_true(id_eq(&id, &again));
	assert_false(id_eq(&id, &in_red));
	assert_false(id_eq(&id, &of_other));
	assert_memory_not_equal(id.b, id.b + 8, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(macs_are_local_unicast_and_differ_by_use_and_id),
	    cmocka_unit_test(what_hosts_agree_on_does_not_change),
	    cmocka_unit_test(a_vni_is_in_range_and_the_next_attempt_is_another),
	    cmocka_unit_test(a_default_pool_is_an_aligned_24_of_10_64_slash_10),
	    cmocka_unit_test(a_host_has_one_endpoint_a_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
