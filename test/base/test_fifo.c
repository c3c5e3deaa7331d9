/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/base/fifo.h"

#include "test/base/cmocka_all.h"

static void elements_come_out_in_the_order_they_went_in(void **state)
{
	struct page_source pages = page_source_mmap();
	struct heap heap;
	struct fifo fifo;
	uint64_t in = 0, out = 0;

	(void)state;
	heap_init(&heap, &pages);
	fifo_init(&fifo, &heap, sizeof(in));
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < round; i++, in++)
			fifo_push(&fifo, &in);
		for (int i = 0; i < round / 2; i++, out++) {
			assert_int_equal(*(uint64_t *)fifo_at(&fifo, 0), out);
			fifo_pop(&fifo);
		}
		assert_int_equal(fifo.count, in - out);
		if (fifo.count > 0)
			assert_int_equal(*(uint64_t *)fifo_at(&fifo, fifo.count - 1), in - 1);
	}
	heap_close(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(elements_come_out_in_the_order_they_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
