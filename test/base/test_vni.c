/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/base/vni.h"
#include "test/base/cmocka_all.h"

#define MANY 200

static struct page_source pages;
static struct heap heap;

static int set_up(void **state)
{
	(void)state;
	pages = page_source_mmap();
	heap_init(&heap, &pages);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(heap.used_bytes, 0);
	heap_close(&heap);
	return 0;
}

static struct vni_claim claim_of(uint8_t first, uint8_t second, uint32_t vni)
{
	return (struct vni_claim){.network = {{first, second}}, .recorded = vni};
}

static void who_has_a_number_alone_keeps_it(void **state)
{
	struct vni_claim claims[] = {claim_of(1, 0, 5000), claim_of(2, 0, 5001)};

	(void)state;
	vnis_assign(&heap, 1, claims, 2);
	assert_int_equal(claims[0].used, 5000);
	assert_int_equal(claims[1].used, 5001);
}

static void of_two_with_one_number_the_higher_id_moves_to_one_of_its_own(void **state)
{
	struct vni_claim claims[] = {claim_of(1, 0, 5000), claim_of(2, 0, 5000)};

	(void)state;
	vnis_assign(&heap, 1, claims, 2);
	assert_int_equal(claims[0].used, 5000);
	assert_int_equal(claims[1].used, vni_of_network(&claims[1].network, 0));
}

static void nobody_moves_to_a_number_that_somebody_recorded(void **state)
{
	struct vni_claim claims[] = {claim_of(1, 0, 5000), claim_of(2, 0, 5000), claim_of(3, 0, 0)};

	(void)state;
	/* A higher id has it, and was first to say so: it is not driven away. */
	claims[2].recorded = vni_of_network(&claims[1].network, 0);
	vnis_assign(&heap, 1, claims, 3);
	assert_int_equal(claims[2].used, claims[2].recorded);
	assert_int_equal(claims[1].used, vni_of_network(&claims[1].network, 1));
}

static void many_of_one_number_all_have_another(void **state)
{
	static struct vni_claim claims[MANY], again[MANY];

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		claims[i] = claim_of((uint8_t)i, 7, 5000 + (uint32_t)(i % 3));
	memcpy(again, claims, sizeof(again));
	vnis_assign(&heap, 1, claims, MANY);
	vnis_assign(&heap, 99, again, MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(claims[i].used, again[i].used); /* on every host */
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(claims[i].used, claims[j].used);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(who_has_a_number_alone_keeps_it),
	    TEST(of_two_with_one_number_the_higher_id_moves_to_one_of_its_own),
	    TEST(nobody_moves_to_a_number_that_somebody_recorded),
	    TEST(many_of_one_number_all_have_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
