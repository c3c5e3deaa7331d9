/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What libnftables does not tell of a firewall, asked of the kernel (linux/netfilter/nf_tables.h):
 * whether a chain stands, whether this user may ask, and what iptables' matches within rules ask
 * for (nft_compat), of which a listing has the names.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "linux_look.h"
#include "netlink.h"

struct xts {
	uint8_t family;
	const char *table, *chain;
	void *arg;
	look_xt_fn *each;
};

static const struct {
	const char *name;
	uint8_t number;
} families[] = {{"ip", NFPROTO_IPV4},
		{"ip6", NFPROTO_IPV6},
		{"inet", NFPROTO_INET},
		{"bridge", NFPROTO_BRIDGE}};

/* An attribute's text, or NULL where it has none that ends. */
static const char *text_of(const struct nlattr *attr)
{
	const char *text = attr ? nla_data(attr) : NULL;

	return text && memchr(text, '\0', (size_t)nla_len(attr)) ? text : NULL;
}

static bool has_text(const struct nlattr *attr, const char *wanted)
{
	const char *text = text_of(attr);

	return text && strcmp(text, wanted) == 0;
}

static void take_expression(const struct xts *xts, uint64_t handle, struct nlattr *expression)
{
	struct nlattr *attrs[NFTA_EXPR_MAX + 1], *match[NFTA_MATCH_MAX + 1];
	struct look_xt xt = {.handle = handle};

	if (nla_parse_nested(attrs, NFTA_EXPR_MAX, expression, NULL) != 0 ||
	    !has_text(attrs[NFTA_EXPR_NAME], "match") || !attrs[NFTA_EXPR_DATA] ||
	    nla_parse_nested(match, NFTA_MATCH_MAX, attrs[NFTA_EXPR_DATA], NULL) != 0 ||
	    !match[NFTA_MATCH_REV] || nla_len(match[NFTA_MATCH_REV]) != sizeof(uint32_t) ||
	    !match[NFTA_MATCH_INFO])
		return;
	xt.name = text_of(match[NFTA_MATCH_NAME]);
	xt.revision = ntohl(nla_get_u32(match[NFTA_MATCH_REV]));
	xt.info = nla_data(match[NFTA_MATCH_INFO]);
	xt.bytes = (size_t)nla_len(match[NFTA_MATCH_INFO]);
	if (xt.name)
		xts->each(xts->arg, &xt);
}

static void take_rule(void *arg, struct nlmsghdr *nlh)
{
	const struct xts *xts = arg;
	const struct nfgenmsg *head = nlmsg_data(nlh);
	struct nlattr *attrs[NFTA_RULE_MAX + 1], *item;
	uint64_t handle;
	int left;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE) ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, NFTA_RULE_MAX, NULL) != 0 ||
	    head->nfgen_family != xts->family || !has_text(attrs[NFTA_RULE_TABLE], xts->table) ||
	    !has_text(attrs[NFTA_RULE_CHAIN], xts->chain) || !attrs[NFTA_RULE_HANDLE] ||
	    nla_len(attrs[NFTA_RULE_HANDLE]) != sizeof(handle) || !attrs[NFTA_RULE_EXPRESSIONS])
		return;
	memcpy(&handle, nla_data(attrs[NFTA_RULE_HANDLE]), sizeof(handle));
	handle = be64toh(handle);
	nla_for_each_nested(item, attrs[NFTA_RULE_EXPRESSIONS], left)
	{
		if (nla_type(item) == NFTA_LIST_ELEM)
			take_expression(xts, handle, item);
	}
}

static bool number_of(const char *family, uint8_t *number)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		*number = families[i].number;
		if (strcmp(families[i].name, family) == 0)
			return true;
	}
	return false;
}

void look_xt_take(const char *family, const char *table, const char *chain, void *message,
		  void *arg, look_xt_fn *each)
{
	struct xts xts = {.table = table, .chain = chain, .arg = arg, .each = each};

	if (number_of(family, &xts.family))
		take_rule(&xts, message);
}

int look_xts(const char *family, const char *table, const char *chain, void *arg, look_xt_fn *each)
{
	struct xts xts = {.table = table, .chain = chain, .arg = arg, .each = each};
	struct nfgenmsg head = {.version = NFNETLINK_V0};
	struct nl_msg *msg;
	struct chan chan;
	int status;

	if (!number_of(family, &xts.family))
		return -EAFNOSUPPORT;
	status = chan_open(&chan, NETLINK_NETFILTER, -1);
	if (status != 0)
		return status;
	head.nfgen_family = xts.family;
	msg = chan_begin(&chan, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP, &head,
			 sizeof(head));
	if (nla_put_string(msg, NFTA_RULE_TABLE, table) != 0 ||
	    nla_put_string(msg, NFTA_RULE_CHAIN, chain) != 0)
		status = -ENAMETOOLONG;
	else
		status = chan_dump(&chan, take_rule, &xts);
	chan_close(&chan);
	return status;
}

/* ---- why a listing failed ---- */

static void each_ignored(void *arg, struct nlmsghdr *nlh)
{
	(void)arg;
	(void)nlh;
}

int look_allowed(void)
{
	const struct nfgenmsg head = {.version = NFNETLINK_V0};
	struct chan chan;
	int status = chan_open(&chan, NETLINK_NETFILTER, -1);

	if (status != 0)
		return status;
	(void)chan_begin(&chan, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, &head, sizeof(head));
	status = chan_get(&chan, each_ignored, NULL);
	chan_close(&chan);
	return status;
}

int look_chain(const char *family, const char *table, const char *chain)
{
	struct nfgenmsg head = {.version = NFNETLINK_V0};
	struct nl_msg *msg;
	struct chan chan;
	int status;

	if (!number_of(family, &head.nfgen_family))
		return -EAFNOSUPPORT;
	status = chan_open(&chan, NETLINK_NETFILTER, -1);
	if (status != 0)
		return status;
	msg =
	    chan_begin(&chan, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, 0, &head, sizeof(head));
	if (nla_put_string(msg, NFTA_CHAIN_TABLE, table) != 0 ||
	    nla_put_string(msg, NFTA_CHAIN_NAME, chain) != 0)
		status = -ENAMETOOLONG;
	else
		status = chan_get(&chan, each_ignored, NULL);
	chan_close(&chan);
	return status;
}
