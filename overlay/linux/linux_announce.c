/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What has to be said when an address changes its holder: the boxes' neighbour caches would keep
 * the old MAC until it is found dead, and connection tracking would keep rewriting flows that
 * belonged to somebody else. A gratuitous ARP (RFC 5227, section 3) or an unsolicited neighbour
 * advertisement (RFC 4861, section 7.2.6) goes into the bridge; flows of the address are deleted.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "linux_parts.h"

struct arp_frame {
	struct ether_header ether;
	struct ether_arp arp;
} __attribute__((packed));

struct advert_frame {
	struct ether_header ether;
	struct ip6_hdr ip;
	struct nd_neighbor_advert advert;
	struct nd_opt_hdr option;
	uint8_t mac[6];
} __attribute__((packed));

_Static_assert(sizeof(struct arp_frame) == 42, "an ARP frame without padding");
_Static_assert(sizeof(struct advert_frame) == 86, "an advertisement with its option");

static void fill_arp(struct arp_frame *frame, const struct inet *ip, const struct mac *mac)
{
	memset(frame, 0, sizeof(*frame));
	memset(frame->ether.ether_dhost, 0xff, 6);
	memcpy(frame->ether.ether_shost, mac->b, 6);
	frame->ether.ether_type = htons(ETHERTYPE_ARP);
	frame->arp.arp_hrd = htons(ARPHRD_ETHER);
	frame->arp.arp_pro = htons(ETHERTYPE_IP);
	frame->arp.arp_hln = 6;
	frame->arp.arp_pln = 4;
	frame->arp.arp_op = htons(ARPOP_REQUEST);
	memcpy(frame->arp.arp_sha, mac->b, 6);
	memcpy(frame->arp.arp_spa, ip->b + 12, 4);
	memcpy(frame->arp.arp_tpa, ip->b + 12, 4);
}

static uint32_t sum_words(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return sum;
}

static void fill_advert(struct advert_frame *frame, const struct inet *ip, const struct mac *mac)
{
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	const size_t payload = sizeof(*frame) - sizeof(frame->ether) - sizeof(frame->ip);
	const uint8_t *bytes = (const uint8_t *)frame;
	uint32_t sum;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->ether.ether_dhost, all_nodes_mac, 6);
	memcpy(frame->ether.ether_shost, mac->b, 6);
	frame->ether.ether_type = htons(ETHERTYPE_IPV6);
	frame->ip.ip6_flow = htonl(6u << 28);
	frame->ip.ip6_plen = htons((uint16_t)payload);
	frame->ip.ip6_nxt = IPPROTO_ICMPV6;
	frame->ip.ip6_hlim = 255;
	memcpy(&frame->ip.ip6_src, ip->b, 16);
	frame->ip.ip6_dst.s6_addr[0] = 0xff;
	frame->ip.ip6_dst.s6_addr[1] = 0x02;
	frame->ip.ip6_dst.s6_addr[15] = 1;
	frame->advert.nd_na_hdr.icmp6_type = ND_NEIGHBOR_ADVERT;
	frame->advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&frame->advert.nd_na_target, ip->b, 16);
	frame->option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
	frame->option.nd_opt_len = 1;
	memcpy(frame->mac, mac->b, 6);
	/* over the addresses (pseudo header) and the payload; see RFC 8200, section 8.1 */
	sum = sum_words(bytes + sizeof(frame->ether) + 8, 32 + payload) + (uint32_t)payload +
	      IPPROTO_ICMPV6;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	frame->advert.nd_na_hdr.icmp6_cksum = htons((uint16_t)~sum);
}

int linux_announce(void *ctx, const char *bridge, const struct inet *ip, const struct mac *mac)
{
	struct linux_kernel *kernel = ctx;
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_ifindex = linux_device_find(kernel, bridge)};
	union {
		struct arp_frame arp;
		struct advert_frame advert;
	} frame;
	size_t len = inet_is_v4(ip) ? sizeof(frame.arp) : sizeof(frame.advert);
	int fd, error = 0;

	if (to.sll_ifindex == 0)
		return -ENODEV;
	if (inet_is_v4(ip))
		fill_arp(&frame.arp, ip, mac);
	else
		fill_advert(&frame.advert, ip, mac);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing */
	if (fd < 0)
		return -errno;
	if (sendto(fd, &frame, len, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)len)
		error = errno;
	close(fd);
	return -error;
}

struct flows {
	struct chan *deleting;
	struct inet ip;
	uint8_t family;
};

/* True when the tuple has the address as its source or destination. */
static bool tuple_has(struct nlattr *tuple, const struct inet *ip)
{
	struct nlattr *parts[CTA_TUPLE_MAX + 1], *ips[CTA_IP_MAX + 1];
	bool v4 = inet_is_v4(ip);
	const uint8_t *bytes = v4 ? ip->b + 12 : ip->b;
	const int attrs[2] = {v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC,
			      v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST};

	if (tuple == NULL || nla_parse_nested(parts, CTA_TUPLE_MAX, tuple, NULL) != 0 ||
	    parts[CTA_TUPLE_IP] == NULL ||
	    nla_parse_nested(ips, CTA_IP_MAX, parts[CTA_TUPLE_IP], NULL) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		if (ips[attrs[i]] != NULL && nla_len(ips[attrs[i]]) == (v4 ? 4 : 16) &&
		    memcmp(nla_data(ips[attrs[i]]), bytes, v4 ? 4 : 16) == 0)
			return true;
	}
	return false;
}

static void each_flow(void *arg, struct nlmsghdr *nlh)
{
	static const int kept[] = {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID};
	struct flows *flows = arg;
	struct nfgenmsg head = {.nfgen_family = flows->family, .version = NFNETLINK_V0};
	struct nlattr *attrs[CTA_MAX + 1];
	struct nl_msg *msg;

	if (nlmsg_parse(nlh, sizeof(head), attrs, CTA_MAX, NULL) != 0 ||
	    (!tuple_has(attrs[CTA_TUPLE_ORIG], &flows->ip) &&
	     !tuple_has(attrs[CTA_TUPLE_REPLY], &flows->ip)))
		return;
	msg = chan_begin(flows->deleting, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0,
			 &head, sizeof(head));
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		struct nlattr *attr = attrs[kept[i]];

		if (attr != NULL)
			(void)nla_put(msg, attr->nla_type, nla_len(attr), nla_data(attr));
	}
	(void)chan_call(flows->deleting, NULL); /* gone meanwhile is as good */
}

int linux_flush_flows(void *ctx, const struct inet *ip)
{
	struct flows flows = {.ip = *ip, .family = inet_is_v4(ip) ? AF_INET : AF_INET6};
	const struct nfgenmsg head = {.nfgen_family = flows.family, .version = NFNETLINK_V0};
	struct chan reading, deleting;
	int status = chan_open(&reading, NETLINK_NETFILTER, -1);

	(void)ctx;
	if (status != 0)
		return status;
	status = chan_open(&deleting, NETLINK_NETFILTER, -1);
	if (status == 0) {
		flows.deleting = &deleting;
		(void)chan_begin(&reading, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, &head,
				 sizeof(head));
		status = chan_dump(&reading, each_flow, &flows);
		chan_close(&deleting);
	}
	chan_close(&reading);
	return status == -EINTR ? 0 : status;
}
