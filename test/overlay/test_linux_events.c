/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What is heard of the kernel's devices: each is read again once, and told as it stands.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "overlay/linux/linux.h"
#include "overlay/linux/netlink.h"
#include "test/base/cmocka_all.h"

#define HEARD_MAX 64

static const char *const bridge = "wfbr001000", *const vxlan = "wfvx001000";

static size_t questions; /* about one thing, asked of the kernel; see CMakeLists */

int __real_chan_get(struct chan *chan, chan_each_fn *each, void *arg);
int __wrap_chan_get(struct chan *chan, chan_each_fn *each, void *arg);

int __wrap_chan_get(struct chan *chan, chan_each_fn *each, void *arg)
{
	questions++;
	return __real_chan_get(chan, each, arg);
}

struct story {
	size_t count;
	struct {
		enum kobj_kind kind;
		bool gone, up;
		char dev[IFNAME_BYTES];
	} told[HEARD_MAX];
};

static void each(void *arg, const struct kevent *event)
{
	struct story *story = arg;
	const struct klink *link = event->obj;
	const struct kfdb *fdb = event->obj;

	if (event->what != KEVENT_OBJECT || (event->kind != KOBJ_LINK && event->kind != KOBJ_FDB))
		return;
	assert_true(story->count < HEARD_MAX);
	story->told[story->count].kind = event->kind;
	story->told[story->count].gone = event->gone;
	story->told[story->count].up = event->kind == KOBJ_LINK && link->up;
	memcpy(story->told[story->count++].dev, event->kind == KOBJ_LINK ? link->name : fdb->dev,
	       IFNAME_BYTES);
}

static struct story hear(void *kernel)
{
	struct story story = {0};

	questions = 0;
	linux_kernel_ops()->events(kernel, &story, each);
	return story;
}

/* How often a device was told of; the last time is in *last. */
static size_t told_of(const struct story *story, enum kobj_kind kind, const char *dev, size_t *last)
{
	size_t count = 0;

	for (size_t i = 0; i < story->count; i++) {
		if (story->told[i].kind != kind || strcmp(story->told[i].dev, dev) != 0)
			continue;
		*last = i;
		count++;
	}
	return count;
}

static int set_up(void **state)
{
	struct page_source pages = page_source_mmap();
	struct weft_err err = {0};

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	*state = linux_kernel_open(&pages, 1, &err);
	assert_non_null(*state);
	return 0;
}

static int tear_down(void **state)
{
	linux_kernel_close(*state);
	return 0;
}

static void a_device_that_changed_often_is_read_and_told_once(void **state)
{
	struct story story;
	size_t at = 0;

	assert_int_equal(system("ip link add wfbr001000 type bridge"), 0);
	(void)hear(*state);
	for (int i = 0; i < 5; i++)
		assert_int_equal(system("ip link set wfbr001000 mtu 1400 up &&"
					"ip link set wfbr001000 mtu 1450 up"),
				 0);
	story = hear(*state);
	assert_int_equal(questions, 1);
	assert_int_equal(told_of(&story, KOBJ_LINK, bridge, &at), 1);
	assert_false(story.told[at].gone);
}

/* Its routes went, and nobody tells of those. */
static void one_that_was_down_for_a_moment_is_told_as_down(void **state)
{
	struct story story;
	size_t at = 0;

	assert_int_equal(system("ip link add wfbr001000 up type bridge"), 0);
	(void)hear(*state);
	assert_int_equal(system("ip link set wfbr001000 down"), 0);
	assert_int_equal(system("ip link set wfbr001000 up"), 0);
	story = hear(*state);
	assert_int_equal(told_of(&story, KOBJ_LINK, bridge, &at), 1);
	assert_false(story.told[at].up);
	assert_int_equal(system("ip link set wfbr001000 mtu 1400"), 0);
	story = hear(*state);
	assert_int_equal(told_of(&story, KOBJ_LINK, bridge, &at), 1);
	assert_true(story.told[at].up);
}

static void one_that_went_or_has_another_name_now_is_gone(void **state)
{
	struct story story;
	size_t at = 0;

	assert_int_equal(system("ip link add wfbr001000 type bridge && "
				"ip link add wfvx001000 type bridge"),
			 0);
	(void)hear(*state);
	assert_int_equal(system("ip link del wfbr001000 && ip link set wfvx001000 name other"), 0);
	story = hear(*state);
	assert_int_equal(told_of(&story, KOBJ_LINK, bridge, &at), 1);
	assert_true(story.told[at].gone);
	assert_int_equal(told_of(&story, KOBJ_LINK, vxlan, &at), 1);
	assert_true(story.told[at].gone);
	assert_int_equal(questions, 2);
}

static void what_is_heard_of_a_device_just_made_has_its_name(void **state)
{
	struct story story;
	size_t at = 0;

	assert_int_equal(system("ip link add wfvx001000 type vxlan id 4096 dstport 4789 "
				"nolearning && bridge fdb add 02:00:00:00:00:01 dev wfvx001000 "
				"dst 192.0.2.1 self permanent"),
			 0);
	story = hear(*state);
	assert_true(told_of(&story, KOBJ_FDB, vxlan, &at) >= 1);
	assert_int_equal(told_of(&story, KOBJ_LINK, vxlan, &at), 1);
	assert_int_equal(questions, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(a_device_that_changed_often_is_read_and_told_once),
	    TEST(one_that_was_down_for_a_moment_is_told_as_down),
	    TEST(one_that_went_or_has_another_name_now_is_gone),
	    TEST(what_is_heard_of_a_device_just_made_has_its_name),
	};

	if (geteuid() != 0) {
		fputs("skipped: network namespaces are for root (sudo make test)\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
