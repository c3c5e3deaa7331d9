/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/message.c. */
#include "ipamdb/message.h"

#include <string.h>

#include "gossip/base/err.h"
#include "gossip/base/rng.h"
#include "test/base/cmocka_all.h"

static const struct range_message samples[] = {
    {.kind = RANGE_MESSAGE_REQUEST, .network = {{7}}, .v4 = true},
    {.kind = RANGE_MESSAGE_REQUEST,
     .network = {{7}},
     .v4 = true,
     .has_address = true,
     .address = {{[10] = 0xff, 0xff, 10, 0, 0, 9}}},
    {.kind = RANGE_MESSAGE_REQUEST,
     .network = {{7}},
     .has_address = true,
     .address = {{0xfd, [15] = 5}}},
    {.kind = RANGE_MESSAGE_GRANT, .key = {{{7}}, {{{[10] = 0xff, 0xff, 10, 0, 0, 0}}, 120}, 5}},
    {.kind = RANGE_MESSAGE_REFUSE, .refusal = REFUSAL_COOLING},
    {.kind = RANGE_MESSAGE_PARTING, .epoch = 3, .sequence = 70000},
    {.kind = RANGE_MESSAGE_PARTED, .epoch = UINT64_MAX, .sequence = 1},
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct range_message back;
		uint8_t bytes[128], again[128];
		int len = range_message_encode(&samples[i], bytes, sizeof(bytes));
		assert_true(len > 0);
		assert_int_equal(range_message_decode(bytes, (size_t)len, &back), 0);
		assert_int_equal(back.kind, samples[i].kind);
		assert_int_equal(range_message_encode(&back, again, sizeof(again)), len);
		assert_memory_equal(bytes, again, (size_t)len);
	}
}

static void a_truncated_or_longer_message_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct range_message back;
		uint8_t bytes[128] = {0};
		int len = range_message_encode(&samples[i], bytes, sizeof(bytes));
		for (int cut = 0; cut < len; cut++)
			assert_int_equal(range_message_decode(bytes, (size_t)cut, &back),
					 WEFT_E_INVALID);
		assert_int_equal(range_message_decode(bytes, (size_t)len + 1, &back),
				 WEFT_E_INVALID);
	}
}

static void an_unknown_version_or_kind_is_refused(void **state)
{
	struct range_message back;
	uint8_t bytes[128];
	int len = range_message_encode(&samples[4], bytes, sizeof(bytes));

	(void)state;
	bytes[0] = 2;
	assert_int_equal(range_message_decode(bytes, (size_t)len, &back), WEFT_E_INVALID);
	bytes[0] = 1;
	bytes[1] = 16;
	assert_int_equal(range_message_decode(bytes, (size_t)len, &back), WEFT_E_INVALID);
}

static void an_address_of_the_other_family_is_refused(void **state)
{
	struct range_message wrong = samples[1];
	struct range_message back;
	uint8_t bytes[128];
	int len;

	(void)state;
	wrong.v4 = false;
	len = range_message_encode(&wrong, bytes, sizeof(bytes));
	assert_int_equal(range_message_decode(bytes, (size_t)len, &back), WEFT_E_INVALID);
}

static void flipped_bytes_never_pass_the_buffer(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 3);
	for (int i = 0; i < 20000; i++) {
		struct range_message back;
		uint8_t bytes[128];
		int len = range_message_encode(&samples[i % (int)SAMPLES], bytes, sizeof(bytes));
		for (int n = 0; n < 3; n++)
			bytes[rng_below(&rng, (uint64_t)len)] = (uint8_t)rng_u64(&rng);
		if (range_message_decode(bytes, (size_t)len, &back) == 0)
			assert_true(back.kind >= RANGE_MESSAGE_REQUEST &&
				    back.kind <= RANGE_MESSAGE_PARTED);
	}
}

static void a_full_buffer_is_a_limit(void **state)
{
	uint8_t bytes[8];

	(void)state;
	assert_int_equal(range_message_encode(&samples[0], bytes, sizeof(bytes)), WEFT_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(a_truncated_or_longer_message_is_refused),
	    cmocka_unit_test(an_unknown_version_or_kind_is_refused),
	    cmocka_unit_test(an_address_of_the_other_family_is_refused),
	    cmocka_unit_test(flipped_bytes_never_pass_the_buffer),
	    cmocka_unit_test(a_full_buffer_is_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
