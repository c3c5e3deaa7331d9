/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/map.h"
#include "gossip/base/rng.h"

struct entry {
	uint64_t key;
	uint64_t value;
};

static struct heap heap;

static int setup(void **state)
{
	static struct page_source source;

	source = page_source_mmap();
	heap_init(&heap, &source);
	*state = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	heap_close(&heap);
	return 0;
}

static void open_map(struct map *map, uint64_t seed)
{
	map_init(map, &heap, sizeof(uint64_t), sizeof(struct entry), seed);
}

static void put(struct map *map, uint64_t key, uint64_t value)
{
	struct entry *entry = map_insert(map, &key, NULL);

	entry->value = value;
}

static void an_empty_map_finds_and_removes_nothing(void **state)
{
	struct map map;
	uint64_t key = 5;
	size_t pos = 0;

	(void)state;
	open_map(&map, 1);
	assert_null(map_find(&map, &key));
	assert_false(map_remove(&map, &key));
	assert_null(map_next(&map, &pos));
	map_close(&map);
	assert_int_equal(heap.used_bytes, 0);
}

static void an_entry_is_made_once_zeroed_but_for_its_key(void **state)
{
	struct map map;
	uint64_t key = 77;
	struct entry *entry;
	bool fresh;

	(void)state;
	open_map(&map, 1);
	entry = map_insert(&map, &key, &fresh);
	assert_true(fresh);
	assert_int_equal(entry->key, 77);
	assert_int_equal(entry->value, 0);
	entry->value = 9;
	entry = map_insert(&map, &key, &fresh);
	assert_false(fresh);
	assert_int_equal(entry->value, 9);
	assert_int_equal(map.count, 1);
	assert_true(map_remove(&map, &key));
	entry = map_insert(&map, &key, &fresh);
	assert_true(fresh);
	assert_int_equal(entry->value, 0);
	map_close(&map);
}

/* Against the plainest model there is: an array indexed by key. */
static void inserts_and_removes_agree_with_a_plain_array(void **state)
{
	static uint64_t model[2000];
	struct map map;
	struct rng rng;
	size_t count = 0;

	(void)state;
	memset(model, 0, sizeof(model));
	rng_init(&rng, 3);
	open_map(&map, 42);
	for (size_t turn = 0; turn < 60000; turn++) {
		uint64_t key = rng_below(&rng, 2000);
		/* Fill for a while, then empty: both growth and shrinkage happen. */
		bool filling = turn / 10000 % 2 == 0;
		if (rng_below(&rng, 4) != 0 ? filling : !filling) {
			count += model[key] == 0;
			model[key] = 1 + rng_u64(&rng) / 2;
			put(&map, key, model[key]);
		} else {
			assert_int_equal(map_remove(&map, &key), model[key] != 0);
			count -= model[key] != 0;
			model[key] = 0;
		}
		assert_int_equal(map.count, count);
		if (turn % 500 != 0)
			continue;
		for (key = 0; key < 2000; key++) {
			struct entry *entry = map_find(&map, &key);
			assert_int_equal(entry != NULL ? entry->value : 0, model[key]);
		}
	}
	map_close(&map);
	assert_int_equal(heap.used_bytes, 0);
}

static void a_map_that_empties_gives_its_memory_back(void **state)
{
	struct map map;
	size_t full;

	(void)state;
	open_map(&map, 5);
	for (uint64_t key = 0; key < 10000; key++)
		put(&map, key, key);
	full = heap.used_bytes;
	for (uint64_t key = 0; key < 9990; key++)
		assert_true(map_remove(&map, &key));
	assert_true(heap.used_bytes < full / 100);
	for (uint64_t key = 9990; key < 10000; key++)
		assert_non_null(map_find(&map, &key));
	map_close(&map);
}

static void iteration_meets_every_entry_once(void **state)
{
	static bool seen[3000];
	struct map map;
	struct entry *entry;
	size_t pos = 0;
	size_t count = 0;

	(void)state;
	memset(seen, 0, sizeof(seen));
	open_map(&map, 6);
	for (uint64_t key = 0; key < 3000; key++)
		put(&map, key, key);
	while ((entry = map_next(&map, &pos)) != NULL) {
		assert_false(seen[entry->key]);
		seen[entry->key] = true;
		count++;
	}
	assert_int_equal(count, 3000);
	assert_null(map_next(&map, &pos));
	map_close(&map);
}

static void iteration_repeats_with_seed_and_history(void **state)
{
	struct map a, b, other;
	struct entry *x, *y, *z;
	size_t pos_a = 0, pos_b = 0, pos_other = 0;
	size_t same = 0;

	(void)state;
	open_map(&a, 8);
	open_map(&b, 8);
	open_map(&other, 9);
	for (uint64_t key = 0; key < 500; key++) {
		put(&a, key * 31, key);
		heap_take(&heap, 48); /* addresses must not matter */
		put(&b, key * 31, key);
		put(&other, key * 31, key);
	}
	for (uint64_t key = 0; key < 500 * 31; key += 93) {
		assert_true(map_remove(&a, &key));
		assert_true(map_remove(&b, &key));
		assert_true(map_remove(&other, &key));
	}
	while ((x = map_next(&a, &pos_a)) != NULL) {
		y = map_next(&b, &pos_b);
		z = map_next(&other, &pos_other);
		assert_int_equal(x->key, y->key);
		same += x->key == z->key;
	}
	assert_true(same < 50); /* another seed, another order */
	map_close(&a);
	map_close(&b);
	map_close(&other);
}

static void a_key_may_be_borrowed_from_the_map_itself(void **state)
{
	struct map map;
	uint64_t first = 1000;

	(void)state;
	open_map(&map, 10);
	put(&map, first, 0);
	for (uint64_t i = 0; i < 2000; i++) {
		struct entry *last = map_find(&map, &first);
		struct entry *made;
		last->value = i + 5000;
		made = map_insert(&map, &last->value, NULL);
		assert_int_equal(made->key, i + 5000);
	}
	while (map.count > 0) {
		size_t pos = 0;
		struct entry *entry = map_next(&map, &pos);
		assert_true(map_remove(&map, &entry->key));
	}
	map_close(&map);
}

/* Vectors of an independent implementation that agrees with CPython's own SipHash-1-3; the second
 * half of the key is the seed times 0x9e3779b97f4a7c15 plus one. */
static void the_hash_is_siphash_1_3(void **state)
{
	uint8_t bytes[23];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(map_hash("", 0, 1), UINT64_C(0x48e1c8d420c23cc9));
	assert_int_equal(map_hash("weft", 4, 1), UINT64_C(0x68fc2736ea6a9ba7));
	assert_int_equal(map_hash(bytes, sizeof(bytes), UINT64_C(0x0123456789abcdef)),
			 UINT64_C(0xc75c60dc78e1cf82));
}

/* About half of the output bits must change with any input bit. */
static void every_bit_of_the_key_reaches_the_whole_hash(void **state)
{
	uint64_t key = UINT64_C(0x0123456789abcdef);
	uint64_t base = map_hash(&key, sizeof(key), 99);

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t flipped = key ^ UINT64_C(1) << bit;
		uint64_t hash = map_hash(&flipped, sizeof(flipped), 99);
		assert_in_range(__builtin_popcountll(base ^ hash), 12, 52);
	}
}

int main(void)
{
#define MAP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    MAP_TEST(an_empty_map_finds_and_removes_nothing),
	    MAP_TEST(an_entry_is_made_once_zeroed_but_for_its_key),
	    MAP_TEST(inserts_and_removes_agree_with_a_plain_array),
	    MAP_TEST(a_map_that_empties_gives_its_memory_back),
	    MAP_TEST(iteration_meets_every_entry_once),
	    MAP_TEST(iteration_repeats_with_seed_and_history),
	    MAP_TEST(a_key_may_be_borrowed_from_the_map_itself),
	    MAP_TEST(the_hash_is_siphash_1_3),
	    MAP_TEST(every_bit_of_the_key_reaches_the_whole_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
