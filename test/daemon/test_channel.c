/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <poll.h>
#include <stdlib.h>

#include "daemon/channel.h"
#include "test/base/cmocka_all.h"

#define ITEMS 20000

struct number {
	struct channel_item item;
	int value;
};

static struct channel_item *item_of(int value)
{
	struct number *number = calloc(1, sizeof(*number));

	if (number == NULL)
		abort();
	number->value = value;
	return &number->item;
}

static void push_all(void *arg)
{
	for (int i = 0; i < ITEMS; i++)
		channel_push(arg, item_of(i));
}

static void all_items_arrive_once_and_in_order(void **state)
{
	struct channel channel;
	uv_thread_t thread;
	int next = 0;

	(void)state;
	assert_int_equal(channel_init(&channel), 0);
	assert_int_equal(uv_thread_create(&thread, push_all, &channel), 0);
	while (next < ITEMS) {
		struct pollfd wait = {.fd = channel.fd, .events = POLLIN};
		struct channel_item *item;

		assert_int_equal(poll(&wait, 1, 60000), 1);
		item = channel_take(&channel);
		while (item) {
			struct number *number = (struct number *)item;

			item = item->next;
			assert_int_equal(number->value, next++);
			free(number);
		}
	}
	uv_thread_join(&thread);
	assert_int_equal(channel_count(&channel), 0);
	channel_close(&channel, NULL);
}

static size_t freed;

static void count_free(struct channel_item *item)
{
	freed++;
	free(item);
}

static void what_was_not_taken_is_freed_at_the_end(void **state)
{
	struct channel channel;

	(void)state;
	assert_int_equal(channel_init(&channel), 0);
	for (int i = 0; i < 3; i++)
		channel_push(&channel, item_of(0));
	assert_int_equal(channel_count(&channel), 3);
	channel_close(&channel, count_free);
	assert_int_equal(freed, 3);
}

static void a_queue_is_high_from_its_bound_until_it_is_taken(void **state)
{
	struct channel channel;

	(void)state;
	assert_int_equal(channel_init(&channel), 0);
	for (size_t i = 0; i < CHANNEL_HIGH; i++) {
		assert_false(channel_is_high(&channel));
		channel_push(&channel, item_of(0));
	}
	assert_true(channel_is_high(&channel));
	for (struct channel_item *item = channel_take(&channel); item;) {
		struct channel_item *next = item->next;

		free(item);
		item = next;
	}
	assert_false(channel_is_high(&channel));
	channel_close(&channel, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_items_arrive_once_and_in_order),
	    cmocka_unit_test(what_was_not_taken_is_freed_at_the_end),
	    cmocka_unit_test(a_queue_is_high_from_its_bound_until_it_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
