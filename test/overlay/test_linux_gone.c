/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What is gone already counts as taken away; what could not be looked for does not. What was made
 * without an answer does not stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "overlay/linux/linux.h"
#include "overlay/linux/netlink.h"
#include "test/base/cmocka_all.h"

/* What goes wrong next: see CMakeLists. */
static int refusal;      /* of questions about one thing */
static bool cannot_list; /* what the library reads back */
static bool no_answer;   /* to the change that comes first */
static bool not_sent;    /* nor is it made */

int __real_chan_get(struct chan *chan, chan_each_fn *each, void *arg);
int __wrap_chan_get(struct chan *chan, chan_each_fn *each, void *arg);

int __wrap_chan_get(struct chan *chan, chan_each_fn *each, void *arg)
{
	return refusal != 0 ? -refusal : __real_chan_get(chan, each, arg);
}

int __real_chan_call(struct chan *chan, char text[CHAN_TEXT_BYTES]);
int __wrap_chan_call(struct chan *chan, char text[CHAN_TEXT_BYTES]);

int __wrap_chan_call(struct chan *chan, char text[CHAN_TEXT_BYTES])
{
	int status = not_sent ? 0 : __real_chan_call(chan, text);

	if (no_answer)
		status = -ENOBUFS;
	no_answer = not_sent = false;
	return status;
}

int __real_nft_run_cmd_from_buffer(struct nft_ctx *nft, const char *commands);
int __wrap_nft_run_cmd_from_buffer(struct nft_ctx *nft, const char *commands);

int __wrap_nft_run_cmd_from_buffer(struct nft_ctx *nft, const char *commands)
{
	if (cannot_list && strncmp(commands, "list", 4) == 0)
		return -1;
	return __real_nft_run_cmd_from_buffer(nft, commands);
}

static int set_up(void **state)
{
	struct page_source pages = page_source_mmap();
	struct weft_err err = {0};

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	refusal = 0;
	cannot_list = no_answer = not_sent = false;
	*state = linux_kernel_open(&pages, 1, &err);
	assert_non_null(*state);
	return 0;
}

static int tear_down(void **state)
{
	linux_kernel_close(*state);
	return 0;
}

static void note(void *arg, size_t place, int error, const char *text)
{
	(void)place;
	(void)text;
	*(int *)arg = error;
}

/* Deletes the bridge; the error that is told. */
static int remove_bridge(void *kernel)
{
	struct klink link = {.name = "wfbr001000", .kind = KLINK_BRIDGE};
	const struct kop op = {.verb = KVERB_DELETE, .kind = KOBJ_LINK, .obj = &link};
	int error = 0;

	assert_int_equal(linux_kernel_ops()->apply(kernel, &op, 1, note, &error), 0);
	return error;
}

static void a_device_that_cannot_be_looked_for_is_not_gone(void **state)
{
	assert_int_equal(system("ip link add wfbr001000 type bridge"), 0);
	refusal = ENOBUFS;
	assert_int_equal(remove_bridge(*state), ENOBUFS);
	assert_int_equal(system("ip link show wfbr001000 >/dev/null"), 0);
	refusal = 0;
	assert_int_equal(remove_bridge(*state), 0);
	assert_int_not_equal(system("ip link show wfbr001000 2>/dev/null >&2"), 0);
	assert_int_equal(remove_bridge(*state), 0);
}

static int add_nothing(void *kernel)
{
	char why[96] = "";

	return linux_kernel_ops()->rules_add(kernel, KRULES_HOST, "", why, sizeof(why));
}

static void a_table_that_cannot_be_listed_is_not_gone(void **state)
{
	const struct kernel_ops *ops = linux_kernel_ops();
	char why[96] = "";

	for (int i = 0; i < 2; i++) {
		cannot_list = i == 1;
		assert_int_equal(ops->rules_match(*state, KRULES_HOST, ""), 1);
		assert_int_equal(ops->rules_match(*state, KRULES_PORTS, ""), 1);
		assert_int_equal(add_nothing(*state), -ENOENT);
	}
	refusal = ENOBUFS; /* nor looked for */
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, ""), 0);
	assert_int_equal(add_nothing(*state), -ENOBUFS);
	refusal = 0;

	cannot_list = false;
	assert_int_equal(
	    ops->rules_set(*state, KRULES_HOST, "table inet weft {\n}\n", why, sizeof(why)), 0);
	cannot_list = true;
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, ""), 0);
	assert_int_equal(ops->rules_match(*state, KRULES_PORTS, ""), 1);
	assert_int_equal(add_nothing(*state), -EAGAIN);
	assert_int_equal(ops->rules_set(*state, KRULES_HOST, "", why, sizeof(why)), 0);
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, ""), 1);
}

/* Descriptors that were free, and the limit. */
struct shortage {
	struct rlimit before;
	int taken[64];
	size_t count;
};

/* No descriptor is free from now on. */
static void exhaust(struct shortage *shortage)
{
	const rlim_t few = sizeof(shortage->taken) / sizeof(shortage->taken[0]);
	struct rlimit now;
	int fd;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &shortage->before), 0);
	now = shortage->before;
	now.rlim_cur = few;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	shortage->count = 0;
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		shortage->taken[shortage->count++] = fd;
	assert_int_equal(errno, EMFILE);
}

static void relieve(struct shortage *shortage)
{
	while (shortage->count > 0)
		close(shortage->taken[--shortage->count]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &shortage->before), 0);
}

/* The library would end this process. */
static void without_a_descriptor_rules_are_refused_with_the_reason(void **state)
{
	const struct kernel_ops *ops = linux_kernel_ops();
	struct shortage shortage;
	char why[96] = "";
	int set, match, add;

	/* behind a change that failed the library begins anew */
	assert_int_equal(ops->rules_set(*state, KRULES_PORTS, "?\n", why, sizeof(why)), -EIO);
	exhaust(&shortage);
	set = ops->rules_set(*state, KRULES_HOST, "table inet weft {\n}\n", why, sizeof(why));
	match = ops->rules_match(*state, KRULES_HOST, "");
	add = add_nothing(*state);
	relieve(&shortage);
	assert_int_equal(set, -EMFILE);
	assert_string_equal(why, "Too many open files");
	assert_int_equal(match, 0);
	assert_int_equal(add, -EMFILE);
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, ""), 1);
}

/* To list a rule with the index of a device the library reads all devices. */
static void a_foreign_rule_is_listed_without_a_descriptor(void **state)
{
	static const char text[] = "table inet weft {\n\tchain other {\n\t}\n}\n";
	const struct kernel_ops *ops = linux_kernel_ops();
	struct shortage shortage;
	char why[96] = "";
	int match;

	assert_int_equal(ops->rules_set(*state, KRULES_HOST, text, why, sizeof(why)), 0);
	assert_int_equal(system("nft add rule inet weft other iif lo accept"), 0);
	exhaust(&shortage);
	match = ops->rules_match(*state, KRULES_HOST, text);
	relieve(&shortage);
	assert_int_equal(match, 0);
	assert_int_equal(system("nft flush chain inet weft other"), 0);
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, text), 1);
}

static void rules_that_were_set_once_are_repaired_without_a_descriptor(void **state)
{
	static const char text[] = "table inet weft {\n}\n";
	const struct kernel_ops *ops = linux_kernel_ops();
	struct shortage shortage;
	char why[96] = "";
	int set, match;

	assert_int_equal(ops->rules_set(*state, KRULES_HOST, text, why, sizeof(why)), 0);
	assert_int_equal(system("nft delete table inet weft"), 0);
	exhaust(&shortage);
	match = ops->rules_match(*state, KRULES_HOST, text);
	set = ops->rules_set(*state, KRULES_HOST, text, why, sizeof(why));
	relieve(&shortage);
	assert_int_equal(match, 0);
	assert_int_equal(set, 0);
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, text), 1);
}

/* A command that was not understood leaves nothing behind, nor do other tables. */
static void what_was_listed_before_is_not_taken_for_what_stands(void **state)
{
	static const char text[] = "table inet weft {\n}\n";
	const struct kernel_ops *ops = linux_kernel_ops();
	char why[96] = "";

	assert_int_equal(ops->rules_set(*state, KRULES_HOST, text, why, sizeof(why)), 0);
	assert_int_equal(ops->rules_set(*state, KRULES_PORTS, "?\n", why, sizeof(why)), -EIO);
	assert_non_null(strstr(why, "syntax error"));
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, text), 1);
	assert_int_equal(system("nft add chain inet weft other"), 0);
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, text), 0);
	assert_int_equal(ops->rules_match(*state, KRULES_PORTS, ""), 1);
	assert_int_equal(system("nft delete chain inet weft other"), 0);
	assert_int_equal(ops->rules_match(*state, KRULES_HOST, text), 1);
}

/* Plugs a box into no bridge: the change that is not answered is the first of all. */
static int plug_without_answer(void *kernel)
{
	struct kplug plug = {.port = {.name = "wfe0123456789ab", .kind = KLINK_VETH, .mtu = 1450},
			     .ifname = "eth0",
			     .mac = {{2, 0, 0, 0, 0, 1}},
			     .mtu = 1450};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct weft_err err = {0};
	struct overlay_box box = OVERLAY_BOX_NONE;
	int code;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	box.netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	box.rtnl_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	plug.port.mac = plug.mac;
	no_answer = true;
	code = linux_kernel_ops()->plug(kernel, &plug, &box, &err);
	assert_non_null(strstr(err.message, "its veth"));
	close(box.netns_fd);
	close(box.rtnl_fd);
	close(home);
	return code;
}

static void a_veth_that_was_made_without_an_answer_is_taken_back(void **state)
{
	assert_int_equal(plug_without_answer(*state), WEFT_E_KERNEL);
	assert_int_not_equal(system("ip -br link | grep -q wfe"), 0);
}

static void a_foreign_device_is_not_taken_back(void **state)
{
	assert_int_equal(system("ip link add wfe0123456789ab type veth peer name q"), 0);
	not_sent = true;
	assert_int_equal(plug_without_answer(*state), WEFT_E_KERNEL);
	assert_int_equal(system("ip -br link | grep -q wfe"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(a_device_that_cannot_be_looked_for_is_not_gone),
	    TEST(a_table_that_cannot_be_listed_is_not_gone),
	    TEST(without_a_descriptor_rules_are_refused_with_the_reason),
	    TEST(a_foreign_rule_is_listed_without_a_descriptor),
	    TEST(rules_that_were_set_once_are_repaired_without_a_descriptor),
	    TEST(what_was_listed_before_is_not_taken_for_what_stands),
	    TEST(a_veth_that_was_made_without_an_answer_is_taken_back),
	    TEST(a_foreign_device_is_not_taken_back),
	};

	if (geteuid() != 0) {
		fputs("skipped: network namespaces are for root (sudo make test)\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
