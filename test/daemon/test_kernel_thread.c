/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/kernel/kernel_thread.h"
#include "overlay/names.h"
#include "test/base/cmocka_all.h"

#define WAIT_MS 10000

/* A kernel thread in a namespace of its own, and what it told last of the kind that is awaited. */
struct stage {
	struct kernel_thread *kt;
	enum kernel_tell_kind awaited, before; /* before: something else that is to come first */
	bool heard, was_before;
	struct kernel_tell tell;
	uint32_t networks; /* that stand, by the last totals before what was awaited */
};

static struct kernel_thread *start(const char *helper)
{
	struct kernel_config config = {.helper = helper, .tell_done = true};
	struct weft_err err = {0};
	struct kernel_thread *kt;

	config.overlay.pages = page_source_mmap();
	config.overlay.seed = 1;
	config.overlay.node.b[0] = 7;
	assert_int_equal(inet_parse("192.0.2.1", &config.overlay.vtep), 0);
	kt = kernel_thread_new(&config, &err);
	assert_string_equal(err.message, "");
	assert_non_null(kt);
	return kt;
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up && ip addr add 192.0.2.1/24 dev lo && "
				"ip addr add 10.64.1.1/24 dev lo"),
			 0);
	stage->kt = start("/nonexistent/weft-netns");
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	kernel_thread_free(stage->kt);
	free(stage);
	return 0;
}

static void each(void *ctx, const struct kernel_tell *tell)
{
	struct stage *stage = ctx;

	stage->was_before |= !stage->heard && tell->kind == stage->before;
	if (!stage->heard && tell->kind == TELL_TOTALS)
		stage->networks = tell->totals.networks;
	if (tell->kind != stage->awaited || stage->heard)
		return;
	stage->heard = true;
	stage->tell = *tell;
	stage->tell.seen = NULL;
}

/* Waits for something of a kind. */
static const struct kernel_tell *await(struct stage *stage, enum kernel_tell_kind kind)
{
	stage->awaited = kind;
	stage->heard = false;
	while (!stage->heard) {
		struct pollfd wait = {.fd = kernel_thread_fd(stage->kt), .events = POLLIN};

		assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
		kernel_thread_drain(stage->kt, stage, each);
	}
	return &stage->tell;
}

static void without_its_helper_a_thread_says_so_and_works(void **state)
{
	struct stage *stage = *state;
	struct kernel_ask *ask = kernel_ask_new(ASK_BOX);
	const struct kernel_tell *tell = await(stage, TELL_WARNING);

	assert_non_null(strstr(tell->text, "/nonexistent/weft-netns"));
	ask->tag = 5;
	snprintf(ask->rec.text, sizeof(ask->rec.text), "some-box");
	kernel_thread_ask(stage->kt, ask);
	tell = await(stage, TELL_BOX);
	assert_int_equal(tell->tag, 5);
	assert_int_equal(tell->err.code, WEFT_E_UNSUPPORTED);
	assert_int_equal(tell->box.fds.netns_fd, -1);
}

static void a_pool_that_overlaps_an_address_of_the_host_is_told_with_it(void **state)
{
	static const struct {
		const char *prefix;
		int code;
	} rows[] = {{"10.64.1.0/28", WEFT_E_POOL_OVERLAP}, {"10.65.0.0/16", 0}};
	struct stage *stage = *state;

	for (size_t i = 0; i < 2; i++) {
		struct kernel_ask *ask = kernel_ask_new(ASK_OVERLAPS);
		const struct kernel_tell *tell;

		ask->tag = i + 1;
		ask->rec.prefixes.count = 1;
		assert_int_equal(prefix_parse(rows[i].prefix, &ask->rec.prefixes.list[0]), 0);
		kernel_thread_ask(stage->kt, ask);
		tell = await(stage, TELL_OVERLAPS);
		assert_int_equal(tell->tag, i + 1);
		assert_int_equal(tell->err.code, rows[i].code);
		if (rows[i].code != 0)
			assert_non_null(strstr(tell->err.message, "10.64.1.1/24"));
	}
}

static void of_a_network_that_is_not_here_there_is_no_state(void **state)
{
	struct stage *stage = *state;
	struct kernel_ask *ask = kernel_ask_new(ASK_STATE);
	const struct kernel_tell *tell;

	ask->tag = 9;
	ask->network.b[0] = 3;
	kernel_thread_ask(stage->kt, ask);
	tell = await(stage, TELL_STATE);
	assert_int_equal(tell->tag, 9);
	assert_false(tell->has_state);
}

static struct kernel_ask *network_put(const struct id *network)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_NETWORK_PUT);
	struct rec_network *rec = &ask->rec.network;

	ask->network = *network;
	snprintf(rec->name, sizeof(rec->name), "blue");
	rec->vni = 4096;
	rec->port = 4789;
	rec->pool_count = 1;
	assert_int_equal(prefix_parse("10.66.0.0/24", &rec->pools[0].subnet), 0);
	assert_int_equal(inet_parse("10.66.0.1", &rec->pools[0].gateway), 0);
	rec->pools[0].ip_range = rec->pools[0].subnet;
	return ask;
}

static struct kernel_ask *host_plug(const struct id *network)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_PLUG);
	struct local_endpoint *local = &ask->rec.local;

	local->id.b[0] = 4;
	local->network = *network;
	local->is_host = true;
	local->addr_count = 1;
	assert_int_equal(prefix_parse("10.66.0.2/24", &local->addrs[0]), 0);
	local->mac.b[0] = 2;
	return ask;
}

static void nothing_is_made_before_the_kernel_may_be_touched_and_all_of_it_then(void **state)
{
	struct stage *stage = *state;
	const struct id network = {{1}};
	struct kernel_ask *looked = kernel_ask_new(ASK_STATE);
	const struct kernel_tell *tell;

	kernel_thread_ask(stage->kt, network_put(&network));
	kernel_thread_ask(stage->kt, host_plug(&network));
	tell = await(stage, TELL_PLUGGED);
	assert_int_equal(tell->err.code, 0);
	assert_int_not_equal(system("ip link show wfbr001000 2>/dev/null >&2"), 0);

	kernel_thread_ask(stage->kt, kernel_ask_new(ASK_READY));
	tell = await(stage, TELL_TOTALS);
	assert_int_equal(tell->totals.failed, 0);
	assert_int_equal(system("ip link show wfbr001000 >/dev/null"), 0);
	looked->network = network;
	kernel_thread_ask(stage->kt, looked);
	tell = await(stage, TELL_STATE);
	assert_true(tell->has_state);
	assert_int_equal(tell->state.failed, 0);
}

static const struct kernel_tell *settled(struct stage *stage, uint64_t tag)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_SETTLE);
	const struct kernel_tell *tell;

	ask->tag = tag;
	kernel_thread_ask(stage->kt, ask);
	tell = await(stage, TELL_SETTLED);
	assert_int_equal(tell->tag, tag);
	return tell;
}

static void who_asks_for_it_hears_once_a_network_that_ended_is_out_of_the_kernel(void **state)
{
	struct stage *stage = *state;
	const struct id network = {{1}};
	struct kernel_ask *end = kernel_ask_new(ASK_NETWORK_END);

	kernel_thread_ask(stage->kt, network_put(&network));
	kernel_thread_ask(stage->kt, host_plug(&network));
	kernel_thread_ask(stage->kt, kernel_ask_new(ASK_READY));
	assert_int_equal(settled(stage, 7)->totals.failed, 0);
	assert_int_equal(system("ip link show wfbr001000 >/dev/null"), 0);
	end->network = network;
	kernel_thread_ask(stage->kt, end);
	assert_int_equal(settled(stage, 8)->totals.failed, 0);
	assert_int_not_equal(system("ip link show wfbr001000 2>/dev/null >&2"), 0);
}

/* What an earlier run left stays while rows may be older than it, and goes with a reset. */
static void what_was_held_goes_before_the_kernel_is_said_to_be_settled(void **state)
{
	struct stage *stage = *state;
	const struct id network = {{1}};
	struct kernel_ask *asks[3];

	kernel_thread_ask(stage->kt, network_put(&network));
	kernel_thread_ask(stage->kt, host_plug(&network));
	kernel_thread_ask(stage->kt, kernel_ask_new(ASK_READY));
	assert_int_equal(settled(stage, 7)->totals.failed, 0);
	kernel_thread_free(stage->kt);

	stage->kt = start("/nonexistent/weft-netns");
	for (size_t i = 0; i < 3; i++)
		asks[i] = kernel_ask_new(i == 1 ? ASK_READY : ASK_HOLD);
	asks[0]->held = true;
	kernel_thread_ask(stage->kt, asks[0]);
	kernel_thread_ask(stage->kt, asks[1]);
	assert_int_equal(settled(stage, 8)->totals.failed, 0);
	assert_int_equal(system("ip link show wfbr001000 >/dev/null"), 0);
	kernel_thread_ask(stage->kt, asks[2]);
	assert_int_equal(settled(stage, 9)->totals.failed, 0);
	assert_int_not_equal(system("ip link show wfbr001000 2>/dev/null >&2"), 0);
}

static void who_asks_for_it_hears_that_the_kernel_refused_something(void **state)
{
	struct stage *stage = *state;
	const struct id network = {{1}};

	assert_int_equal(system("ip link add wfbr001000 type bridge"), 0); /* somebody else's */
	kernel_thread_ask(stage->kt, network_put(&network));
	kernel_thread_ask(stage->kt, host_plug(&network));
	kernel_thread_ask(stage->kt, kernel_ask_new(ASK_READY));
	assert_true(settled(stage, 7)->totals.failed > 0);
	assert_true(settled(stage, 8)->totals.failed > 0);
}

static struct kernel_ask *remote_put(const struct id *network, const struct id *node)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_ENDPOINT_PUT);

	ask->network = *network;
	ask->node = *node;
	ask->endpoint.b[0] = 9;
	ask->version = (struct overlay_version){1, 3};
	ask->rec.endpoint.addr_count = 1;
	assert_int_equal(prefix_parse("10.66.0.9/24", &ask->rec.endpoint.addrs[0]), 0);
	ask->rec.endpoint.mac = mac_of_endpoint(&ask->endpoint);
	return ask;
}

/* Of a box in a namespace of its own. */
static struct kernel_ask *box_plug(const struct id *network)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_PLUG);
	struct local_endpoint *local = &ask->rec.local;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	ask->box.netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ask->box.rtnl_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	assert_true(ask->box.netns_fd >= 0 && ask->box.rtnl_fd >= 0);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	local->id.b[0] = 5;
	local->network = *network;
	local->addr_count = 1;
	assert_int_equal(prefix_parse("10.66.0.3/24", &local->addrs[0]), 0);
	local->mac = mac_of_endpoint(&local->id);
	snprintf(local->ifname, sizeof(local->ifname), "eth0");
	return ask;
}

/* What a plug makes of the others' endpoints, and its network, is told before the plug is. */
static void what_a_plug_applied_is_told_with_it(void **state)
{
	struct stage *stage = *state;
	const struct id network = {{1}}, node = {{8}};
	struct kernel_ask *member = kernel_ask_new(ASK_MEMBER_PUT), *plug = box_plug(&network);

	member->node = node;
	assert_int_equal(inet_parse("192.0.2.9", &member->ip), 0);
	kernel_thread_ask(stage->kt, network_put(&network));
	kernel_thread_ask(stage->kt, member);
	kernel_thread_ask(stage->kt, remote_put(&network, &node));
	kernel_thread_ask(stage->kt, kernel_ask_new(ASK_READY));
	kernel_thread_ask(stage->kt, plug);
	stage->before = TELL_APPLIED;
	assert_string_equal(await(stage, TELL_PLUGGED)->err.message, "");
	assert_true(stage->was_before);
	assert_int_equal(stage->networks, 1);
}

static const struct id made_in = {{1}};

/* Makes it in a network whose devices stand: a plug is told once they do, but before ASK_READY
 * without any. No reconcile sweeps it before the test has seen it. */
static void made_ahead(struct stage *stage, struct kernel_ask *make)
{
	struct kernel_ask *hold = kernel_ask_new(ASK_HOLD);

	kernel_thread_ask(stage->kt, network_put(&made_in));
	kernel_thread_ask(stage->kt, kernel_ask_new(ASK_READY));
	kernel_thread_ask(stage->kt, host_plug(&made_in));
	assert_int_equal(await(stage, TELL_PLUGGED)->err.code, 0);
	hold->held = true;
	kernel_thread_ask(stage->kt, hold);
	make->kind = ASK_MAKE;
	kernel_thread_ask(stage->kt, make);
}

/* Its descriptors come with the first question only. */
static void what_was_made_ahead_is_plugged_in(void **state)
{
	struct stage *stage = *state;
	struct kernel_ask *make = box_plug(&made_in), *plug = kernel_ask_new(ASK_PLUG);
	int box = dup(make->box.netns_fd); /* which is all that it lives by */

	plug->rec.local = make->rec.local;
	made_ahead(stage, make);
	kernel_thread_ask(stage->kt, plug);
	assert_int_equal(await(stage, TELL_PLUGGED)->err.code, 0);
	assert_int_equal(
	    system("ip -d link show type veth | grep -q 'state UP.*wfbr\\|wfbr.*state UP'"), 0);
	close(box);
}

/* Nor are its descriptors kept; a plug that comes all the same has none. */
static void what_was_made_ahead_is_taken_back(void **state)
{
	struct stage *stage = *state;
	struct kernel_ask *make = box_plug(&made_in), *unmake = kernel_ask_new(ASK_UNMAKE),
			  *plug = kernel_ask_new(ASK_PLUG);
	int netns = make->box.netns_fd, rtnl = make->box.rtnl_fd;

	unmake->rec.local = plug->rec.local = make->rec.local;
	made_ahead(stage, make);
	kernel_thread_ask(stage->kt, unmake);
	kernel_thread_ask(stage->kt, plug);
	assert_int_equal(await(stage, TELL_PLUGGED)->err.code, WEFT_E_NOT_FOUND);
	assert_int_equal(system("test -z \"$(ip link show type veth)\""), 0);
	assert_int_equal(fcntl(netns, F_GETFD), -1);
	assert_int_equal(fcntl(rtnl, F_GETFD), -1);
}

/* The attach that it was made for does not come any more. */
static void what_was_made_ahead_goes_with_the_daemon(void **state)
{
	struct stage *stage = *state;
	struct kernel_ask *make = box_plug(&made_in), *ask = kernel_ask_new(ASK_STATE);
	int box = dup(make->box.netns_fd);

	made_ahead(stage, make);
	kernel_thread_ask(stage->kt, ask);
	(void)await(stage, TELL_STATE);
	assert_int_equal(system("test -n \"$(ip link show type veth)\""), 0);
	kernel_thread_free(stage->kt);
	stage->kt = NULL;
	assert_int_equal(system("test -z \"$(ip link show type veth)\""), 0);
	close(box);
}

static void a_box_whose_namespace_is_not_open_is_refused(void **state)
{
	struct stage *stage = *state;
	const struct id network = {{1}};
	struct kernel_ask *ask = kernel_ask_new(ASK_PLUG);
	const struct kernel_tell *tell;

	kernel_thread_ask(stage->kt, network_put(&network));
	ask->tag = 6;
	ask->rec.local.network = network;
	ask->rec.local.id.b[0] = 5;
	kernel_thread_ask(stage->kt, ask);
	tell = await(stage, TELL_PLUGGED);
	assert_int_equal(tell->tag, 6);
	assert_int_equal(tell->err.code, WEFT_E_NOT_FOUND);
}

static void what_nobody_watched_is_not_seen(void **state)
{
	struct stage *stage = *state;
	struct kernel_ask *ask = kernel_ask_new(ASK_SEEN);
	const struct kernel_tell *tell;

	ask->tag = 8;
	ask->rec.wants.count = 1;
	kernel_thread_ask(stage->kt, ask);
	tell = await(stage, TELL_WATCH);
	assert_int_equal(tell->tag, 8);
	assert_int_equal(tell->err.code, WEFT_E_KERNEL);
	assert_int_equal(tell->seen_count, 0);
}

static void a_probe_is_watched_for_and_what_came_of_it_told(void **state)
{
	struct stage *stage = *state;
	const enum kernel_ask_kind kinds[] = {ASK_WATCH, ASK_SEEN};

	for (size_t i = 0; i < 2; i++) {
		struct kernel_ask *ask = kernel_ask_new(kinds[i]);
		const struct kernel_tell *tell;

		ask->rec.wants.count = 1;
		ask->rec.wants.list[0].number = 1;
		ask->rec.wants.list[0].nonce = 42;
		assert_int_equal(inet_parse("192.0.2.9", &ask->rec.wants.list[0].from), 0);
		kernel_thread_ask(stage->kt, ask);
		tell = await(stage, TELL_WATCH);
		assert_int_equal(tell->err.code, 0);
		assert_int_equal(tell->seen_count, 0);
	}
	kernel_thread_ask(stage->kt, kernel_ask_new(ASK_UNWATCH));
}

/* Descriptors that are handed over are closed, whether or not their question was come to. */
static void what_waits_at_the_end_is_let_go_with_what_it_holds_open(void **state)
{
	struct stage *stage = *state;
	const struct id network = {{1}};
	int fds[2];

	for (size_t i = 0; i < 2; i++) {
		struct kernel_ask *ask = kernel_ask_new(ASK_PLUG);

		fds[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
		ask->rec.local.network = network;
		ask->rec.local.is_host = true;
		ask->box.netns_fd = fds[i];
		kernel_thread_ask(stage->kt, i == 0 ? ask : kernel_ask_new(ASK_STOP));
		if (i == 1)
			kernel_thread_ask(stage->kt, ask);
	}
	kernel_thread_free(stage->kt);
	stage->kt = NULL;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(without_its_helper_a_thread_says_so_and_works),
	    TEST(a_pool_that_overlaps_an_address_of_the_host_is_told_with_it),
	    TEST(of_a_network_that_is_not_here_there_is_no_state),
	    TEST(nothing_is_made_before_the_kernel_may_be_touched_and_all_of_it_then),
	    TEST(who_asks_for_it_hears_once_a_network_that_ended_is_out_of_the_kernel),
	    TEST(what_was_held_goes_before_the_kernel_is_said_to_be_settled),
	    TEST(who_asks_for_it_hears_that_the_kernel_refused_something),
	    TEST(what_a_plug_applied_is_told_with_it),
	    TEST(what_was_made_ahead_is_plugged_in),
	    TEST(what_was_made_ahead_is_taken_back),
	    TEST(what_was_made_ahead_goes_with_the_daemon),
	    TEST(a_box_whose_namespace_is_not_open_is_refused),
	    TEST(what_nobody_watched_is_not_seen),
	    TEST(a_probe_is_watched_for_and_what_came_of_it_told),
	    TEST(what_waits_at_the_end_is_let_go_with_what_it_holds_open),
	};

	if (geteuid() != 0) {
		fputs("skipped: network namespaces are for root (sudo make test)\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
