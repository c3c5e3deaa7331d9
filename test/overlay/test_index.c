/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* An index over blocks of others: several of one key, and as large as what is in it. */
#include <stddef.h>
#include <stdlib.h>

#include "overlay/index.h"
#include "test/base/cmocka_all.h"

#define MANY 5000
#define KEYS 1250 /* each block has one of these: four of each */
#define SPARED 7

struct block {
	uint32_t nth;
	uint32_t key;
	struct index_link link;
	bool seen;
};

struct place {
	struct heap heap;
	struct index index;
	struct block blocks[MANY];
};

static struct block *block_of(const struct index_link *link)
{
	return (struct block *)((uintptr_t)link - offsetof(struct block, link));
}

static int set_up(void **state)
{
	struct page_source pages = page_source_mmap();
	struct place *place = calloc(1, sizeof(*place));

	if (place == NULL)
		return -1;
	heap_init(&place->heap, &pages);
	index_init(&place->index, &place->heap,
		   offsetof(struct block, link) - offsetof(struct block, key), sizeof(uint32_t), 7);
	for (uint32_t i = 0; i < MANY; i++) {
		place->blocks[i].nth = i;
		place->blocks[i].key = i % KEYS;
	}
	*state = place;
	return 0;
}

static int take_down(void **state)
{
	struct place *place = *state;

	index_close(&place->index);
	assert_int_equal(place->heap.used_bytes, 0);
	heap_close(&place->heap);
	free(place);
	return 0;
}

static void add_all(struct place *place)
{
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(index_add(&place->index, &place->blocks[i].link), i >= KEYS);
	assert_int_equal(place->index.count, MANY);
}

/* How many blocks of a key are found, each once. */
static size_t count_of(struct place *place, uint32_t key)
{
	const struct index_link *link = index_first(&place->index, &key);
	size_t count = 0;

	for (uint32_t i = 0; i < MANY; i++)
		place->blocks[i].seen = false;
	for (; link != NULL; link = index_next(&place->index, link)) {
		assert_int_equal(block_of(link)->key, key);
		assert_false(block_of(link)->seen);
		block_of(link)->seen = true;
		count++;
	}
	return count;
}

static void an_empty_one_finds_nothing_and_holds_nothing(void **state)
{
	struct place *place = *state;
	struct index_walk walk = {0};
	size_t pos = 0;

	assert_int_equal(count_of(place, 1), 0);
	assert_null(index_each(&place->index, &walk));
	assert_null(index_pop(&place->index, &pos));
	assert_int_equal(place->heap.used_bytes, 0);
}

static void all_blocks_of_a_key_are_found_and_no_other(void **state)
{
	struct place *place = *state;
	uint32_t key = KEYS;

	add_all(place);
	assert_int_equal(count_of(place, 0), MANY / KEYS);
	assert_int_equal(count_of(place, KEYS - 1), MANY / KEYS);
	assert_null(index_first(&place->index, &key));
}

static void a_walk_comes_by_one_block_of_each_key(void **state)
{
	struct place *place = *state;
	bool seen[KEYS] = {false};
	const struct index_link *link;
	struct index_walk walk = {0};
	size_t count = 0;

	add_all(place);
	while ((link = index_each(&place->index, &walk)) != NULL) {
		uint32_t key = *(const uint32_t *)index_key(&place->index, link);

		assert_int_equal(key, block_of(link)->key);
		assert_false(seen[key]);
		seen[key] = true;
		count++;
	}
	assert_int_equal(count, KEYS);
	assert_null(index_each(&place->index, &walk));
}

static void what_is_removed_is_gone_and_the_others_of_its_key_are_not(void **state)
{
	struct place *place = *state;

	add_all(place);
	for (uint32_t i = 0; i < MANY; i++) {
		if (i / KEYS != 2 && i % KEYS != SPARED)
			assert_true(index_remove(&place->index, &place->blocks[i].link));
	}
	for (uint32_t key = 0; key < KEYS; key++)
		assert_int_equal(count_of(place, key), key == SPARED ? MANY / KEYS : 1);
	assert_true(place->blocks[2 * KEYS + KEYS - 1].seen);
}

static void it_takes_a_pointer_for_each_block_and_shrinks_with_them(void **state)
{
	struct place *place = *state;

	add_all(place);
	assert_in_range(place->index.head_count, MANY, 2 * MANY);
	for (uint32_t i = SPARED; i < MANY; i++)
		index_remove(&place->index, &place->blocks[i].link);
	assert_in_range(place->index.head_count, SPARED, 8 * SPARED);
	assert_int_equal(count_of(place, SPARED - 1), 1);
	assert_false(index_remove(&place->index, &place->blocks[SPARED - 1].link));
}

static void popping_empties_it_of_each_block_once(void **state)
{
	struct place *place = *state;
	struct index_link *link;
	size_t count = 0;

	add_all(place);
	for (size_t pos = 0; (link = index_pop(&place->index, &pos)) != NULL; count++) {
		assert_false(block_of(link)->seen);
		block_of(link)->seen = true;
	}
	assert_int_equal(count, MANY);
	assert_int_equal(place->index.count, 0);
	index_add(&place->index, &place->blocks[0].link);
	assert_int_equal(count_of(place, 0), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, take_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_empty_one_finds_nothing_and_holds_nothing),
	    TEST(all_blocks_of_a_key_are_found_and_no_other),
	    TEST(a_walk_comes_by_one_block_of_each_key),
	    TEST(what_is_removed_is_gone_and_the_others_of_its_key_are_not),
	    TEST(it_takes_a_pointer_for_each_block_and_shrinks_with_them),
	    TEST(popping_empties_it_of_each_block_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
