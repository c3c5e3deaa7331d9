/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A veth that is made ahead of its attach: it shows nobody anything, the attach goes on from it,
 * and whatever becomes of it in between, the box ends up plugged in whole or not at all.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "overlay/names.h"
#include "world.h"
#include "test/base/cmocka_all.h"

struct stage {
	struct world world;
	struct id red;
	struct rec_network rec;
	struct host *host;
	struct local_endpoint endpoint;
	struct overlay_box fds;
};

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	*state = stage;
	stage->red = world_id(4, 1);
	stage->host = &stage->world.hosts[0];
	world_open(&stage->world, OVERLAY_LAYOUT_AUTO, OVERLAY_FDB_AUTO);
	world_network(&stage->rec, "10.7.0.0/24", "10.7.0.1", 4096);
	world_share(&stage->world, &stage->red, &stage->rec);
	assert_true(host_settle(&stage->world, stage->host, 2000));
	stage->endpoint = (struct local_endpoint){
	    .id = world_id(2, 1), .network = stage->red, .ifname = "eth0", .addr_count = 1};
	stage->endpoint.mac = mac_of_endpoint(&stage->endpoint.id);
	assert_int_equal(prefix_parse("10.7.0.11/24", &stage->endpoint.addrs[0]), 0);
	stage->fds.netns_fd = world_new_ns(&stage->world);
	world_go(stage->fds.netns_fd);
	stage->fds.rtnl_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	assert_true(stage->fds.rtnl_fd >= 0);
	world_go(stage->world.home);
	return 0;
}

static void make(struct stage *stage)
{
	world_go(stage->host->ns);
	overlay_make(stage->host->ov, &stage->endpoint, &stage->fds);
	world_go(stage->world.home);
}

static int attach(struct stage *stage, struct weft_err *err)
{
	int code;

	world_go(stage->host->ns);
	code = overlay_attach(stage->host->ov, &stage->endpoint, &stage->fds,
			      mono_add_ms((struct mono){0}, 1), NULL, NULL, err);
	world_go(stage->world.home);
	return code;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	close(stage->fds.rtnl_fd);
	close(stage->fds.netns_fd);
	world_close(&stage->world);
	free(stage);
	return 0;
}

/* The number of the far end, as text; empty when there is none. */
static void read_number(const struct stage *stage, char out[32])
{
	ns_read(stage->fds.netns_fd, out, 32, "ip -o link show eth0 2>/dev/null | cut -d: -f1");
}

static size_t ports(const struct stage *stage)
{
	char text[32];

	ns_read(stage->host->ns, text, sizeof(text), "ip -br link | grep -c wfe");
	return strtoul(text, NULL, 10);
}

static void assert_plugged(struct stage *stage)
{
	struct weft_err err = {0};

	if (attach(stage, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(ns_run(stage->fds.netns_fd,
				"ip link show eth0 | grep -q 'mtu 1450.*UP' && "
				"ip addr show eth0 | grep -q 'inet 10.7.0.11/24' && "
				"ip route | grep -q 'default via 10.7.0.1 dev eth0'"),
			 0);
	assert_true(ns_pings(stage->fds.netns_fd, "10.7.0.1"));
	assert_true(host_settle(&stage->world, stage->host, 2000));
	assert_int_equal(ports(stage), 1);
	assert_int_equal(stage->host->told_failed + stage->host->told_lost, 0);
}

static void it_is_down_and_without_an_address_until_the_attach(void **state)
{
	struct stage *stage = *state;
	char before[32], after[32], port[IFNAME_BYTES];

	make(stage);
	assert_true(stage->fds.made > 0);
	name_port(&stage->endpoint.id, port);
	assert_int_equal(ns_run(stage->fds.netns_fd,
				"ip link show eth0 | grep -q 'state DOWN' && "
				"test -z \"$(ip addr show eth0 | grep inet)\""),
			 0);
	assert_int_equal(ns_run(stage->host->ns,
				"ip link show %s | grep -q 'state DOWN' && "
				"! ip link show %s | grep -q master",
				port, port),
			 0);
	read_number(stage, before);
	assert_plugged(stage);
	read_number(stage, after);
	assert_string_equal(before, after);
}

/* The first request on the box's socket once more, for a device that is not there. */
static void ask_in_vain(const struct stage *stage)
{
	const struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} ask = {.head = {.nlmsg_len = sizeof(ask),
			  .nlmsg_type = RTM_GETLINK,
			  .nlmsg_flags = NLM_F_REQUEST,
			  .nlmsg_seq = 1},
		 .link = {.ifi_index = 9999}};

	assert_int_equal(send(stage->fds.rtnl_fd, &ask, sizeof(ask), 0), sizeof(ask));
}

/* What the attach asks in the box is not answered by what was answered to the making of it. */
static void an_answer_that_came_late_is_not_the_attachs(void **state)
{
	struct stage *stage = *state;
	char before[32], after[32];

	make(stage);
	read_number(stage, before);
	ask_in_vain(stage);
	assert_plugged(stage);
	read_number(stage, after);
	assert_string_equal(before, after); /* else it was made anew */
}

/* Neither by notifications nor otherwise: an attach costs the same with many boxes. */
static void it_has_nobody_else_read(void **state)
{
	struct stage *stage = *state;
	struct overlay_totals before, after;

	overlay_totals_get(stage->host->ov, &before);
	make(stage);
	assert_true(host_settle(&stage->world, stage->host, 2000));
	assert_plugged(stage);
	overlay_totals_get(stage->host->ov, &after);
	assert_int_equal(after.dumps, before.dumps);
}

static void what_is_not_attached_after_all_goes_at_both_ends(void **state)
{
	struct stage *stage = *state;
	char number[32];

	make(stage);
	assert_int_equal(ports(stage), 1);
	world_go(stage->host->ns);
	overlay_unmake(stage->host->ov, &stage->endpoint, &stage->fds);
	world_go(stage->world.home);
	assert_int_equal(ports(stage), 0);
	read_number(stage, number);
	assert_string_equal(number, "");
	assert_true(host_settle(&stage->world, stage->host, 2000));
	assert_int_equal(stage->host->told_failed + stage->host->told_lost, 0);
}

/* As after a daemon that died between the two: no row explains it. */
static void what_is_swept_meanwhile_is_made_anew(void **state)
{
	struct stage *stage = *state;

	make(stage);
	overlay_mark_all(stage->host->ov, (struct mono){0});
	assert_true(host_settle(&stage->world, stage->host, 2000));
	assert_int_equal(ports(stage), 0);
	assert_plugged(stage);
}

/* Its number is free again, and another device of the box has its name. */
static void what_took_its_place_is_not_touched(void **state)
{
	struct stage *stage = *state;
	struct weft_err err = {0};
	char port[IFNAME_BYTES];

	make(stage);
	name_port(&stage->endpoint.id, port);
	assert_int_equal(ns_run(stage->host->ns, "ip link del %s", port), 0);
	assert_int_equal(ns_run(stage->fds.netns_fd, "ip link add eth0 type bridge"), 0);
	assert_int_equal(attach(stage, &err), WEFT_E_EXISTS);
	assert_int_equal(ns_run(stage->fds.netns_fd, "ip -d link show eth0 | grep -q bridge && "
						     "! ip addr show eth0 | grep -q inet"),
			 0);
	assert_int_equal(ports(stage), 0);
}

static void who_took_its_name_is_not_touched(void **state)
{
	struct stage *stage = *state;
	struct weft_err err = {0};
	char port[IFNAME_BYTES];

	make(stage);
	name_port(&stage->endpoint.id, port);
	assert_int_equal(ns_run(stage->host->ns, "ip link del %s", port), 0);
	assert_int_equal(ns_run(stage->host->ns, "ip link add %s type bridge", port), 0);
	assert_int_not_equal(attach(stage, &err), 0);
	assert_int_equal(ns_run(stage->host->ns, "ip -d link show %s | grep -q bridge", port), 0);
}

static void a_taken_name_is_the_attachs_to_tell(void **state)
{
	struct stage *stage = *state;
	struct weft_err err = {0};

	assert_int_equal(ns_run(stage->fds.netns_fd, "ip link add eth0 type bridge"), 0);
	make(stage);
	assert_int_equal(stage->fds.made, 0);
	assert_int_equal(ports(stage), 0);
	assert_int_equal(attach(stage, &err), WEFT_E_EXISTS);
	assert_non_null(strstr(err.message, "eth0"));
	assert_int_equal(ports(stage), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(it_is_down_and_without_an_address_until_the_attach),
	    TEST(an_answer_that_came_late_is_not_the_attachs),
	    TEST(it_has_nobody_else_read),
	    TEST(what_is_not_attached_after_all_goes_at_both_ends),
	    TEST(what_is_swept_meanwhile_is_made_anew),
	    TEST(what_took_its_place_is_not_touched),
	    TEST(who_took_its_name_is_not_touched),
	    TEST(a_taken_name_is_the_attachs_to_tell),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
