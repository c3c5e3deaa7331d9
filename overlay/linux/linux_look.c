/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "linux_look.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/heap.h"
#include "linux_parts.h"
#include "overlay/trial.h"

/* ---- features ---- */

#define TRIAL_BRIDGE "wfbr001000" /* as TRIAL_VNI has it */
#define TRIAL_VXLAN "wfvx001000"
#define TRIAL_VETH "wfvetrial"

static const struct inet trial_vtep = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9}};
static const struct mac trial_mac = {{2, 0, 0, 0, 0, 9}};

static const struct klink trial_bridge = {.name = TRIAL_BRIDGE,
					  .kind = KLINK_BRIDGE,
					  .up = 1,
					  .addrgen_none = 1,
					  .mac = {{2, 0, 0, 0, 0, 1}},
					  .mtu = 1450};
static const struct klink trial_vxlan = {
    .name = TRIAL_VXLAN,
    .master = TRIAL_BRIDGE,
    .kind = KLINK_VXLAN,
    .up = 1,
    .addrgen_none = 1,
    .mac = {{2, 0, 0, 0, 0, 2}},
    .mtu = 1450,
    .vxlan = {.vni = TRIAL_VNI, .port = 4789, .proxy = 1, .df = 1},
    .port = {.flood = 1}};
static const struct klink trial_veth = {.name = TRIAL_VETH,
					.master = TRIAL_BRIDGE,
					.kind = KLINK_VETH,
					.up = 1,
					.addrgen_none = 1,
					.mac = {{2, 0, 0, 0, 0, 3}},
					.mtu = 1450,
					.port = {.locked = 1}};

struct trial {
	char why[LOOK_TEXT_BYTES];
};

static void note(void *arg, size_t place, int error, const char *text)
{
	struct trial *trial = arg;

	(void)place;
	(void)snprintf(trial->why, sizeof(trial->why), "%s%s%s", strerror(error),
		       text[0] != '\0' ? ": " : "", text);
}

static bool try_op(struct linux_kernel *kernel, enum kobj_kind kind, const void *obj,
		   const char *feature, void *arg,
		   void (*each)(void *arg, const char *feature, const char *why))
{
	struct kop op = {
	    .verb = KVERB_CREATE, .kind = (uint8_t)kind, .fields = KLINK_ALL, .obj = obj};
	struct trial trial = {""};
	int status = linux_apply(kernel, &op, 1, note, &trial);

	if (status != 0 && trial.why[0] == '\0')
		note(&trial, 0, -status, "");
	each(arg, feature, trial.why[0] != '\0' ? trial.why : NULL);
	return trial.why[0] == '\0';
}

/* Both ends stay here: what is tried is the device and its flags as a port. */
static void try_veth(struct linux_kernel *kernel, void *arg,
		     void (*each)(void *arg, const char *feature, const char *why))
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	char text[CHAN_TEXT_BYTES] = "";
	struct trial trial = {""};
	struct nl_msg *msg =
	    chan_begin(&kernel->rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	struct nlattr *info;
	int status;

	(void)nla_put_string(msg, IFLA_IFNAME, TRIAL_VETH);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	(void)nla_put_string(msg, IFLA_INFO_KIND, "veth");
	(void)nla_nest_end(msg, info);
	status = chan_call(&kernel->rtnl, text);
	if (status == 0)
		status = linux_link_change(kernel, &trial_veth,
					   KLINK_MASTER | KLINK_PORT | KLINK_UP, text);
	if (status != 0)
		note(&trial, 0, -status, text);
	each(arg, "veth as a locked port", status == 0 ? NULL : trial.why);
}

static bool try_rules(struct linux_kernel *kernel, enum krules table, const char *feature,
		      void *arg, void (*each)(void *arg, const char *feature, const char *why))
{
	char *text = trial_rules(table);
	struct trial rules = {""};
	int status = linux_rules_set(kernel, table, text, rules.why, sizeof(rules.why));

	free(text);
	if (status != 0 && rules.why[0] == '\0')
		note(&rules, 0, -status, "");
	each(arg, feature, status == 0 ? NULL : rules.why);
	return status == 0;
}

void look_features(void *arg, void (*each)(void *arg, const char *feature, const char *why))
{
	struct page_source pages = page_source_mmap();
	struct kfdb fdb = {.dev = TRIAL_VXLAN, .mac = trial_mac, .dst = trial_vtep};
	struct kneigh neigh = {.dev = TRIAL_VXLAN, .mac = trial_mac};
	struct weft_err err = {0};
	struct linux_kernel *kernel = linux_kernel_open(&pages, 1, &err);
	bool has_vxlan = false;

	if (kernel == NULL) {
		each(arg, "netlink", err.message);
		return;
	}
	(void)inet_parse("10.0.0.9", &neigh.ip);
	if (try_op(kernel, KOBJ_LINK, &trial_bridge, "bridge", arg, each)) {
		has_vxlan = try_op(kernel, KOBJ_LINK, &trial_vxlan, "vxlan", arg, each);
		if (has_vxlan) {
			(void)try_op(kernel, KOBJ_FDB, &fdb, "vxlan forwarding", arg, each);
			(void)try_op(kernel, KOBJ_NEIGH, &neigh, "vxlan neighbour proxy", arg,
				     each);
		}
		try_veth(kernel, arg, each);
	}
	if (try_rules(kernel, KRULES_HOST, "nftables", arg, each) && has_vxlan)
		(void)try_rules(kernel, KRULES_PORTS, LOOK_MULTICAST, arg, each);
	linux_kernel_close(kernel);
}

/* ---- neighbours ---- */

static void take_table(void *arg, struct nlmsghdr *nlh)
{
	struct look_neighbours *out = arg;
	struct nlattr *attrs[NDTA_MAX + 1];
	const struct ndtmsg *head = nlmsg_data(nlh);
	const struct ndt_config *config;
	const struct ndt_stats *stats;

	if (nlh->nlmsg_type != RTM_NEWNEIGHTBL || head->ndtm_family != AF_INET ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, NDTA_MAX, NULL) != 0 || !attrs[NDTA_THRESH3] ||
	    !attrs[NDTA_THRESH2])
		return;
	out->soft = nla_get_u32(attrs[NDTA_THRESH2]);
	out->hard = nla_get_u32(attrs[NDTA_THRESH3]);
	if (attrs[NDTA_CONFIG] && nla_len(attrs[NDTA_CONFIG]) >= (int)sizeof(*config)) {
		config = nla_data(attrs[NDTA_CONFIG]);
		out->entries = config->ndtc_entries;
	}
	if (attrs[NDTA_STATS] && nla_len(attrs[NDTA_STATS]) >= (int)sizeof(*stats)) {
		stats = nla_data(attrs[NDTA_STATS]);
		out->refused = stats->ndts_table_fulls;
	}
}

static void take_neighbour(void *arg, struct nlmsghdr *nlh)
{
	struct look_neighbours *out = arg;
	const struct ndmsg *head = nlmsg_data(nlh);

	if (nlh->nlmsg_type != RTM_NEWNEIGH || head->ndm_family != AF_INET)
		return;
	if ((head->ndm_state & NUD_PERMANENT) || (head->ndm_flags & NTF_EXT_LEARNED))
		out->exempt++;
	else
		out->here++;
}

static int dump(int protocol, uint16_t type, const void *head, size_t head_bytes,
		chan_each_fn *each, void *arg)
{
	struct chan chan;
	int status = chan_open(&chan, protocol, -1);

	if (status != 0)
		return status;
	(void)chan_begin(&chan, type, NLM_F_DUMP, head, head_bytes);
	status = chan_dump(&chan, each, arg);
	chan_close(&chan);
	return status;
}

int look_neighbours(struct look_neighbours *out)
{
	const struct ndtmsg head = {.ndtm_family = AF_INET};
	const struct ndmsg neighbours = {.ndm_family = AF_INET};
	int status;

	*out = (struct look_neighbours){0};
	status = dump(NETLINK_ROUTE, RTM_GETNEIGHTBL, &head, sizeof(head), take_table, out);
	if (status == 0 && out->hard == 0)
		return -ENODATA;
	if (status == 0)
		status = dump(NETLINK_ROUTE, RTM_GETNEIGH, &neighbours, sizeof(neighbours),
			      take_neighbour, out);
	return status;
}

/* ---- VXLAN devices ---- */

struct vxlans {
	void *arg;
	void (*each)(void *arg, const struct look_vxlan *vxlan);
};

static void take_link(void *arg, struct nlmsghdr *nlh)
{
	const struct vxlans *vxlans = arg;
	struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *data[IFLA_VXLAN_MAX + 1];
	struct look_vxlan vxlan = {.vni = 0};

	if (nlmsg_parse(nlh, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) != 0 ||
	    !attrs[IFLA_IFNAME] || !attrs[IFLA_LINKINFO] ||
	    nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) != 0 ||
	    !info[IFLA_INFO_KIND] || strcmp(nla_get_string(info[IFLA_INFO_KIND]), "vxlan") != 0 ||
	    !info[IFLA_INFO_DATA] ||
	    nla_parse_nested(data, IFLA_VXLAN_MAX, info[IFLA_INFO_DATA], NULL) != 0)
		return;
	(void)snprintf(vxlan.name, sizeof(vxlan.name), "%.15s", nla_get_string(attrs[IFLA_IFNAME]));
	vxlan.is_weft =
	    attrs[IFLA_IFALIAS] && name_alias_is_weft(nla_get_string(attrs[IFLA_IFALIAS]));
	if (data[IFLA_VXLAN_ID])
		vxlan.vni = nla_get_u32(data[IFLA_VXLAN_ID]);
	if (data[IFLA_VXLAN_PORT])
		vxlan.port = ntohs(nla_get_u16(data[IFLA_VXLAN_PORT]));
	vxlan.external =
	    data[IFLA_VXLAN_COLLECT_METADATA] && nla_get_u8(data[IFLA_VXLAN_COLLECT_METADATA]) != 0;
	vxlans->each(vxlans->arg, &vxlan);
}

int look_vxlans(void *arg, void (*each)(void *arg, const struct look_vxlan *vxlan))
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct vxlans vxlans = {arg, each};

	return dump(NETLINK_ROUTE, RTM_GETLINK, &head, sizeof(head), take_link, &vxlans);
}

int look_prefixes(void *arg, void (*each)(void *arg, const struct prefix *prefix, const char *what))
{
	struct page_source pages = page_source_mmap();
	struct weft_err err = {0};
	struct linux_kernel *kernel = linux_kernel_open(&pages, 1, &err);
	int status;

	if (kernel == NULL)
		return -EPERM;
	status = linux_each_prefix(kernel, arg, each);
	linux_kernel_close(kernel);
	return status;
}

/* ---- the firewall ---- */

int look_rules(const char *command, char **listing, char why[LOOK_TEXT_BYTES])
{
	static const char mark[] = "Error: ";
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	const char *words;
	int status = 0;

	*listing = NULL;
	(void)snprintf(why, LOOK_TEXT_BYTES, "%s", strerror(ENOMEM));
	if (nft == NULL)
		return -ENOMEM;
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_JSON);
	(void)nft_ctx_buffer_output(nft);
	(void)nft_ctx_buffer_error(nft);
	if (nft_run_cmd_from_buffer(nft, command) != 0) {
		status = look_allowed();
		words = status != 0 ? strerror(-status) : nft_ctx_get_error_buffer(nft);
		if (strncmp(words, mark, strlen(mark)) == 0)
			words += strlen(mark);
		(void)snprintf(why, LOOK_TEXT_BYTES, "%s", words);
		why[strcspn(why, "\n")] = '\0';
		status = status != 0 ? status : -EIO;
	} else {
		why[0] = '\0';
		*listing = strdup(nft_ctx_get_output_buffer(nft));
	}
	nft_ctx_free(nft);
	return status;
}
