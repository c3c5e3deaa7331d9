/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A batch owns all that it holds. */
#include <stdlib.h>

#include "fixture.h"

static const uint8_t *watched; /* what lies there when its block is freed: see CMakeLists */
static uint8_t found[4];

void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block)
{
	if (watched)
		memcpy(found, watched, sizeof(found));
	watched = NULL;
	__real_free(block);
}

static void freeing_leaves(enum meta_key meta, const char *text)
{
	struct write writes[] = {meta_write(META_NODE_NAME, "name", 4),
				 meta_write(meta, "seed", 4)};
	struct write_batch *batch = write_batch_new(writes, 2);

	assert_memory_equal(batch->writes[1].bytes, "seed", 4);
	watched = batch->writes[1].bytes;
	write_batch_free(batch);
	assert_memory_equal(found, text, 4);
}

static void a_secret_is_wiped_before_its_batch_is_freed(void **state)
{
	(void)state;
	freeing_leaves(META_IDENTITY, "\0\0\0");
	freeing_leaves(META_CLUSTER_KEY, "\0\0\0");
	freeing_leaves(META_CLUSTER, "seed");
}

static void a_batch_keeps_its_bytes_when_the_source_changes(void **state)
{
	uint8_t secret[4] = {1, 2, 3, 4};
	struct write write = meta_write(META_IDENTITY, secret, sizeof(secret));
	struct write_batch *batch = write_batch_new(&write, 1);

	(void)state;
	memset(secret, 0, sizeof(secret));
	assert_int_equal(batch->count, 1);
	assert_int_equal(batch->writes[0].len, 4);
	assert_memory_equal(batch->writes[0].bytes, ((uint8_t[]){1, 2, 3, 4}), 4);
	write_batch_free(batch);
}

static void a_row_view_points_into_the_bytes_of_the_copy(void **state)
{
	struct row_bytes row;
	struct write write;
	struct write_batch *batch;

	(void)state;
	row_make(&(struct row_spec){.kind = ROW_ENDPOINT, .sequence = 1, .value = 7}, &row);
	write = row_write(WRITE_OWN_ROW, &row);
	batch = write_batch_new(&write, 1);
	assert_ptr_not_equal(batch->writes[0].bytes, row.bytes);
	assert_ptr_equal(batch->writes[0].row.value - batch->writes[0].bytes,
			 write.row.value - row.bytes);
	assert_ptr_equal(batch->writes[0].row.sig - batch->writes[0].bytes,
			 write.row.sig - row.bytes);
	write_batch_free(batch);
}

static void a_row_view_into_anything_else_is_dropped(void **state)
{
	static const uint8_t elsewhere[3];
	struct row_bytes row;
	struct write write;
	struct write_batch *batch;

	(void)state;
	row_make(&(struct row_spec){.kind = ROW_ENDPOINT, .sequence = 1}, &row);
	write = row_write(WRITE_ROW_DROP, &row);
	write.row.value = elsewhere;
	write.row.value_len = sizeof(elsewhere);
	write.bytes = NULL;
	write.len = 0;
	batch = write_batch_new(&write, 1);
	assert_null(batch->writes[0].bytes);
	assert_null(batch->writes[0].row.value);
	assert_int_equal(batch->writes[0].row.value_len, 0);
	assert_null(batch->writes[0].row.sig);
	assert_memory_equal(batch->writes[0].row.key, write.row.key, KEY_BYTES_MAX);
	write_batch_free(batch);
}

static void many_writes_keep_their_order_and_their_own_bytes(void **state)
{
	struct write writes[100];
	uint8_t bytes[100];
	struct write_batch *batch;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		bytes[i] = (uint8_t)i;
		writes[i] = meta_write((enum meta_key)(i + 1), &bytes[i], i % 3 ? 1 : 0);
	}
	batch = write_batch_new(writes, 100);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(batch->count, 100);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(batch->writes[i].meta, i + 1);
		if (i % 3)
			assert_int_equal(*batch->writes[i].bytes, i);
	}
	write_batch_free(batch);
}

static void an_empty_batch_and_none_can_be_freed(void **state)
{
	struct write_batch *batch = write_batch_new(NULL, 0);

	(void)state;
	assert_int_equal(batch->count, 0);
	write_batch_free(batch);
	write_batch_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_batch_keeps_its_bytes_when_the_source_changes),
	    cmocka_unit_test(a_row_view_points_into_the_bytes_of_the_copy),
	    cmocka_unit_test(a_row_view_into_anything_else_is_dropped),
	    cmocka_unit_test(many_writes_keep_their_order_and_their_own_bytes),
	    cmocka_unit_test(a_secret_is_wiped_before_its_batch_is_freed),
	    cmocka_unit_test(an_empty_batch_and_none_can_be_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
