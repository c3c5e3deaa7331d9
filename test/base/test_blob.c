/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/blob.h"
#include "gossip/base/rng.h"

static struct heap heap;
static struct blob_store store;

static int setup(void **state)
{
	static struct page_source source;

	source = page_source_mmap();
	heap_init(&heap, &source);
	blob_store_init(&store, &heap, 11);
	*state = NULL;
	return 0;
}

static int teardown(void **state)
{
	size_t used;

	(void)state;
	blob_store_close(&store);
	used = heap.used_bytes;
	heap_close(&heap);
	return used == 0 ? 0 : -1;
}

static void equal_bytes_are_held_once(void **state)
{
	uint32_t a = blob_take(&store, "row one", 7);
	uint32_t b = blob_take(&store, "row two", 7);

	(void)state;
	assert_int_not_equal(a, BLOB_NONE);
	assert_int_not_equal(a, b);
	assert_int_equal(blob_take(&store, "row one", 7), a);
	assert_int_equal(store.count, 2);
	assert_int_equal(store.bytes, 14);
	/* A prefix is not the same bytes. */
	assert_int_not_equal(blob_take(&store, "row", 3), a);
}

static void bytes_come_back_as_they_went_in(void **state)
{
	uint8_t big[65535];
	const uint8_t *bytes;
	uint32_t handle;
	size_t len;

	(void)state;
	memset(big, 0x77, sizeof(big));
	handle = blob_take(&store, big, sizeof(big));
	big[0] = 0; /* the store has a copy of its own */
	bytes = blob_bytes(&store, handle, &len);
	assert_int_equal(len, sizeof(big));
	assert_int_equal(bytes[0], 0x77);
	assert_memory_equal(bytes + 1, big + 1, sizeof(big) - 1);
}

static void bytes_go_with_the_last_holder(void **state)
{
	uint32_t handle = blob_take(&store, "shared", 6);
	uint32_t next;
	size_t len;

	(void)state;
	assert_int_equal(blob_share(&store, handle), handle);
	blob_take(&store, "shared", 6);
	blob_give(&store, handle);
	blob_give(&store, handle);
	assert_int_equal(store.count, 1);
	assert_memory_equal(blob_bytes(&store, handle, &len), "shared", 6);
	blob_give(&store, handle);
	assert_int_equal(store.count, 0);
	assert_int_equal(store.bytes, 0);
	next = blob_take(&store, "another", 7);
	assert_int_equal(next, handle); /* the handle is free again */
	assert_int_equal(store.slots.count, 1);
}

static void a_verified_mark_belongs_to_the_bytes(void **state)
{
	uint32_t handle = blob_take(&store, "signed", 6);

	(void)state;
	assert_false(blob_is_verified(&store, handle));
	blob_mark_verified(&store, handle);
	assert_true(blob_is_verified(&store, blob_take(&store, "signed", 6)));
	assert_false(blob_is_verified(&store, blob_take(&store, "Signed", 6)));
	blob_give(&store, handle);
	blob_give(&store, handle);
	/* Forgotten and taken anew, the bytes must be checked anew. */
	assert_false(blob_is_verified(&store, blob_take(&store, "signed", 6)));
}

static void counts_agree_with_a_model_under_random_use(void **state)
{
	static uint32_t refs[300];
	static uint32_t handles[300];
	struct rng rng;
	size_t held = 0;

	(void)state;
	memset(refs, 0, sizeof(refs));
	rng_init(&rng, 12);
	for (size_t turn = 0; turn < 50000; turn++) {
		uint32_t which = (uint32_t)rng_below(&rng, 300);
		size_t len;
		if (refs[which] > 0 && rng_below(&rng, 100) < 55) {
			assert_memory_equal(blob_bytes(&store, handles[which], &len), &which, 4);
			blob_give(&store, handles[which]);
			held -= --refs[which] == 0;
		} else {
			uint32_t handle = blob_take(&store, &which, sizeof(which));
			assert_true(refs[which] == 0 || handle == handles[which]);
			handles[which] = handle;
			held += refs[which]++ == 0;
		}
		assert_int_equal(store.count, held);
		assert_int_equal(store.bytes, held * sizeof(which));
		assert_int_equal(store.by_hash.count, held);
	}
	assert_true(store.slots.count <= 300);
}

int main(void)
{
#define BLOB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    BLOB_TEST(equal_bytes_are_held_once),
	    BLOB_TEST(bytes_come_back_as_they_went_in),
	    BLOB_TEST(bytes_go_with_the_last_holder),
	    BLOB_TEST(a_verified_mark_belongs_to_the_bytes),
	    BLOB_TEST(counts_agree_with_a_model_under_random_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
