/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/linux/linux_look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/base/cmocka_all.h"
#include "world.h"

/* What was told, a line each. */
struct told {
	char text[2048];
};

static void tell(struct told *told, const char *a, const char *b)
{
	size_t len = strlen(told->text);

	snprintf(told->text + len, sizeof(told->text) - len, "%s|%s\n", a, b);
}

static int set_up(void **state)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	*state = calloc(1, sizeof(struct told));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static void on_feature(void *arg, const char *feature, const char *why)
{
	tell(arg, feature, why ? why : "");
}

static void this_kernel_has_what_weft_needs(void **state)
{
	struct told *told = *state;

	look_features(told, on_feature);
	assert_string_equal(told->text,
			    "bridge|\nvxlan|\nvxlan forwarding|\nvxlan neighbour "
			    "proxy|\nveth as a locked port|\nnftables|\nnftables at a device|\n");
}

static void what_the_kernel_refuses_is_told_with_its_reason(void **state)
{
	struct told *told = *state;

	/* The name is taken, so the device cannot be made. */
	assert_int_equal(system("ip link add name wfvx001000 type bridge"), 0);
	look_features(told, on_feature);
	assert_non_null(strstr(told->text, "vxlan|File exists"));
	assert_non_null(strstr(told->text, "veth as a locked port|\n"));
}

static void on_vxlan(void *arg, const struct look_vxlan *vxlan)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %u %d %d", vxlan->vni, vxlan->port, vxlan->external,
		 vxlan->is_weft);
	tell(arg, vxlan->name, text);
}

static void vxlan_devices_are_seen_with_their_port(void **state)
{
	struct told *told = *state;

	assert_int_equal(
	    system("ip link add name ta type vxlan id 7 dstport 4789 local 127.0.0.1 && "
		   "ip link add name tb type vxlan external dstport 8472 && "
		   "ip link add name tc type vxlan id 9 dstport 4790 && "
		   "ip link set tc alias weft:00 && ip link add name td type bridge"),
	    0);
	assert_int_equal(look_vxlans(told, on_vxlan), 0);
	assert_non_null(strstr(told->text, "ta|7 4789 0 0\n"));
	assert_non_null(strstr(told->text, "tb|0 8472 1 0\n"));
	assert_non_null(strstr(told->text, "tc|9 4790 0 1\n"));
	assert_null(strstr(told->text, "td|"));
}

static void on_prefix(void *arg, const struct prefix *prefix, const char *what)
{
	char text[PREFIX_TEXT_BYTES];

	prefix_format(prefix, text);
	tell(arg, text, what);
}

static void addresses_and_routes_are_seen(void **state)
{
	struct told *told = *state;

	assert_int_equal(
	    system("ip link add name ta type bridge && ip addr add 192.0.2.1/24 dev ta && "
		   "ip link set ta up && ip route add 198.51.100.0/24 dev ta"),
	    0);
	assert_int_equal(look_prefixes(told, on_prefix), 0);
	assert_non_null(strstr(told->text, "192.0.2.0/24|"));
	assert_non_null(strstr(told->text, "198.51.100.0/24|"));
}

static void the_limits_of_neighbours_are_read(void **state)
{
	struct look_neighbours table;

	(void)state;
	assert_int_equal(look_neighbours(&table), 0);
	assert_true(table.soft > 0 && table.hard >= table.soft);
}

static void neighbours_are_counted_by_what_the_limits_count(void **state)
{
	struct look_neighbours table;

	(void)state;
	/* A bridge would speak to routers by itself, and make a neighbour of them. */
	assert_int_equal(
	    system("ip link add name ta type veth peer name tb && "
		   "ip addr add 192.0.2.1/24 dev ta && "
		   "ip link set ta up && "
		   "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 nud permanent dev ta && "
		   "ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 nud stale dev ta && "
		   "ip neigh add 192.0.2.4 lladdr 02:00:00:00:00:04 nud stale extern_learn dev ta"),
	    0);
	assert_int_equal(look_neighbours(&table), 0);
	assert_int_equal(table.here, 1);
	assert_int_equal(table.exempt, 2);
	assert_true(table.entries >= 3);
}

static void the_rules_of_a_firewall_are_listed(void **state)
{
	struct told *told = *state;
	char *listing, why[LOOK_TEXT_BYTES];

	assert_int_equal(look_rules("list chains", &listing, why), 0);
	assert_null(strstr(listing, "forward"));
	free(listing);
	assert_int_equal(system("nft 'table inet fw { chain f { type filter hook forward priority "
				"0; policy drop; iifname \"wfbr*\" accept; }; }'"),
			 0);
	assert_int_equal(look_rules("list chain inet fw f", &listing, why), 0);
	assert_non_null(strstr(listing, "\"hook\": \"forward\""));
	assert_non_null(strstr(listing, "\"right\": \"wfbr*\""));
	free(listing);
	assert_int_equal(look_rules("list chain inet fw g", &listing, why), -EIO);
	assert_null(listing);
	assert_string_equal(why, "No such file or directory");
	assert_int_equal(look_chain("inet", "fw", "f"), 0);
	assert_int_equal(look_chain("inet", "fw", "g"), -ENOENT);
	assert_int_equal(look_chain("ip", "fw", "f"), -ENOENT);
	assert_int_equal(look_chain("none", "fw", "f"), -EAFNOSUPPORT);
	assert_int_equal(look_allowed(), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(look_rules("list chain inet fw f", &listing, why), -EPERM);
	assert_int_equal(look_chain("inet", "fw", "f"), -EPERM);
	assert_int_equal(seteuid(0), 0);
	assert_null(listing);
	assert_string_equal(why, strerror(EPERM));
	assert_string_equal(told->text, "");
}

static void on_xt(void *arg, const struct look_xt *xt)
{
	char text[64];

	/* What it has of bytes is there. */
	for (size_t i = 0; i < xt->bytes; i++)
		(void)((const volatile char *)xt->info)[i];
	snprintf(text, sizeof(text), "%llu %u %zu", (unsigned long long)xt->handle, xt->revision,
		 xt->bytes);
	tell(arg, xt->name, text);
}

static void matches_of_iptables_are_seen_with_their_bytes(void **state)
{
	struct told *told = *state;

	assert_int_equal(
	    system(
		"iptables-nft -A FORWARD -p icmp -j ACCEPT && iptables-nft -A FORWARD -m state "
		"--state NEW -m addrtype --dst-type LOCAL -m conntrack --ctstate DNAT -j DROP && "
		"iptables-nft -N other && "
		"iptables-nft -A other -m conntrack --ctstate NEW"),
	    0);
	assert_int_equal(look_xts("ip", "filter", "FORWARD", told, on_xt), 0);
	assert_string_equal(told->text, "conntrack|3 3 168\naddrtype|3 1 8\nconntrack|3 3 168\n");
	assert_int_equal(look_xts("ip", "filter", "none", told, on_xt), 0);
	assert_int_equal(look_xts("ip", "none", "none", told, on_xt), 0);
	assert_int_equal(look_xts("none", "filter", "FORWARD", told, on_xt), -EAFNOSUPPORT);
	assert_string_equal(told->text, "conntrack|3 3 168\naddrtype|3 1 8\nconntrack|3 3 168\n");
}

/* A rule with one match, as the kernel tells it. */
static struct nl_msg *rule_message(void)
{
	const struct nfgenmsg head = {.nfgen_family = NFPROTO_IPV4};
	const unsigned char handle[8] = {0, 0, 0, 0, 0, 0, 0, 7};
	struct nl_msg *msg = nlmsg_alloc();
	struct nlattr *list, *item, *data;

	assert_non_null(nlmsg_put(msg, 0, 0, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, 0, 0));
	assert_int_equal(nlmsg_append(msg, (void *)(uintptr_t)&head, sizeof(head), 4), 0);
	assert_int_equal(nla_put_string(msg, NFTA_RULE_TABLE, "t"), 0);
	assert_int_equal(nla_put_string(msg, NFTA_RULE_CHAIN, "c"), 0);
	assert_int_equal(nla_put(msg, NFTA_RULE_HANDLE, sizeof(handle), handle), 0);
	list = nla_nest_start(msg, NFTA_RULE_EXPRESSIONS);
	item = nla_nest_start(msg, NFTA_LIST_ELEM);
	assert_int_equal(nla_put_string(msg, NFTA_EXPR_NAME, "match"), 0);
	data = nla_nest_start(msg, NFTA_EXPR_DATA);
	assert_int_equal(nla_put_string(msg, NFTA_MATCH_NAME, "state"), 0);
	assert_int_equal(nla_put_u32(msg, NFTA_MATCH_REV, 0), 0);
	assert_int_equal(nla_put(msg, NFTA_MATCH_INFO, sizeof(handle), handle), 0);
	nla_nest_end(msg, data);
	nla_nest_end(msg, item);
	nla_nest_end(msg, list);
	return msg;
}

/* Reads a copy of a message that is this long, and says so in its head. */
static void take(const struct nlmsghdr *message, size_t bytes, struct told *told, size_t at,
		 unsigned char xor)
{
	struct nlmsghdr *copy = malloc(bytes);

	assert_non_null(copy);
	memcpy(copy, message, bytes);
	copy->nlmsg_len = (uint32_t)bytes;
	((unsigned char *)copy)[at] ^= xor;
	copy->nlmsg_len = (uint32_t)bytes;
	told->text[0] = '\0';
	look_xt_take("ip", "t", "c", copy, told, on_xt);
	free(copy);
}

/* What is cut or spoilt is passed over; here and under ASan nothing is read that is not there. */
static void messages_that_are_spoilt_tell_nothing_wrong(void **state)
{
	struct told *told = *state;
	struct nl_msg *msg = rule_message();
	const struct nlmsghdr *whole = nlmsg_hdr(msg);
	const size_t bytes = whole->nlmsg_len;

	take(whole, bytes, told, 0, 0);
	assert_string_equal(told->text, "state|7 0 8\n");
	look_xt_take("inet", "t", "c", nlmsg_hdr(msg), told, on_xt);
	look_xt_take("ip", "u", "c", nlmsg_hdr(msg), told, on_xt);
	look_xt_take("ip", "t", "d", nlmsg_hdr(msg), told, on_xt);
	look_xt_take("none", "t", "c", nlmsg_hdr(msg), told, on_xt);
	assert_string_equal(told->text, "state|7 0 8\n");
	for (size_t len = NLMSG_HDRLEN; len < bytes; len++) {
		take(whole, len, told, 0, 0);
		assert_string_equal(told->text, "");
	}
	for (size_t at = NLMSG_HDRLEN; at < bytes; at++) {
		for (unsigned xor = 1; xor < 256; xor ++)
			take(whole, bytes, told, at, (unsigned char)xor);
	}
	nlmsg_free(msg);
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    ALONE(this_kernel_has_what_weft_needs),
	    ALONE(what_the_kernel_refuses_is_told_with_its_reason),
	    ALONE(vxlan_devices_are_seen_with_their_port),
	    ALONE(addresses_and_routes_are_seen),
	    ALONE(the_limits_of_neighbours_are_read),
	    ALONE(neighbours_are_counted_by_what_the_limits_count),
	    ALONE(the_rules_of_a_firewall_are_listed),
	    ALONE(matches_of_iptables_are_seen_with_their_bytes),
	    ALONE(messages_that_are_spoilt_tell_nothing_wrong),
	};

	if (!world_is_possible())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
