/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <stdbool.h>
#include <string.h>

#include "gossip/base/heap.h"
#include "gossip/base/rng.h"

/* A page source that counts, around the real one. */
struct counted {
	struct page_source under;
	size_t bytes;
	size_t runs;
};

static void *counted_take(void *ctx, size_t bytes)
{
	struct counted *counted = ctx;

	counted->bytes += bytes;
	counted->runs++;
	return counted->under.take(counted->under.ctx, bytes);
}

static void counted_give(void *ctx, void *pages, size_t bytes)
{
	struct counted *counted = ctx;

	counted->bytes -= bytes;
	counted->runs--;
	counted->under.give(counted->under.ctx, pages, bytes);
}

struct fixture {
	struct counted counted;
	struct heap heap;
};

static int setup(void **state)
{
	static struct fixture fixture;
	struct page_source source = {&fixture.counted, counted_take, counted_give};

	fixture.counted = (struct counted){.under = page_source_mmap()};
	heap_init(&fixture.heap, &source);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	heap_close(&fixture->heap);
	return fixture->counted.bytes == 0 && fixture->counted.runs == 0 ? 0 : -1;
}

static bool is_filled(const unsigned char *block, size_t bytes, unsigned char with)
{
	for (size_t i = 0; i < bytes; i++) {
		if (block[i] != with)
			return false;
	}
	return true;
}

static void a_block_of_any_size_is_zeroed_and_aligned(void **state)
{
	struct fixture *fixture = *state;

	for (size_t bytes = 1; bytes < 70000; bytes += 1 + bytes / 7) {
		unsigned char *block = heap_take(&fixture->heap, bytes);
		assert_int_equal((uintptr_t)block % 16, 0);
		assert_true(is_filled(block, bytes, 0));
		memset(block, 0xa5, bytes);
		heap_give(&fixture->heap, block, bytes);
		block = heap_take(&fixture->heap, bytes);
		assert_true(is_filled(block, bytes, 0));
		heap_give(&fixture->heap, block, bytes);
	}
}

static void a_block_given_back_is_used_again(void **state)
{
	struct fixture *fixture = *state;
	void *first = heap_take(&fixture->heap, 100);
	void *second;
	size_t held = fixture->heap.held_bytes;

	heap_give(&fixture->heap, first, 100);
	second = heap_take(&fixture->heap, 111); /* the same class */
	assert_ptr_equal(first, second);
	assert_int_equal(fixture->heap.held_bytes, held);
}

static void all_that_was_taken_and_given_counts_to_zero(void **state)
{
	struct fixture *fixture = *state;
	static const size_t sizes[] = {1, 16, 17, 1160, 16384, 16385, 1 << 20};
	void *blocks[7];

	for (size_t i = 0; i < 7; i++)
		blocks[i] = heap_take(&fixture->heap, sizes[i]);
	assert_true(fixture->heap.used_bytes >= (1 << 20) + 16385 + 16384 + 1160);
	assert_true(fixture->heap.held_bytes >= fixture->heap.used_bytes);
	assert_int_equal(fixture->heap.held_bytes, fixture->counted.bytes);
	for (size_t i = 0; i < 7; i++)
		heap_give(&fixture->heap, blocks[i], sizes[i]);
	heap_give(&fixture->heap, NULL, 5);
	assert_int_equal(fixture->heap.used_bytes, 0);
}

static void a_big_block_goes_back_to_the_source_at_once(void **state)
{
	struct fixture *fixture = *state;
	void *a = heap_take(&fixture->heap, 100000);
	void *b = heap_take(&fixture->heap, 200000);
	void *c = heap_take(&fixture->heap, 300000);

	assert_int_equal(fixture->counted.runs, 3);
	heap_give(&fixture->heap, b, 200000);
	assert_int_equal(fixture->counted.runs, 2);
	heap_give(&fixture->heap, c, 300000);
	heap_give(&fixture->heap, a, 100000);
	assert_int_equal(fixture->counted.runs, 0);
	assert_int_equal(fixture->heap.held_bytes, 0);
}

static void closing_gives_back_what_is_still_in_use(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < 1000; i++)
		heap_take(&fixture->heap, 1 + i * 37 % 20000);
	assert_true(fixture->counted.runs > 2);
	heap_close(&fixture->heap);
	assert_int_equal(fixture->counted.bytes, 0);
	assert_int_equal(fixture->heap.used_bytes, 0);
	/* A closed heap may be used again. */
	assert_non_null(heap_take(&fixture->heap, 10));
}

static void the_rest_of_a_page_is_not_wasted(void **state)
{
	struct fixture *fixture = *state;
	size_t used = 0;

	/* Three fill most of the page, the fourth opens another: the rest must serve small ones. */
	for (size_t i = 0; i < 4; i++)
		heap_take(&fixture->heap, 16384);
	assert_int_equal(fixture->counted.runs, 2);
	while (fixture->counted.runs == 2) {
		heap_take(&fixture->heap, 8192);
		used += 8192;
	}
	/* 16,352 bytes of the first page and 49,120 of the second: one and five blocks of 8 KiB. */
	assert_int_equal(used, 8192 * 7);
	assert_int_equal(fixture->counted.runs, 3);
}

static void resizing_keeps_the_content_and_zeroes_the_rest(void **state)
{
	struct fixture *fixture = *state;
	static const size_t sizes[] = {10,    16,    11,    16,    100,    90,    96, 5000,
				       40000, 43000, 41000, 43000, 200000, 43000, 20, 16};
	size_t kept = 10;
	unsigned char *block = heap_resize(&fixture->heap, NULL, 0, sizes[0]);

	assert_true(is_filled(block, sizes[0], 0));
	for (size_t i = 1; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(block, 0x5a, sizes[i - 1]);
		block = heap_resize(&fixture->heap, block, sizes[i - 1], sizes[i]);
		kept = sizes[i] < sizes[i - 1] ? sizes[i] : sizes[i - 1];
		assert_true(is_filled(block, kept, 0x5a));
		assert_true(is_filled(block + kept, sizes[i] - kept, 0));
	}
	heap_give(&fixture->heap, block, 16);
	assert_int_equal(fixture->heap.used_bytes, 0);
}

/* Every block carries a pattern of its own; overlapping blocks would spoil one another's. */
static void blocks_never_overlap(void **state)
{
	struct fixture *fixture = *state;
	static unsigned char *blocks[256];
	static size_t sizes[256];
	struct rng rng;

	rng_init(&rng, 7);
	memset(blocks, 0, sizeof(blocks));
	for (size_t turn = 0; turn < 20000; turn++) {
		size_t i = rng_below(&rng, 256);
		if (blocks[i] != NULL) {
			assert_true(is_filled(blocks[i], sizes[i], (unsigned char)i));
			heap_give(&fixture->heap, blocks[i], sizes[i]);
			blocks[i] = NULL;
			continue;
		}
		sizes[i] = 1 + rng_below(&rng, UINT64_C(1) << (4 + rng_below(&rng, 12)));
		blocks[i] = heap_take(&fixture->heap, sizes[i]);
		memset(blocks[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < 256; i++)
		heap_give(&fixture->heap, blocks[i], sizes[i]);
	assert_int_equal(fixture->heap.used_bytes, 0);
}

int main(void)
{
#define HEAP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    HEAP_TEST(a_block_of_any_size_is_zeroed_and_aligned),
	    HEAP_TEST(a_block_given_back_is_used_again),
	    HEAP_TEST(all_that_was_taken_and_given_counts_to_zero),
	    HEAP_TEST(a_big_block_goes_back_to_the_source_at_once),
	    HEAP_TEST(closing_gives_back_what_is_still_in_use),
	    HEAP_TEST(the_rest_of_a_page_is_not_wasted),
	    HEAP_TEST(resizing_keeps_the_content_and_zeroes_the_rest),
	    HEAP_TEST(blocks_never_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
