/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The frame of a signed row: its golden vector, hostile bytes, and the order of versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gossip/base/err.h"
#include "gossip/base/pack.h"
#include "gossip/base/row.h"

static const uint8_t value[] = {0x91, 0x2a};

static struct row_view endpoint_row(void)
{
	struct row_view row = {.kind = ROW_ENDPOINT,
			       .key_len = ID_BYTES,
			       .epoch = 3,
			       .sequence = 1000,
			       .at = {INT64_C(1700000000000)},
			       .value = value,
			       .value_len = sizeof(value)};

	memset(&row.owner, 0x11, sizeof(row.owner));
	memset(&row.topic, 0x22, sizeof(row.topic));
	memset(row.key, 0x33, ID_BYTES);
	return row;
}

static struct row_view network_fact(void)
{
	struct row_view row = endpoint_row();

	row.kind = FACT_NETWORK;
	row.epoch = 0;
	memset(&row.topic, 0, sizeof(row.topic));
	return row;
}

/* Encodes and puts a signature of 0x55 behind it; returns the length of the whole. */
static size_t row_encode_signed(const struct row_view *row, uint8_t out[ROW_BYTES_MAX])
{
	int len = row_encode(row, out, ROW_BYTES_MAX);

	assert_true(len > 0);
	memset(out + len, 0x55, ROW_SIG_BYTES);
	return (size_t)len + ROW_SIG_BYTES;
}

static void a_row_has_the_bytes_of_wire_version_1(void **state)
{
	struct row_view row = endpoint_row();
	uint8_t bytes[ROW_BYTES_MAX];
	char text[2 * ROW_BYTES_MAX + 1];
	size_t len = row_encode_signed(&row, bytes) - ROW_SIG_BYTES;

	(void)state;
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(text, "9904"
				  "c41011111111111111111111111111111111"
				  "c41022222222222222222222222222222222"
				  "c41033333333333333333333333333333333"
				  "03cd03e8c2cf0000018bcfe56800c402912a");
}

static void a_row_reads_back_as_it_was_written(void **state)
{
	struct row_view row = endpoint_row(), back;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len = row_encode_signed(&row, bytes);

	(void)state;
	assert_int_equal(row_parse(bytes, len, &back), 0);
	assert_int_equal(back.kind, ROW_ENDPOINT);
	assert_false(back.deleted);
	assert_true(id_eq(&back.owner, &row.owner));
	assert_true(id_eq(&back.topic, &row.topic));
	assert_int_equal(back.key_len, ID_BYTES);
	assert_memory_equal(back.key, row.key, KEY_BYTES_MAX);
	assert_int_equal(back.epoch, 3);
	assert_int_equal(back.sequence, 1000);
	assert_int_equal(back.at.ms, row.at.ms);
	assert_int_equal(back.value_len, sizeof(value));
	assert_memory_equal(back.value, value, sizeof(value));
	assert_int_equal(back.signed_len, len - ROW_SIG_BYTES);
	assert_ptr_equal(back.sig, bytes + back.signed_len);
}

static bool bears(const struct row_view *row, struct row_view key)
{
	uint8_t bytes[ROW_BYTES_MAX];

	return row_is_of(bytes, row_encode_signed(row, bytes), &key);
}

static void a_row_is_of_its_key_owner_and_topic_whatever_its_version(void **state)
{
	struct row_view row = endpoint_row(), key = endpoint_row();

	(void)state;
	key.epoch = key.sequence = 77;
	key.value_len = 0;
	assert_true(bears(&row, key));
	key.kind = ROW_TAGS;
	assert_false(bears(&row, key));
	key = endpoint_row();
	key.owner.b[15]++;
	assert_false(bears(&row, key));
	key = endpoint_row();
	key.topic.b[0]++;
	assert_false(bears(&row, key));
	key = endpoint_row();
	key.key[ID_BYTES - 1]++;
	assert_false(bears(&row, key));
	key = endpoint_row();
	key.key_len--;
	assert_false(bears(&row, key));
}

static void a_fact_is_of_its_key_whoever_wrote_it(void **state)
{
	struct row_view fact = network_fact(), key = network_fact();

	(void)state;
	memset(&key.owner, 0x99, sizeof(key.owner));
	assert_true(bears(&fact, key));
	key.key[0]++;
	assert_false(bears(&fact, key));
}

static void a_tombstone_has_an_empty_value(void **state)
{
	struct row_view row = endpoint_row(), back;
	uint8_t bytes[ROW_BYTES_MAX];

	(void)state;
	row.deleted = true;
	row.value_len = 0;
	row.value = NULL;
	assert_int_equal(row_parse(bytes, row_encode_signed(&row, bytes), &back), 0);
	assert_true(back.deleted);
	assert_int_equal(back.value_len, 0);
}

static void every_truncation_of_a_row_is_refused(void **state)
{
	struct row_view row = endpoint_row(), back;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len = row_encode_signed(&row, bytes);

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(row_parse(bytes, cut, &back), WEFT_E_INVALID);
}

static void a_row_with_bytes_behind_it_is_refused(void **state)
{
	struct row_view row = endpoint_row(), back;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len = row_encode_signed(&row, bytes);

	(void)state;
	bytes[len] = 0;
	assert_int_equal(row_parse(bytes, len + 1, &back), WEFT_E_INVALID);
}

static void a_changed_byte_never_yields_a_view_outside_the_bytes(void **state)
{
	struct row_view row = endpoint_row();
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len = row_encode_signed(&row, bytes);

	(void)state;
	for (size_t at = 0; at < len; at++) {
		uint8_t kept = bytes[at];

		for (unsigned changed = 0; changed < 256; changed++) {
			struct row_view back;

			bytes[at] = (uint8_t)changed;
			if (row_parse(bytes, len, &back) < 0)
				continue;
			assert_ptr_equal(back.sig, bytes + len - ROW_SIG_BYTES);
			assert_true(back.value >= bytes);
			assert_true(back.value + back.value_len <= back.sig);
			assert_true(back.key_len <= KEY_BYTES_MAX);
		}
		bytes[at] = kept;
	}
}

static void a_row_of_an_unknown_kind_is_read_but_kind_0_is_not(void **state)
{
	struct row_view row = endpoint_row(), back;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;

	(void)state;
	row.kind = 63;
	len = row_encode_signed(&row, bytes);
	assert_int_equal(row_parse(bytes, len, &back), 0);
	assert_int_equal(back.kind, 63);
	assert_false(row_is_fact(&back));
	bytes[1] = 0;
	assert_int_equal(row_parse(bytes, len, &back), WEFT_E_INVALID);
}

/* Parses the row of these fields, made without row_encode, which would not make it. */
static int parse_fact(bool with_topic, uint64_t epoch, bool deleted)
{
	uint8_t bytes[ROW_BYTES_MAX] = {0}, id[ID_BYTES] = {0};
	struct row_view back;
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 9);
	pack_uint(&pack, FACT_NETWORK);
	pack_bin(&pack, id, sizeof(id));
	id[0] = with_topic;
	pack_bin(&pack, id, sizeof(id));
	pack_bin(&pack, id, sizeof(id));
	pack_uint(&pack, epoch);
	pack_uint(&pack, 1);
	pack_bool(&pack, deleted);
	pack_int(&pack, 0);
	pack_bin(&pack, value, sizeof(value));
	return row_parse(bytes, pack.len + ROW_SIG_BYTES, &back);
}

static void a_fact_has_no_topic_no_epoch_and_is_never_deleted(void **state)
{
	(void)state;
	assert_int_equal(parse_fact(false, 0, false), 0);
	assert_int_equal(parse_fact(true, 0, false), WEFT_E_INVALID);
	assert_int_equal(parse_fact(false, 1, false), WEFT_E_INVALID);
	assert_int_equal(parse_fact(false, 0, true), WEFT_E_INVALID);
}

static void a_row_with_its_signature_is_at_most_1160_bytes(void **state)
{
	static uint8_t big[VALUE_BYTES_MAX + 1];
	struct row_view row = endpoint_row(), back;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;

	(void)state;
	row.value = big;
	row.value_len = VALUE_BYTES_MAX;
	len = row_encode_signed(&row, bytes);
	assert_true(len <= ROW_BYTES_MAX);
	assert_int_equal(row_parse(bytes, len, &back), 0);
	row.key_len = KEY_BYTES_MAX;
	row.epoch = row.sequence = UINT64_MAX;
	assert_int_equal(row_encode(&row, bytes, sizeof(bytes)), WEFT_E_LIMIT);
	row = endpoint_row();
	row.value = big;
	row.value_len = sizeof(big);
	assert_int_equal(row_encode(&row, bytes, sizeof(bytes)), WEFT_E_LIMIT);
}

static void every_buffer_without_room_for_the_signature_is_said_to_be(void **state)
{
	struct row_view row = endpoint_row();
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len = row_encode_signed(&row, bytes);

	(void)state;
	for (size_t cap = 0; cap < len; cap++)
		assert_int_equal(row_encode(&row, bytes, cap), WEFT_E_LIMIT);
	assert_int_equal(row_encode(&row, bytes, len), (int)(len - ROW_SIG_BYTES));
}

static void versions_are_ordered_by_epoch_then_sequence(void **state)
{
	struct row_view a = endpoint_row(), b = endpoint_row();

	(void)state;
	assert_int_equal(row_version_cmp(&a, &b), 0);
	b.sequence++;
	assert_true(row_version_cmp(&a, &b) < 0);
	assert_true(row_version_cmp(&b, &a) > 0);
	a.epoch++;
	assert_true(row_version_cmp(&a, &b) > 0);
}

static void facts_are_ordered_by_counter_then_author(void **state)
{
	struct row_view a = network_fact(), b = network_fact();

	(void)state;
	assert_int_equal(row_version_cmp(&a, &b), 0);
	b.owner.b[0]++;
	assert_true(row_version_cmp(&a, &b) < 0);
	a.sequence++;
	assert_true(row_version_cmp(&a, &b) > 0);
}

static void the_id_of_a_key_of_another_length_is_zero(void **state)
{
	struct row_view row = endpoint_row();
	struct id id = row_key_id(&row);

	(void)state;
	assert_memory_equal(id.b, row.key, ID_BYTES);
	row.key_len = ID_BYTES + 1;
	id = row_key_id(&row);
	assert_true(id_is_zero(&id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_has_the_bytes_of_wire_version_1),
	    cmocka_unit_test(a_row_reads_back_as_it_was_written),
	    cmocka_unit_test(a_row_is_of_its_key_owner_and_topic_whatever_its_version),
	    cmocka_unit_test(a_fact_is_of_its_key_whoever_wrote_it),
	    cmocka_unit_test(a_tombstone_has_an_empty_value),
	    cmocka_unit_test(every_truncation_of_a_row_is_refused),
	    cmocka_unit_test(a_row_with_bytes_behind_it_is_refused),
	    cmocka_unit_test(a_changed_byte_never_yields_a_view_outside_the_bytes),
	    cmocka_unit_test(a_row_of_an_unknown_kind_is_read_but_kind_0_is_not),
	    cmocka_unit_test(a_fact_has_no_topic_no_epoch_and_is_never_deleted),
	    cmocka_unit_test(a_row_with_its_signature_is_at_most_1160_bytes),
	    cmocka_unit_test(every_buffer_without_room_for_the_signature_is_said_to_be),
	    cmocka_unit_test(versions_are_ordered_by_epoch_then_sequence),
	    cmocka_unit_test(facts_are_ordered_by_counter_then_author),
	    cmocka_unit_test(the_id_of_a_key_of_another_length_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
